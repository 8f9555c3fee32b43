// --report-to: URLs that carry passwords, of which none may be told to anybody.
#include "jobinit/deliver/sink.hpp"
#include "properties.hpp"

namespace {

using namespace jobinit;
using fuzz::require;

constexpr std::string_view kSecret = "Pl4nt3d!";

// The fuzzer sees what is compared, and would write the secret itself where it may be shown.
std::string without_secret(std::string_view text) {
  std::string clean(text);
  for (std::size_t at = clean.find(kSecret); at != std::string::npos; at = clean.find(kSecret)) {
    clean.erase(at, 1);
  }
  return clean;
}

// A user name as a URL can hold one (RFC 3986, 3.2.1): what ends the authority would make the password a part of the
// path.
std::string without(std::string_view letters, std::string_view text) {
  std::string name;
  for (const char c : text) {
    if (letters.find(c) == std::string_view::npos) {
      name += c;
    }
  }
  return name;
}

void check(const std::string& text) {
  const auto sink = deliver::parse_sink(text);
  if (!sink) {
    require(sink.failure().message.find(kSecret) == std::string::npos, "an error shows no password");
    return;
  }
  require(sink->shown.find(kSecret) == std::string::npos, "a sink's name shows no password");
  require(sink->kind != nullptr && (sink->kind->network() != (sink->kind->write != nullptr)), "a sink is local or not");
}

}  // namespace

// The input, NUL-separated: a user name, and what follows the host's @; without a NUL, the whole of a --report-to.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::vector<std::string> pieces = fuzz::pieces_of(without_secret(fuzz::as_text(data, size)));
  if (pieces.size() == 1) {
    check(pieces.front());
    return 0;
  }
  const std::string user = without("/?#", pieces[0]);
  const std::string& rest = pieces[1];
  for (const deliver::SinkKind* kind : deliver::sink_kinds()) {
    if (!kind->network()) {
      continue;
    }
    for (const std::string_view scheme : kind->schemes) {
      check(fmt::format("{}://{}:{}@{}", scheme, user, kSecret, rest));
      check(fmt::format("{}://host/{}?token={}&{}", scheme, user, kSecret, rest));
      // As people write them: a password that should have been percent-encoded, a letter less.
      check(fmt::format("{}://{}:x/{}@{}", scheme, without("@[", user), kSecret, rest));
      check(fmt::format("{}://{}:x#{}@{}", scheme, user, kSecret, rest));
      check(fmt::format("{}:/{}:{}@{}", scheme, user, kSecret, rest));
      check(fmt::format("{}:{}:{}@{}", scheme, user, kSecret, rest));
      check(fmt::format("{}://{}:{}@{}", scheme.substr(1), user, kSecret, rest));
    }
  }
  return 0;
}
