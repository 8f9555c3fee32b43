#include "jobinit/report/report.hpp"

#include <ctime>
#include <nlohmann/json.hpp>

#include "jobinit/base/text.hpp"
#include "jobinit/cli/settings.hpp"
#include "jobinit/report/version.hpp"

namespace jobinit::report {
namespace {

using supervise::Outcome;

double seconds(Duration duration) {
  return static_cast<double>(std::chrono::duration_cast<std::chrono::microseconds>(duration).count()) / 1e6;
}

// RFC 3339 in UTC, with milliseconds.
std::string timestamp(std::chrono::system_clock::time_point when) {
  const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(when.time_since_epoch()).count();
  const std::time_t whole = since / 1000;
  std::tm parts{};
  ::gmtime_r(&whole, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, since % 1000);
}

template <typename T>
Document or_null(const std::optional<T>& value) {
  return value ? Document(*value) : Document(nullptr);
}

std::string_view peak_source_name(supervise::PeakSource source) {
  switch (source) {
    case supervise::PeakSource::none: return "none";
    case supervise::PeakSource::cgroup: return "cgroup";
    case supervise::PeakSource::process: return "process";
  }
  return "none";
}

// A child that the kernel took without the main process ending of it explains many a failure.
std::string oom_part(const Outcome& outcome) {
  const std::uint64_t kills = outcome.resources.oom_kills.value_or(0);
  if (kills == 0 || outcome.verdict.cause == Cause::oom_killed) {
    return "";
  }
  return fmt::format(", the kernel's OOM killer took {} process{}", kills, kills == 1 ? "" : "es");
}

std::string why(const Outcome& outcome) {
  if (outcome.problems.empty()) {
    return "";
  }
  return ": " + valid_utf8(fmt::format("{}", fmt::join(outcome.problems, "; ")));
}

// How the main process itself ended: "exit 3", "killed by SIGTERM".
std::string ending(const supervise::Verdict& verdict) {
  if (verdict.job_exit_code) {
    return fmt::format("exit {}", *verdict.job_exit_code);
  }
  if (verdict.signal) {
    return fmt::format("killed by {}", cli::signal_name(*verdict.signal));
  }
  return "not even SIGKILL ended it";
}

std::string memory_part(const supervise::Resources& resources) {
  if (!resources.peak_memory) {
    return "";
  }
  const std::string peak = human_size(*resources.peak_memory);
  return resources.memory_limit ? fmt::format(", peak memory {} of {}", peak, human_size(*resources.memory_limit))
                                : fmt::format(", peak memory {}", peak);
}

Document texts(const std::vector<std::string>& from) {
  Document array = Document::array();
  for (const std::string& text : from) {
    array.push_back(valid_utf8(text));
  }
  return array;
}

Document outcome_part(const Subject& subject, const Outcome& outcome) {
  const supervise::Verdict& verdict = outcome.verdict;
  Document part;
  part["cause"] = cause_name(verdict.cause);
  part["success"] = verdict.cause == Cause::success;
  part["exit_code"] = verdict.exit_code;
  part["job_exit_code"] = or_null(verdict.job_exit_code);
  part["signal"] = verdict.signal ? Document(cli::signal_name(*verdict.signal)) : Document(nullptr);
  part["summary"] = summary_sentence(subject, outcome);
  part["problems"] = texts(outcome.problems);
  return part;
}

Document logs_part(const Outcome& outcome) {
  Document part;
  part["captured"] = !outcome.streams.empty();
  part["streams"] = Document::object();
  for (const supervise::StreamCounts& stream : outcome.streams) {
    part["streams"][stream.name] = {{"bytes", stream.counts.bytes}, {"dropped_bytes", stream.counts.dropped}};
  }
  part["tail"] = valid_utf8(outcome.tail);
  part["tail_truncated"] = outcome.tail_truncated;
  return part;
}

}  // namespace

std::string summary_sentence(const Subject& subject, const Outcome& outcome) {
  const std::string name = valid_utf8(subject.job_name);
  const std::string after = human_duration(outcome.duration);
  const std::string memory = memory_part(outcome.resources) + oom_part(outcome);
  const std::string how = ending(outcome.verdict);
  switch (outcome.verdict.cause) {
    case Cause::success: return fmt::format("{} succeeded: {} after {}{}", name, how, after, memory);
    case Cause::failed: return fmt::format("{} failed: {} after {}{}", name, how, after, memory);
    case Cause::signaled:
      return fmt::format("{} was {}, which jobinit did not send, after {}{}", name, how, after, memory);
    case Cause::timeout:
      return fmt::format("{} ran into its timeout of {}: {} after {}{}", name, human_duration(subject.timeout), how,
                         after, memory);
    case Cause::idle_timeout:
      return fmt::format("{} wrote nothing for too long: {} after {}{}", name, how, after, memory);
    case Cause::oom_killed:
      return fmt::format("{} was killed by the kernel, out of memory, after {}{}", name, after, memory);
    case Cause::stopped: return fmt::format("{} was stopped from outside: {} after {}{}", name, how, after, memory);
    case Cause::rejected:
      return fmt::format(
          "{} was not started: {} wrong with its settings", name,
          outcome.problems.size() == 1 ? "1 thing is" : fmt::format("{} things are", outcome.problems.size()));
    case Cause::not_started: return fmt::format("{} could not be started{}", name, why(outcome));
    case Cause::internal: return fmt::format("{}: jobinit itself failed{}", name, why(outcome));
  }
  return name;
}

Document make_report(const Subject& subject, const Outcome& outcome) {
  Document report;
  report["schema_version"] = kSchemaVersion;
  report["jobinit_version"] = kVersion;
  report["run_id"] = subject.run_id;
  report["job"] = {{"name", valid_utf8(subject.job_name)}, {"command", texts(subject.command)}};
  report["job"]["timeout_seconds"] =
      subject.timeout > Duration::zero() ? Document(seconds(subject.timeout)) : Document(nullptr);
  report["platform"] = {{"name", subject.platform}, {"host", valid_utf8(subject.host)}};
  report["platform"]["ids"] = Document::object();
  for (const auto& [name, value] : subject.platform_ids) {
    report["platform"]["ids"][name] = valid_utf8(value);
  }
  report["times"] = {{"started_at", timestamp(outcome.started_at)},
                     {"ended_at", timestamp(outcome.ended_at)},
                     {"duration_seconds", seconds(outcome.duration)}};
  report["outcome"] = outcome_part(subject, outcome);
  report["resources"] = {{"cpu_user_seconds", seconds(outcome.resources.cpu_user)},
                         {"cpu_system_seconds", seconds(outcome.resources.cpu_system)},
                         {"peak_memory_bytes", or_null(outcome.resources.peak_memory)},
                         {"peak_memory_source", peak_source_name(outcome.resources.peak_source)},
                         {"memory_limit_bytes", or_null(outcome.resources.memory_limit)},
                         {"oom_kills", or_null(outcome.resources.oom_kills)}};
  report["logs"] = logs_part(outcome);
  report["processes"] = {{"reaped", outcome.reaped},
                         {"leftover", outcome.leftover},
                         {"killed", outcome.killed},
                         {"unkillable", outcome.unkillable}};
  return report;
}

Result<Document> parse_report(std::string_view text) {
  // The library writes recursively what it reads in a loop; no report of ours is nested deeper than this.
  static constexpr int deepest = 64;
  bool too_deep = false;
  Document report = Document::parse(
      text,
      [&](int depth, Document::parse_event_t /*event*/, Document& /*parsed*/) {
        too_deep = too_deep || depth > deepest;
        return depth <= deepest;
      },
      false);
  if (too_deep) {
    return error("not a jobinit report: nested deeper than {} levels", deepest);
  }
  if (report.is_discarded()) {
    return error("not a JSON document");
  }
  const auto version = report.is_object() ? report.find("schema_version") : report.end();
  if (!report.is_object() || version == report.end() || !version->is_number_integer()) {
    return error("not a jobinit report: it has no schema_version");
  }
  if (*version != kSchemaVersion) {
    return error("a report of schema version {}, while this jobinit knows version {}", version->dump(), kSchemaVersion);
  }
  for (const char* part : {"job", "platform", "times", "outcome", "resources", "logs"}) {
    if (!report.contains(part) || !report[part].is_object()) {
      return error("not a jobinit report: no \"{}\" in it", part);
    }
  }
  return report;
}

}  // namespace jobinit::report
