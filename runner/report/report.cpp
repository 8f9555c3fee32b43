#include "jobinit/report/report.hpp"

#include <ctime>
#include <nlohmann/json.hpp>

#include "jobinit/base/moment.hpp"
#include "jobinit/base/printable.hpp"
#include "jobinit/base/text.hpp"
#include "jobinit/cli/settings.hpp"
#include "jobinit/report/version.hpp"

namespace jobinit::report {
namespace {

using supervise::Outcome;

double seconds(Duration duration) {
  return static_cast<double>(std::chrono::duration_cast<std::chrono::microseconds>(duration).count()) / 1e6;
}

template <typename T>
Document or_null(const std::optional<T>& value) {
  return value ? Document(*value) : Document(nullptr);
}

template <typename Time>
Document seconds_or_null(const std::optional<Time>& time) {
  return time ? Document(seconds(*time)) : Document(nullptr);
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

std::string_view limit_name(supervise::Intent limit) {
  switch (limit) {
    case supervise::Intent::timeout: return "timeout";
    case supervise::Intent::deadline: return "deadline";
    case supervise::Intent::attempt_timeout: return "attempt_timeout";
    case supervise::Intent::start_timeout: return "start_timeout";
    case supervise::Intent::watchdog: return "watchdog";
    case supervise::Intent::idle_timeout: return "idle_timeout";
    case supervise::Intent::cpu_limit: return "cpu_timeout";
    case supervise::Intent::memory_limit: return "memory";
    case supervise::Intent::stop: break;  // no limit
  }
  return "";
}

// "ran into its timeout of 2h00m"
std::string limit_sentence(const Outcome& outcome) {
  const std::string value = human_duration(outcome.limit_value);
  switch (outcome.limit.value_or(supervise::Intent::stop)) {
    case supervise::Intent::timeout: return fmt::format("ran into its timeout of {}", value);
    case supervise::Intent::deadline: return "ran into its deadline";
    case supervise::Intent::attempt_timeout: return fmt::format("ran into its attempt-timeout of {}", value);
    case supervise::Intent::start_timeout: return fmt::format("was not ready within {}", value);
    case supervise::Intent::watchdog:
      if (outcome.limit_value == Duration::zero()) {
        return "triggered its watchdog";
      }
      return fmt::format("gave its watchdog no sign of life for {}", value);
    case supervise::Intent::idle_timeout: return fmt::format("wrote nothing for {}", value);
    case supervise::Intent::cpu_limit: return fmt::format("used up its CPU time of {}", value);
    case supervise::Intent::memory_limit:
      return fmt::format("used more memory than its limit of {}",
                         human_size(outcome.resources.memory_limit.value_or(0)));
    case supervise::Intent::stop: break;
  }
  return "ran into a limit";
}

Document signal_part(const supervise::Verdict& verdict) {
  return verdict.signal ? Document(cli::signal_name(*verdict.signal)) : Document(nullptr);
}

Document limit_part(const std::optional<supervise::Intent>& limit) {
  return limit ? Document(limit_name(*limit)) : Document(nullptr);
}

std::string attempts_part(const Outcome& outcome) {
  return outcome.attempts.size() < 2 ? "" : fmt::format(", {} attempts", outcome.attempts.size());
}

Document attempts_array(const Outcome& outcome) {
  Document array = Document::array();
  for (const supervise::Attempt& one : outcome.attempts) {
    array.push_back({{"started_at", timestamp(one.started_at)},
                     {"duration_seconds", seconds(one.duration)},
                     {"cause", cause_name(one.verdict.cause)},
                     {"exit_code", one.verdict.exit_code},
                     {"job_exit_code", or_null(one.verdict.job_exit_code)},
                     {"signal", signal_part(one.verdict)},
                     {"limit", limit_part(one.limit)}});
  }
  return array;
}

Document self_report_part(const supervise::SelfReport& self) {
  Document part;
  part["ready_after_seconds"] = seconds_or_null(self.ready_after);
  part["stopping"] = self.stopping;
  part["status"] = self.status.empty() ? Document(nullptr) : Document(self.status);
  return part;
}

std::string memory_part(const supervise::Resources& resources) {
  if (!resources.peak_memory) {
    return "";
  }
  const std::string peak = human_size(*resources.peak_memory);
  return resources.memory_limit ? fmt::format(", peak memory {} of {}", peak, human_size(*resources.memory_limit))
                                : fmt::format(", peak memory {}", peak);
}

std::string_view enforcer_name(const supervise::Resources& resources) {
  switch (resources.memory_tier) {
    case MemoryTier::cgroup: return "cgroup";
    case MemoryTier::guard: return "guard";
    case MemoryTier::automatic:
    case MemoryTier::off: break;
  }
  return resources.memory_limit ? "kernel" : "none";
}

Document evidence_part(supervise::OomEvidence evidence) {
  switch (evidence) {
    case supervise::OomEvidence::none: break;
    case supervise::OomEvidence::at_end: return "at_end";
    case supervise::OomEvidence::during_run: return "during_run";
    case supervise::OomEvidence::exit_code: return "exit_code";
  }
  return nullptr;
}

Document memory_object(const Outcome& outcome) {
  const supervise::Resources& resources = outcome.resources;
  Document part;
  part["enforced_by"] = enforcer_name(resources);
  part["oom_evidence"] = evidence_part(outcome.verdict.oom_evidence);
  part["limit_hits"] = or_null(resources.limit_hits);
  part["throttled"] = or_null(resources.throttled);
  part["stalled_some_seconds"] = seconds_or_null(resources.stalled_some);
  part["stalled_full_seconds"] = seconds_or_null(resources.stalled_full);
  part["pressure_notices"] = or_null(resources.pressure_notices);
  part["peak_swap_bytes"] = or_null(resources.peak_swap);
  part["major_page_faults"] = resources.major_faults;
  part["minor_page_faults"] = resources.minor_faults;
  part["warned_after_seconds"] = seconds_or_null(resources.memory_warned_after);
  part["largest_processes"] = Document::array();
  for (const kernel::ProcessMemory& one : resources.largest) {
    part["largest_processes"].push_back({{"pid", one.pid}, {"name", valid_utf8(one.name)}, {"bytes", one.bytes}});
  }
  return part;
}

Document texts(const std::vector<std::string>& from) {
  Document array = Document::array();
  for (const std::string& text : from) {
    array.push_back(valid_utf8(text));
  }
  return array;
}

// Long ones are for the job, not for whoever reads the report: it has to fit into a webhook's body.
constexpr std::size_t kLongestValue = 1024;  // characters

Document parameters_object(const std::vector<ReportedParameter>& parameters) {
  Document object = Document::object();
  for (const ReportedParameter& one : parameters) {
    const std::string value = valid_utf8(one.value.value_or(""));
    object[one.name] = {
        {"value", one.value ? Document(characters(value) > kLongestValue ? printable(value, kLongestValue) : value)
                            : Document(nullptr)},
        {"source", one.source.empty() ? Document(nullptr) : Document(one.source)}};
  }
  return object;
}

// The texts that others have had a hand in; words of our own, such as a cause, are not taken for a secret.
void mask(Document& report, const std::vector<std::string>& secrets) {
  const auto all_in = [&](Document& part, const auto& self) -> void {
    if (part.is_string()) {
      part = mask_secrets(part.get_ref<const std::string&>(), secrets);
    }
    for (Document& inner : part) {
      if (part.is_structured()) {
        self(inner, self);
      }
    }
  };
  for (Document* part : {&report["job"], &report["platform"]["ids"], &report["parameters"],
                         &report["outcome"]["summary"], &report["outcome"]["problems"], &report["self_report"],
                         &report["memory"]["largest_processes"], &report["logs"]}) {
    all_in(*part, all_in);
  }
}

Document outcome_part(const Subject& subject, const Outcome& outcome) {
  const supervise::Verdict& verdict = outcome.verdict;
  Document part;
  part["cause"] = cause_name(verdict.cause);
  part["success"] = verdict.cause == Cause::success;
  part["exit_code"] = verdict.exit_code;
  part["job_exit_code"] = or_null(verdict.job_exit_code);
  part["limit"] = limit_part(outcome.limit);
  part["signal"] = signal_part(verdict);
  part["summary"] = summary_sentence(subject, outcome);
  part["problems"] = texts(outcome.problems);
  return part;
}

Document stream_object(const supervise::StreamLog& stream) {
  Document part;
  part["bytes"] = stream.bytes;
  part["lines"] = or_null(stream.lines);
  part["dropped_bytes"] = stream.dropped;
  part["suppressed_bytes"] = stream.suppressed;
  part["error"] = stream.failure.empty() ? Document(nullptr) : Document(stream.failure);
  part["first_output_seconds"] = seconds_or_null(stream.first_after);
  part["tail"] = valid_utf8(stream.tail);
  part["tail_truncated"] = stream.tail_truncated;
  return part;
}

Document logs_part(const Outcome& outcome) {
  Document part;
  part["captured"] = !outcome.streams.empty();
  part["streams"] = Document::object();
  for (const supervise::StreamLog& stream : outcome.streams) {
    part["streams"][stream.name] = stream_object(stream);
  }
  part["file"] = nullptr;
  if (const auto& file = outcome.log_file) {
    part["file"] = {{"path", valid_utf8(file->path)},
                    {"bytes", file->bytes},
                    {"dropped_bytes", file->dropped},
                    {"rotations", file->rotations},
                    {"error", file->failure.empty() ? Document(nullptr) : Document(valid_utf8(file->failure))}};
  }
  part["tail"] = valid_utf8(outcome.tail);
  part["tail_truncated"] = outcome.tail_truncated;
  return part;
}

}  // namespace

std::string ending_sentence(const Outcome& outcome) {
  const std::string how = ending(outcome.verdict);
  switch (outcome.verdict.cause) {
    case Cause::success: return fmt::format("succeeded: {}", how);
    case Cause::failed: return fmt::format("failed: {}", how);
    case Cause::signaled: return fmt::format("was {}, which jobinit did not send,", how);
    case Cause::timeout:
    case Cause::idle_timeout:
    case Cause::cpu_limit:
    case Cause::memory_limit:
    case Cause::watchdog: return fmt::format("{}: {}", limit_sentence(outcome), how);
    case Cause::oom_killed:
      return fmt::format("was {}killed by the kernel, out of memory,",
                         outcome.verdict.oom_evidence == supervise::OomEvidence::at_end ? "" : "most likely ");
    case Cause::stopped: return fmt::format("was stopped from outside: {}", how);
    case Cause::rejected:
      return fmt::format(
          "was not started: {} wrong with its settings",
          outcome.problems.size() == 1 ? "1 thing is" : fmt::format("{} things are", outcome.problems.size()));
    case Cause::not_started: return fmt::format("could not be started{}", why(outcome));
    case Cause::lost: return "was lost: its jobinit died without a word (SIGKILL, or the machine went away)";
    case Cause::internal: return fmt::format("has no known ending: jobinit itself failed{}", why(outcome));
  }
  return "";
}

std::string summary_sentence(const Subject& subject, const Outcome& outcome) {
  std::string sentence = fmt::format("{} {}", valid_utf8(subject.job_name), ending_sentence(outcome));
  const Cause cause = outcome.verdict.cause;
  if (cause == Cause::rejected || cause == Cause::not_started || cause == Cause::internal || cause == Cause::lost) {
    return sentence;  // there was no job that could have lasted and used something
  }
  return fmt::format("{} after {}{}{}{}", sentence, human_duration(outcome.duration), attempts_part(outcome),
                     memory_part(outcome.resources), oom_part(outcome));
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
  report["parameters"] = parameters_object(subject.parameters);
  report["times"] = {{"started_at", timestamp(outcome.started_at)},
                     {"ended_at", timestamp(outcome.ended_at)},
                     {"duration_seconds", seconds(outcome.duration)}};
  report["outcome"] = outcome_part(subject, outcome);
  report["attempts"] = attempts_array(outcome);
  report["self_report"] = self_report_part(outcome.self_report);
  report["resources"] = {{"cpu_user_seconds", seconds(outcome.resources.cpu_user)},
                         {"cpu_system_seconds", seconds(outcome.resources.cpu_system)},
                         {"peak_memory_bytes", or_null(outcome.resources.peak_memory)},
                         {"peak_memory_source", peak_source_name(outcome.resources.peak_source)},
                         {"memory_limit_bytes", or_null(outcome.resources.memory_limit)},
                         {"oom_kills", or_null(outcome.resources.oom_kills)}};
  report["memory"] = memory_object(outcome);
  report["logs"] = logs_part(outcome);
  report["processes"] = {{"reaped", outcome.reaped},
                         {"leftover", outcome.leftover},
                         {"killed", outcome.killed},
                         {"unkillable", outcome.unkillable}};
  if (!subject.secrets.empty()) {
    mask(report, subject.secrets);
  }
  return report;
}

std::string timestamp(std::chrono::system_clock::time_point when) {
  const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(when.time_since_epoch()).count();
  const std::time_t whole = since / 1000;
  std::tm parts{};
  ::gmtime_r(&whole, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, since % 1000);
}

Document make_progress_report(const Subject& subject, const supervise::Outcome& so_far) {
  Document report = make_report(subject, so_far);
  report["outcome"] = nullptr;
  report["times"]["ended_at"] = nullptr;
  return report;
}

// The code that a container has whose PID 1 got SIGKILL.
constexpr int kKilledCode = 137;

Document make_lost_report(const Subject& subject, const supervise::Outcome& so_far) {
  Outcome outcome = so_far;
  outcome.verdict = {};
  outcome.verdict.cause = Cause::lost;
  outcome.verdict.exit_code = kKilledCode;
  outcome.limit.reset();
  outcome.ended_at = outcome.started_at;
  return make_report(subject, outcome);
}

Document found_lost(Document report, bool out_of_memory, std::chrono::system_clock::time_point noticed) {
  Document& outcome = report["outcome"];
  if (outcome["cause"] != std::string(cause_name(Cause::lost))) {
    return report;
  }
  if (out_of_memory) {
    outcome["cause"] = cause_name(Cause::oom_killed);
    outcome["signal"] = "SIGKILL";
    outcome["summary"] = fmt::format("{} was killed by the kernel, out of memory, and its jobinit with it",
                                     report["job"].value("name", std::string("job")));
  }
  report["times"]["ended_at"] = timestamp(noticed);
  const auto started = parse_moment(report["times"].value("started_at", std::string()));
  if (started && started->at && *started->at < noticed) {
    report["times"]["duration_seconds"] = seconds(noticed - *started->at);
  }
  return report;
}

Result<Document> parse_json(std::string_view text) {
  // The library writes recursively what it reads in a loop; no report of ours is nested deeper than this.
  static constexpr int deepest = 64;
  bool too_deep = false;
  Document parsed = Document::parse(
      text,
      [&](int depth, Document::parse_event_t /*event*/, Document& /*part*/) {
        too_deep = too_deep || depth > deepest;
        return depth <= deepest;
      },
      false);
  if (too_deep) {
    return error("not a jobinit report: nested deeper than {} levels", deepest);
  }
  if (parsed.is_discarded()) {
    return error("not a JSON document");
  }
  return parsed;
}

Result<Document> check_report(Document report) {
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

Result<Document> parse_report(std::string_view text) {
  auto parsed = parse_json(text);
  return parsed ? check_report(std::move(*parsed)) : parsed;
}

}  // namespace jobinit::report
