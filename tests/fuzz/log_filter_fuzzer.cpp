// What is masked is what an oracle masks that looks for each secret at each place; stripping and patterns do not depend
// on the reads. The input: how it is cut, secrets, and the log, split at NUL.
#include "jobinit/logs/ansi.hpp"
#include "jobinit/logs/pattern_masker.hpp"
#include "jobinit/logs/secrets.hpp"
#include "log_drive.hpp"

namespace {

using namespace jobinit;
using fuzz::require;

std::string oracle(const logs::Secrets& secrets, std::string_view text) {
  std::vector<bool> covered(text.size(), false);
  const auto cover = [&](std::size_t at, std::size_t size) {
    std::fill_n(covered.begin() + static_cast<std::ptrdiff_t>(at), size, true);
  };
  for (const std::string& piece : secrets.pieces()) {
    for (std::size_t at = text.find(piece); at != std::string_view::npos; at = text.find(piece, at + 1)) {
      cover(at, piece.size());
    }
    for (std::size_t size = logs::kShortestSecret; size < piece.size(); ++size) {
      if (text.ends_with(piece.substr(0, size))) {
        cover(text.size() - size, size);
      }
    }
  }
  std::string masked;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!covered[i]) {
      masked += text[i];
    } else if (i == 0 || !covered[i - 1]) {
      masked += logs::kMask;
    }
  }
  return masked;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::string> pieces = fuzz::pieces_of(fuzz::as_text(data, size));
  const std::string cuts = pieces.front();
  const std::string log = pieces.back();
  pieces.erase(pieces.begin());
  if (!pieces.empty()) {
    pieces.pop_back();
  }
  if (const auto secrets = logs::Secrets::make(pieces)) {
    logs::SecretMasker masker(secrets);
    require(fuzz::drive(masker, log, cuts) == oracle(*secrets, log), "what is masked is what the oracle masks");
  }
  logs::AnsiStripper stripper;
  logs::AnsiStripper at_once;
  const std::string stripped = fuzz::drive(stripper, log, cuts);
  require(stripped == fuzz::drive(at_once, log, ""), "reads make no difference to stripping");
  require(stripped.find('\x1B') == std::string::npos, "no sequence is left");
  static const auto pattern = logs::Pattern::compile(std::vector<std::string>{"[0-9]{3}", "key=(\\S+)"});
  logs::PatternMasker masker(*pattern, 1 << 16);
  require(fuzz::drive(masker, log, cuts) == logs::mask_pattern(**pattern, log), "reads make no difference to patterns");
  return 0;
}
