// eventbridge:[BUS][#region=...&source=...], an event on an Amazon EventBridge bus.
// Amazon EventBridge API Reference, PutEvents: an entry of up to 256 KB, all its parts together; a status of 200 says
// nothing of the entries, FailedEntryCount does.
#include <array>
#include <nlohmann/json.hpp>

#include "aws_api.hpp"
#include "encode.hpp"
#include "facts.hpp"
#include "registry.hpp"

namespace jobinit::deliver {
namespace {

constexpr std::array<std::string_view, 1> kSchemes{"eventbridge"};
constexpr std::array<std::string_view, 2> kOptions{"region", "source"};
constexpr AwsService kService{"events", "EVENTBRIDGE"};
constexpr std::string_view kSource = "jobinit";
constexpr std::size_t kMostDetail = 250'000;

std::string_view bus_of(const Sink& sink) { return std::string_view(sink.target).substr(0, sink.target.find('#')); }

Result<void> check(const Sink& sink) {
  const SinkOptions options(sink.target);
  if (auto good = options.check(sink.scheme, kOptions); !good) {
    return good;
  }
  if (options.get("source").starts_with("aws.")) {
    return error("eventbridge: a source that begins with \"aws.\" is AWS' own");
  }
  if (bus_of(sink).find_first_of("?& ") != std::string_view::npos || bus_of(sink).starts_with("//")) {
    return error("eventbridge: takes the name or the ARN of an event bus, or nothing for the default one");
  }
  return {};
}

Result<void> judge(std::string_view answer) {
  const auto parsed = report::Document::parse(answer, nullptr, /*allow_exceptions=*/false);
  if (parsed.is_discarded() || integer_at(parsed, "FailedEntryCount").value_or(0) == 0) {
    return {};
  }
  return error("the bus has not taken the event: {} {}", text_at(parsed, "Entries.0.ErrorCode"),
               text_at(parsed, "Entries.0.ErrorMessage"));
}

// What rules match on: "detail-type": ["Job Run Finished"].
std::string_view detail_type(EventKind kind) {
  switch (kind) {
    case EventKind::started: return "Job Run Started";
    case EventKind::heartbeat: return "Job Run Heartbeat";
    case EventKind::warning: return "Job Run Warning";
    case EventKind::attempt_failed: return "Job Run Attempt Failed";
    case EventKind::finished: break;
  }
  return "Job Run Finished";
}

std::string detail_of(const Event& event) {
  report::Document detail = event.report.is_object() ? event.report : report::Document::object();
  if (!event.text.empty()) {
    detail["text"] = event.text;
  }
  return report_within(detail, kMostDetail);
}

Result<std::vector<Message>> request_of(const Sink& sink, const Event& event, Environment environment) {
  const SinkOptions options(sink.target);
  std::string_view region = options.get("region");
  const std::string_view bus = bus_of(sink);
  std::vector<std::string> arn = bus.starts_with("arn:") ? split(bus, ":") : std::vector<std::string>();
  if (region.empty() && arn.size() > 3) {
    region = arn[3];
  }
  auto request = aws_request(kService, region, "application/x-amz-json-1.1", environment);
  if (!request) {
    return request.failure();
  }
  nlohmann::ordered_json entry;
  entry["Source"] = options.get("source", kSource);
  entry["DetailType"] = detail_type(event.kind);
  entry["Time"] = std::chrono::duration_cast<std::chrono::seconds>(event.time.time_since_epoch()).count();
  if (!bus.empty()) {
    entry["EventBusName"] = bus;
  }
  entry["Detail"] = detail_of(event);
  nlohmann::ordered_json body;
  body["Entries"] = nlohmann::ordered_json::array({entry});
  request->headers.emplace_back("X-Amz-Target", "AWSEvents.PutEvents");
  request->body = body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  request->judge = judge;
  return std::vector<Message>{std::move(*request)};
}

}  // namespace

const SinkKind eventbridge_sink{.schemes = kSchemes,
                                .events = kAllEvents,
                                .usual = {EventKind::started, EventKind::attempt_failed, EventKind::finished},
                                .check = check,
                                .request = request_of};

}  // namespace jobinit::deliver
