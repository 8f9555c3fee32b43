#include "jobinit/cli/check.hpp"

#include <algorithm>

namespace jobinit::cli {
namespace {

void check_warnings(const Settings& settings, std::vector<std::string>& problems) {
  if (settings.warn_before.empty()) {
    return;
  }
  const bool bounded = settings.timeout > Duration::zero() || settings.attempt_timeout > Duration::zero();
  if (!bounded && !settings.deadline) {
    problems.emplace_back("warn-before: there is no end to warn of; give --timeout, --attempt-timeout or --deadline");
    return;
  }
  const Duration longest = settings.warn_before.rbegin()->first;
  for (const auto& [name, limit] :
       {std::pair{"timeout", settings.timeout}, {"attempt-timeout", settings.attempt_timeout}}) {
    if (limit > Duration::zero() && longest >= limit) {
      problems.push_back(fmt::format("warn-before: {} is not less than --{} ({}), so that there would be no warning",
                                     human_duration(longest), name, human_duration(limit)));
    }
  }
}

void check_log(const Settings& settings, std::vector<std::string>& problems) {
  const std::vector<LogField>& fields = settings.log_fields;
  if (!fields.empty() && std::find(fields.begin(), fields.end(), LogField::msg) == fields.end()) {
    problems.emplace_back("log-fields: msg is missing, which is what the job has written");
  }
  if (settings.log_format == LogFormat::raw && !settings.log_multiline.empty()) {
    problems.emplace_back("log-multiline: it joins lines in text and json (--log-format); raw is as the job writes it");
  }
}

}  // namespace

std::vector<std::string> contradictions(const Settings& settings, std::chrono::system_clock::time_point now) {
  std::vector<std::string> problems;
  check_warnings(settings, problems);
  if (settings.deadline && next_occurrence(*settings.deadline, now) <= now) {
    problems.push_back(
        fmt::format("deadline: it is over, {} ago", human_duration(now - next_occurrence(*settings.deadline, now))));
  }
  if (settings.index && settings.count && *settings.index >= *settings.count) {
    problems.push_back(
        fmt::format("index: {} is not below --count ({}): tasks are counted from 0", *settings.index, *settings.count));
  }
  if (settings.memory_per_process > 0 && settings.limit.contains("data")) {
    problems.emplace_back("memory-per-process: it is the same as --limit data=..., which is given too; keep one");
  }
  if (settings.log_file.empty() && settings.log_file_only) {
    problems.emplace_back("log-file-only: there is no --log-file, and the log would go nowhere");
  }
  if (settings.log_file.empty() && settings.log_rotate.bytes > 0) {
    problems.emplace_back("log-rotate: there is no --log-file to rotate");
  }
  if (settings.retry_backoff > settings.retry_backoff_max) {
    problems.push_back(fmt::format("retry-backoff: {} is more than --retry-backoff-max ({})",
                                   human_duration(settings.retry_backoff), human_duration(settings.retry_backoff_max)));
  }
  if (!settings.client_key.empty() && settings.client_cert.empty()) {
    problems.emplace_back("client-key: it is the key of no certificate; give --client-cert too");
  }
  check_log(settings, problems);
  return problems;
}

}  // namespace jobinit::cli
