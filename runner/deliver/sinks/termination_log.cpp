// termination-log:[PATH], for Kubernetes' termination message: people read it in `kubectl describe pod`.
// Kubernetes documentation, "Determine the reason for Pod failure": at most 4096 bytes, the rest is cut off by the
// kubelet.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "jobinit/base/text.hpp"
#include "jobinit/kernel/files.hpp"
#include "registry.hpp"

namespace jobinit::deliver {
namespace {

constexpr std::array<std::string_view, 1> kSchemes{"termination-log"};
constexpr std::size_t kLimit = 4096;

Result<void> check(const Sink& /*sink*/) { return {}; }

// The newest `limit` bytes, from the start of a line where there is one, and never from inside a character.
std::string_view last_bytes(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) {
    return text;
  }
  text.remove_prefix(text.size() - limit);
  if (const std::size_t line = text.find('\n'); line + 1 < text.size()) {
    text.remove_prefix(line + 1);
  }
  while (!text.empty() && (static_cast<unsigned char>(text.front()) & 0xC0U) == 0x80U) {
    text.remove_prefix(1);
  }
  return text;
}

// The first `limit` bytes of valid UTF-8, without a part of a character at the end.
std::string first_bytes(std::string text, std::size_t limit) {
  while (limit > 0 && limit < text.size() && (static_cast<unsigned char>(text[limit]) & 0xC0U) == 0x80U) {
    --limit;
  }
  text.resize(std::min(limit, text.size()));
  return text;
}

std::string message(const report::Document& report) {
  const auto& outcome = report.at("outcome");
  std::string text = outcome.value("summary", "") + "\n";
  text += fmt::format("cause {}, exit code {}, run {}\n", outcome.value("cause", ""), outcome.value("exit_code", 0),
                      report.value("run_id", ""));
  for (const auto& problem : outcome.at("problems")) {
    text += problem.get<std::string>() + "\n";
  }
  if (text.size() > kLimit) {
    return first_bytes(valid_utf8(text), kLimit);
  }
  const std::string tail = report.at("logs").value("tail", "");
  static constexpr std::string_view heading = "last words:\n";
  if (!tail.empty() && text.size() + heading.size() < kLimit) {
    text += heading;
    text += last_bytes(tail, kLimit - text.size());
  }
  return text;
}

Result<void> write(const Sink& sink, const Event& event, Duration /*patience*/) {
  try {
    return kernel::overwrite_file(sink.target.empty() ? "/dev/termination-log" : sink.target, message(event.report));
  } catch (const nlohmann::json::exception& failure) {  // a saved report that was edited
    return error("the report lacks something: {}", failure.what());
  }
}

}  // namespace

const SinkKind termination_log_sink{.schemes = kSchemes, .check = check, .write = write};

}  // namespace jobinit::deliver
