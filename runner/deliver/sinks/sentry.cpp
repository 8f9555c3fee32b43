// sentry+https://HOST/api/PROJECT/cron/MONITOR/PUBLIC-KEY/, or a DSN, sentry+https://PUBLIC-KEY@HOST/PROJECT: check-ins
// for Sentry's cron monitors.
// Sentry's documentation, "Crons", "HTTP"; developer documentation, "Check-Ins": status in_progress, ok or error, one
// check_in_id a run, duration in seconds, monitor_config creates or updates the monitor. A JSON body takes the place of
// the query (Relay, endpoints/monitor.rs).
#include <array>
#include <nlohmann/json.hpp>

#include "encode.hpp"
#include "facts.hpp"
#include "jobinit/base/environment.hpp"
#include "jobinit/base/percent.hpp"
#include "jobinit/base/text.hpp"
#include "jobinit/report/metrics.hpp"
#include "registry.hpp"
#include "urls.hpp"

namespace jobinit::deliver {
namespace {

constexpr std::array<std::string_view, 2> kSchemes{"sentry+http", "sentry+https"};
// What the monitor is to be like; with a schedule, Sentry makes it if it is not there.
constexpr std::array<std::string_view, 8> kOptions{"monitor",
                                                   "environment",
                                                   "schedule",
                                                   "timezone",
                                                   "checkin_margin",
                                                   "max_runtime",
                                                   "failure_issue_threshold",
                                                   "recovery_threshold"};
constexpr std::size_t kMostSlug = 50;
constexpr std::int64_t kMostMinutes = 60 * 24 * 366;

// "Slugs": lower-case letters, digits, - and _; at most 50.
std::string slug_of(std::string_view name) {
  std::string slug;
  for (char c : name) {
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    if (good || (!slug.empty() && slug.back() != '-')) {
      slug += good ? c : '-';
    }
  }
  slug.resize(std::min(slug.size(), kMostSlug));
  while (slug.ends_with('-')) {
    slug.pop_back();
  }
  return slug.empty() ? "job" : slug;
}

bool whole_url(const UrlParts& url) { return url.path.find("/cron/") != std::string::npos; }

Result<void> check_numbers(const Sink& sink, const SinkOptions& options) {
  for (const std::string_view name :
       {"checkin_margin", "max_runtime", "failure_issue_threshold", "recovery_threshold"}) {
    const std::string_view value = options.get(name);
    if (!value.empty() && !parse_integer(value, 1, kMostMinutes)) {
      return error("{}: {} must be a whole number of at least 1", sink.shown, name);
    }
  }
  return {};
}

Result<void> check(const Sink& sink) {
  if (auto good = check_http_url(sink); !good) {
    return good;
  }
  const SinkOptions options(sink.target);
  if (auto good = options.check(sink.shown, kOptions); !good) {
    return good;
  }
  const UrlParts url = url_parts(sink.url());
  const auto segments = split(url.path, "/");
  if (whole_url(url) ? segments.size() < 5 : segments.empty() || url.user().empty()) {
    return error(
        "{}: write it as a DSN, {}://PUBLIC-KEY@HOST/PROJECT, or as the whole URL that ends with "
        "/api/PROJECT/cron/MONITOR/PUBLIC-KEY/",
        sink.shown, sink.scheme);
  }
  return check_numbers(sink, options);
}

std::string url_of(const Sink& sink, const SinkOptions& options, const report::Document& report) {
  const UrlParts url = url_parts(sink.url());
  if (whole_url(url)) {
    return url.text();
  }
  // "sentry_key:secret" is the old form of a DSN; only the key counts.
  const std::string key = url.user().substr(0, url.user().find(':'));
  const auto segments = split(url.path, "/");
  std::string path;
  for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
    path += "/" + segments[i];
  }
  const std::string monitor = slug_of(options.get("monitor", report::job_name(report)));
  return fmt::format("{}{}/api/{}/cron/{}/{}/", url.bare_origin(), path, segments.back(), monitor,
                     percent_encoded(key));
}

nlohmann::ordered_json monitor_config(const SinkOptions& options) {
  nlohmann::ordered_json config;
  config["schedule"] = {{"type", "crontab"}, {"value", options.get("schedule")}};
  if (const std::string_view zone = options.get("timezone"); !zone.empty()) {
    config["timezone"] = zone;
  }
  for (const std::string_view name :
       {"checkin_margin", "max_runtime", "failure_issue_threshold", "recovery_threshold"}) {
    if (const auto value = parse_integer(options.get(name), 1, kMostMinutes)) {
      config[std::string(name)] = *value;
    }
  }
  return config;
}

std::string_view status_of(const Event& event) {
  return event.kind != EventKind::finished ? "in_progress" : succeeded(event.report) ? "ok" : "error";
}

Result<std::vector<Message>> request_of(const Sink& sink, const Event& event, Environment environment) {
  const SinkOptions options(sink.target);
  nlohmann::ordered_json check_in;
  check_in["check_in_id"] = run_id(event.report);
  check_in["status"] = status_of(event);
  const auto duration = number_at(event.report, "times.duration_seconds");
  if (event.kind == EventKind::finished && duration) {
    check_in["duration"] = *duration;
  }
  const auto from_environment = lookup(environment, "SENTRY_ENVIRONMENT");
  if (const std::string_view name = options.get("environment", from_environment.value_or("")); !name.empty()) {
    check_in["environment"] = name;
  }
  if (!options.get("schedule").empty()) {
    check_in["monitor_config"] = monitor_config(options);
  }
  HttpRequest request;
  request.url = url_of(sink, options, event.report);
  request.headers = {{"Content-Type", "application/json"}};
  request.body = check_in.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return std::vector<Message>{std::move(request)};
}

}  // namespace

const SinkKind sentry_sink{.schemes = kSchemes,
                           .events = {EventKind::started, EventKind::heartbeat, EventKind::finished},
                           .usual = {EventKind::started, EventKind::finished},
                           .secret_path = true,
                           .check = check,
                           .request = request_of};

}  // namespace jobinit::deliver
