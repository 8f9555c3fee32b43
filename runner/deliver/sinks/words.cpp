#include "words.hpp"

#include <nlohmann/json.hpp>

#include "encode.hpp"
#include "facts.hpp"
#include "jobinit/base/text.hpp"
#include "jobinit/report/metrics.hpp"

namespace jobinit::deliver {
namespace {

std::string where(const Event& event) {
  const std::string host = text_at(event.report, "platform.host");
  return host.empty() ? "" : " on " + host;
}

// Since the run's start, as far as both are known.
std::string so_far(const Event& event) {
  const auto started = epoch_milliseconds_at(event.report, "times.started_at");
  if (!started) {
    return "";
  }
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(event.time.time_since_epoch());
  const auto elapsed = now - std::chrono::milliseconds(*started);
  return elapsed.count() < 0 ? "" : fmt::format(", for {}", human_duration(elapsed));
}

}  // namespace

std::string headline(const Event& event) {
  const std::string job = report::job_name(event.report);
  switch (event.kind) {
    case EventKind::started: return fmt::format("{} has started{}", job, where(event));
    case EventKind::heartbeat: return fmt::format("{} is running{}{}", job, where(event), so_far(event));
    case EventKind::warning: return fmt::format("{}: {}", job, event.text);
    case EventKind::attempt_failed: return fmt::format("{}: {}, and is tried again", job, event.text);
    case EventKind::finished: break;
  }
  std::string summary = text_at(event.report, "outcome.summary");
  return summary.empty() ? fmt::format("{} has ended", job) : summary;
}

std::string message_with_tail(const Event& event, std::size_t limit) {
  std::string text = valid_utf8(headline(event) + "\n" + problem_lines(event.report));
  if (text.size() + 1 >= limit) {
    return std::string(first_bytes(text, limit));
  }
  if (const std::string tail = valid_utf8(text_at(event.report, "logs.tail")); !tail.empty()) {
    text += "\n";
    text += last_bytes(tail, limit - text.size());
  }
  return text;
}

}  // namespace jobinit::deliver
