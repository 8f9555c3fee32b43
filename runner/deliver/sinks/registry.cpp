// The registry of sinks: one line a kind.
#include "registry.hpp"

#include <algorithm>
#include <array>

#include "jobinit/base/text.hpp"

namespace jobinit::deliver {
namespace {

constexpr std::array kKinds{
    &file_sink,    //
    &stream_sink,  //
    &termination_log_sink,
    &textfile_sink,
    &pushgateway_sink,
};

}  // namespace

std::span<const SinkKind* const> sink_kinds() { return kKinds; }

std::string Sink::url() const {
  const std::size_t plus = scheme.find('+');
  return (plus == std::string::npos ? scheme : scheme.substr(plus + 1)) + ":" + target;
}

Result<Sink> parse_sink(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view scheme = text.substr(0, colon);
  std::vector<std::string_view> known;
  for (const SinkKind* kind : kKinds) {
    for (const std::string_view name : kind->schemes) {
      if (name == scheme && colon != std::string_view::npos) {
        Sink sink{kind, std::string(scheme), std::string(text.substr(colon + 1)), mask_url(text)};
        if (const auto good = kind->check(sink); !good) {
          return good.failure();
        }
        return sink;
      }
      known.push_back(name);
    }
  }
  const std::string_view near = nearest(scheme, known);
  if (colon == std::string_view::npos) {
    // The whole text may be a secret that was put into the wrong variable; it is not repeated.
    return error("a sink is written SCHEME:TARGET, such as {}",
                 near.empty() ? "file:/var/run/report.json" : fmt::format("{}:...", near));
  }
  if (near.empty()) {
    return error("\"{}:\" is no sink; there are {}", scheme, fmt::join(known, ", "));
  }
  return error("\"{}:\" is no sink; did you mean {}:?", scheme, near);
}

Result<void> check_http_url(const Sink& sink) {
  std::string_view rest = sink.target;
  if (!rest.starts_with("//")) {
    return error("{}: write it like {}://HOST[:PORT]", sink.shown, sink.scheme);
  }
  rest.remove_prefix(2);
  std::string_view host = rest.substr(0, rest.find_first_of("/?#"));
  if (const std::size_t at = host.rfind('@'); at != std::string_view::npos) {
    host.remove_prefix(at + 1);
  }
  if (host.empty() || host.front() == ':') {
    return error("{}: no host in it", sink.shown);
  }
  return {};
}

}  // namespace jobinit::deliver
