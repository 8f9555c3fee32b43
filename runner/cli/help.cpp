#include "jobinit/cli/help.hpp"

#include <array>

namespace jobinit::cli {
namespace {

constexpr std::array kSections{Section::job,    Section::parameters, Section::launch,     Section::limits,
                               Section::ending, Section::retries,    Section::exit_codes, Section::memory,
                               Section::logs,   Section::report};

constexpr std::string_view kHead = R"(jobinit: the init for containers that run one job and exit

  jobinit [run] [options] [--] COMMAND [ARG...]
                                run COMMAND: reap, forward signals, enforce the timeout, report how it ended
  jobinit check [options] [-- COMMAND]
                                tell everything that a run would be refused for; --env-file FILE: with these variables
                                too; --static: the job file alone, without values; --output json; --docs markdown:
                                a table of the parameters
  jobinit explain [options]     show every setting and parameter, its value and where that came from
  jobinit deliver REPORT [options]
                                send a saved report to its sinks (again)
  jobinit deliver --spool FOLDER [options]
                                send what could not be delivered before
  jobinit watch FOLDER [--once] [options]
                                report runs that keep their state there (--state-dir) and died without a word
  jobinit schema report|job     print the JSON Schema of the report, or of the job file
  jobinit version               print the version

Every setting can be given by flag, by environment variable or in the job file; the flag is the strongest, then the
environment, the job file, what is usual on the platform, and the default. The names follow one rule:
--stop-grace, JOBINIT_STOP_GRACE, "stop_grace".

Durations: 90s, 15m, 1h30m, PT15M, 2d; a bare number is seconds. Sizes: 65536, 64K, 512M, 1.5Gi.
)";

constexpr std::string_view kTail = R"(
Sinks
  file:PATH                     the report as JSON, written beside PATH and renamed
  stdout:  stderr:              the report as one line of JSON
  termination-log:[PATH]        the summary and last words as JSON, within Kubernetes' 4096 bytes (/dev/termination-log)
  textfile:PATH.prom            metrics for node_exporter's textfile collector
  pushgateway+http(s)://HOST[:PORT][/LABEL/VALUE...]
                                metrics to a Prometheus Pushgateway, grouped by job and these labels
  healthchecks+https://HOST/PING-KEY/SLUG          pings: start, success, exit status
  cronitor+https://cronitor.link/p/API-KEY[/MONITOR]
  sentry+https://PUBLIC-KEY@HOST/PROJECT           check-ins of a cron monitor
  slack+https://hooks.slack.com/services/...       a message
  webhook+https://URL           any request, made of ${...} from the report
  cloudevents+https://URL       CloudEvents 1.0
  otlp+http(s)://HOST[:PORT]  otlp:                a span, metrics and the log's tail, by OpenTelemetry
  statsd://HOST[:PORT]  dogstatsd://HOST[:PORT]  dogstatsd:  (or +unix:///SOCKET)
                                metrics by datagrams; with dogstatsd tags, a service check and events
  emf:[NAMESPACE]               metrics for CloudWatch, as a line on stdout
  stepfunctions:[VARIABLE]      the end of a task, with the token that is in VARIABLE (TASK_TOKEN)
  eventbridge:[BUS]  sns:TOPIC-ARN
                                an event, or a message, by AWS

Exit codes
  the job's own; 128+N when signal N killed it; 124 timeout; 137 out of memory, or killed after the stop signal's grace;
  125 refused to start it, or jobinit's own failure; 126 not executable; 127 not found

Examples
  jobinit --timeout 2h -- python3 import.py
  jobinit --retries 2 --retry-on failed,75 --deadline 06:00 -- ./import
  jobinit --name feed-export --report-to pushgateway+http://metrics:9091 -- ./feed-export
  JOBINIT_TIMEOUT=15m JOBINIT_COMMAND='["./import","--full"]' jobinit
  Dockerfile:  ENTRYPOINT ["jobinit","--"]
)";

std::string wrapped(std::string_view text, std::size_t indent, std::size_t width) {
  std::string out;
  std::size_t column = 0;
  for (const std::string& word : split(text, " ")) {
    if (column > 0 && column + 1 + word.size() > width) {
      out += '\n' + std::string(indent, ' ');
      column = 0;
    }
    if (column > 0) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
  }
  return out;
}

std::string source_text(const Given& given) {
  switch (given.source) {
    case Source::builtin: return "default";
    case Source::platform: return fmt::format("platform: {}", given.where);
    case Source::job_file: return fmt::format("job file: {}", given.where);
    case Source::environment: return fmt::format("environment: {}", given.where);
    case Source::flag: return fmt::format("flag: {}", given.where);
  }
  return "";
}

}  // namespace

std::string help_text() {
  static constexpr std::size_t column = 32;
  static constexpr std::size_t width = 88;
  std::string text(kHead);
  for (const Section section : kSections) {
    text += fmt::format("\n{}\n", section_title(section));
    for (const Setting& setting : settings_table()) {
      if (setting.section != section) {
        continue;
      }
      std::string left = fmt::format("  --{} {}", setting.flag, setting.placeholder);
      left.resize(std::max(left.size() + 1, column), ' ');
      std::string help(setting.help);
      if (!setting.default_value.empty() && !setting.boolean()) {
        help += fmt::format(" (default {})", setting.default_value);
      }
      if (left.size() > column) {
        left += '\n' + std::string(column, ' ');
      }
      text += left + wrapped(help, column, width) + '\n';
    }
  }
  text += kTail;
  return text;
}

std::string explain_line(std::string_view name, std::string_view value, std::string_view source,
                         const std::vector<std::string>& overrode) {
  const std::string over = overrode.empty() ? "" : fmt::format(" (over {})", fmt::join(overrode, ", "));
  return fmt::format("{:<19} {:<34} {}{}\n", name, value, source, over);
}

std::string explain_text(const Resolved& resolved) {
  std::string text;
  for (const Setting& setting : settings_table()) {
    const auto origin = resolved.origin.find(setting.flag);
    std::vector<std::string> values;
    if (origin != resolved.origin.end()) {
      for (const std::string& value : origin->second.texts) {
        values.push_back(setting.secret ? "***" : setting.credentials ? mask_url(value) : value);
      }
    }
    std::vector<std::string> overrode;
    if (const auto weaker = resolved.overrode.find(setting.flag); weaker != resolved.overrode.end()) {
      for (const Given& one : weaker->second) {
        overrode.push_back(source_text(one));
      }
    }
    text += explain_line(setting.flag, values.empty() ? "-" : fmt::format("{}", fmt::join(values, " ")),
                         origin == resolved.origin.end() ? "not set" : source_text(origin->second), overrode);
  }
  return text;
}

}  // namespace jobinit::cli
