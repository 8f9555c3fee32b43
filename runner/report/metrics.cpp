#include "jobinit/report/metrics.hpp"

#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <ctime>
#include <nlohmann/json.hpp>
#include <optional>

#include "jobinit/base/cause.hpp"

namespace jobinit::report {
namespace {

class Gauges {
 public:
  explicit Gauges(prometheus::Labels common) : common_(std::move(common)) {}

  void set(const std::string& name, const std::string& help, const Document& value) {
    if (value.is_number()) {
      set(name, help, value.get<double>(), {});
    }
  }
  void set(const std::string& name, const std::string& help, double value, const prometheus::Labels& labels) {
    prometheus::Labels all = common_;
    all.insert(labels.begin(), labels.end());
    prometheus::BuildGauge().Name(name).Help(help).Register(registry_).Add(all).Set(value);
  }
  std::string text() const { return prometheus::TextSerializer().Serialize(registry_.Collect()); }

 private:
  prometheus::Registry registry_;
  prometheus::Labels common_;
};

// Seconds since the epoch of an RFC 3339 time in UTC, as make_report() writes it.
std::optional<double> epoch_seconds(const Document& text) {
  std::tm parts{};
  int milliseconds = 0;
  if (!text.is_string()) {
    return std::nullopt;
  }
  const auto value = text.get<std::string>();
  // NOLINTNEXTLINE(cert-err34-c): every field is bounded by its width
  if (std::sscanf(value.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ", &parts.tm_year, &parts.tm_mon, &parts.tm_mday,
                  &parts.tm_hour, &parts.tm_min, &parts.tm_sec, &milliseconds) != 7) {
    return std::nullopt;
  }
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  return static_cast<double>(::timegm(&parts)) + milliseconds / 1000.0;
}

// Never throws for what a saved report may lack.
Document at(const Document& report, const char* part, const char* key) {
  const auto object = report.find(part);
  if (object == report.end() || !object->is_object()) {
    return nullptr;
  }
  const auto value = object->find(key);
  return value == object->end() ? Document(nullptr) : *value;
}

}  // namespace

std::string job_name(const Document& report) {
  const Document name = at(report, "job", "name");
  return name.is_string() ? name.get<std::string>() : "job";
}

std::string prometheus_text(const Document& report, bool with_job_label) {
  prometheus::Labels common;
  if (with_job_label) {
    common["job"] = job_name(report);
  }
  Gauges gauges(common);
  const Document cause = at(report, "outcome", "cause");
  const auto outcome = report.find("outcome");
  const bool running = outcome != report.end() && outcome->is_null();
  gauges.set("jobinit_job_running", "1 while the job runs, 0 once it has ended.", running ? 1 : 0, {});
  if (const auto started = epoch_seconds(at(report, "times", "started_at"))) {
    gauges.set("jobinit_job_last_start_timestamp_seconds", "When the last run started.", *started, {});
  }
  if (running) {
    return gauges.text();  // all others tell of a run that has ended
  }
  gauges.set("jobinit_job_last_exit_code", "Exit code of the last run, as the container gave it.",
             at(report, "outcome", "exit_code"));
  gauges.set("jobinit_job_duration_seconds", "Wall-clock time that the last run took.",
             at(report, "times", "duration_seconds"));
  gauges.set("jobinit_job_peak_memory_bytes", "The most memory that the last run used.",
             at(report, "resources", "peak_memory_bytes"));
  gauges.set("jobinit_job_peak_swap_bytes", "The most that the last run had in swap.",
             at(report, "memory", "peak_swap_bytes"));
  gauges.set("jobinit_job_memory_limit_bytes", "The memory limit that the last run had.",
             at(report, "resources", "memory_limit_bytes"));
  gauges.set("jobinit_job_memory_limit_hits", "Times that the memory limit was reached during the last run.",
             at(report, "memory", "limit_hits"));
  gauges.set("jobinit_job_memory_throttled", "Times that the last run was held up at memory.high.",
             at(report, "memory", "throttled"));
  gauges.set("jobinit_job_memory_stalled_seconds", "Time that some of the last run stood still for want of memory.",
             at(report, "memory", "stalled_some_seconds"));
  gauges.set("jobinit_job_memory_major_page_faults", "Pages that had to be read in during the last run.",
             at(report, "memory", "major_page_faults"));
  gauges.set("jobinit_job_memory_warned_after_seconds", "When the last run came near its memory limit.",
             at(report, "memory", "warned_after_seconds"));
  gauges.set("jobinit_job_cpu_user_seconds", "CPU time in user mode that the last run used.",
             at(report, "resources", "cpu_user_seconds"));
  gauges.set("jobinit_job_cpu_system_seconds", "CPU time in kernel mode that the last run used.",
             at(report, "resources", "cpu_system_seconds"));
  gauges.set("jobinit_job_oom_kills", "Processes that the kernel's OOM killer killed during the last run.",
             at(report, "resources", "oom_kills"));
  if (const auto ended = epoch_seconds(at(report, "times", "ended_at"))) {
    gauges.set("jobinit_job_last_completion_timestamp_seconds", "When the last run ended, whatever way.", *ended, {});
    if (at(report, "outcome", "success") == true) {
      gauges.set("jobinit_job_last_success_timestamp_seconds", "When the last successful run ended.", *ended, {});
    } else {
      gauges.set("jobinit_job_last_failure_timestamp_seconds", "When the last run that was no success ended.", *ended,
                 {});
    }
  }
  for (const std::string_view name : cause_names()) {
    gauges.set("jobinit_job_outcome", "1 for the cause that the last run ended for, 0 for every other.",
               cause == std::string(name) ? 1 : 0, {{"cause", std::string(name)}});
  }
  return gauges.text();
}

}  // namespace jobinit::report
