// cronitor+https://cronitor.link/p/API-KEY[/MONITOR], telemetry events for Cronitor's job monitors.
// Its documentation, "Telemetry API": state, series (one run's events belong together), status_code, message of up to
// 2,000 characters, metric=NAME:VALUE with duration, count and error_count.
#include <array>
#include <nlohmann/json.hpp>

#include "encode.hpp"
#include "facts.hpp"
#include "jobinit/base/percent.hpp"
#include "jobinit/base/text.hpp"
#include "jobinit/report/metrics.hpp"
#include "registry.hpp"
#include "urls.hpp"
#include "words.hpp"

namespace jobinit::deliver {
namespace {

constexpr std::array<std::string_view, 2> kSchemes{"cronitor+http", "cronitor+https"};
constexpr std::size_t kMostMessage = 2000;

Result<void> check(const Sink& sink) {
  if (auto good = check_http_url(sink); !good) {
    return good;
  }
  const auto segments = split(url_parts(sink.url()).path, "/");
  if (segments.size() < 2 || segments.size() > 3 || segments.front() != "p") {
    return error("{}: write it like {}://cronitor.link/p/API-KEY[/MONITOR]", sink.shown, sink.scheme);
  }
  return {};
}

Result<std::vector<Message>> request_of(const Sink& sink, const Event& event, Environment /*environment*/) {
  const report::Document& report = event.report;
  UrlParts url = url_parts(sink.url());
  while (url.path.ends_with('/')) {
    url.path.pop_back();
  }
  if (split(url.path, "/").size() == 2) {
    url.path += "/" + percent_encoded(report::job_name(report));
  }
  const bool over = event.kind == EventKind::finished;
  url.add("state", !over ? "run" : succeeded(report) ? "complete" : "fail");
  url.add("series", run_id(report));
  if (const std::string host = text_at(report, "platform.host"); !host.empty()) {
    url.add("host", host);
  }
  if (over) {
    if (const auto code = integer_at(report, "outcome.exit_code")) {
      url.add("status_code", fmt::format("{}", *code));
    }
    if (const auto duration = number_at(report, "times.duration_seconds")) {
      url.add("metric", fmt::format("duration:{}", *duration));
    }
    url.add("message", trim(message_with_tail(event, kMostMessage)));
  }
  HttpRequest request;
  request.method = "GET";
  request.url = url.text();
  return std::vector<Message>{std::move(request)};
}

}  // namespace

const SinkKind cronitor_sink{.schemes = kSchemes,
                             .events = {EventKind::started, EventKind::finished},
                             .usual = {EventKind::started, EventKind::finished},
                             .secret_path = true,
                             .check = check,
                             .request = request_of};

}  // namespace jobinit::deliver
