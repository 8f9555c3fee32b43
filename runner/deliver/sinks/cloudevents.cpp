// cloudevents+http(s)://URL[#mode=structured|binary|batch&type=PREFIX&source=URI&secret=...&signature=...], CloudEvents
// 1.0 over HTTP. Its specification ("CloudEvents - Version 1.0.2"), "HTTP Protocol Binding", "JSON Event Format", and
// the extension "Distributed Tracing".
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "encode.hpp"
#include "facts.hpp"
#include "jobinit/base/environment.hpp"
#include "jobinit/base/percent.hpp"
#include "jobinit/base/text.hpp"
#include "jobinit/base/trace.hpp"
#include "jobinit/report/metrics.hpp"
#include "registry.hpp"
#include "signature.hpp"
#include "urls.hpp"

namespace jobinit::deliver {
namespace {

constexpr std::array<std::string_view, 2> kSchemes{"cloudevents+http", "cloudevents+https"};
constexpr std::array<std::string_view, 5> kOptions{"mode", "type", "source", "secret", "signature"};
constexpr std::array<std::string_view, 3> kModes{"structured", "binary", "batch"};
constexpr std::string_view kTypePrefix = "dev.jobinit.run";

Result<void> check(const Sink& sink) {
  if (auto good = check_http_url(sink); !good) {
    return good;
  }
  const SinkOptions options(sink.target);
  if (auto good = options.check(sink.shown, kOptions); !good) {
    return good;
  }
  const std::string_view mode = options.get("mode", kModes[0]);
  if (std::find(kModes.begin(), kModes.end(), mode) == kModes.end()) {
    return error("{}: the mode is one of {}", sink.shown, fmt::join(kModes, ", "));
  }
  return check_signature(sink, options);
}

using Attributes = std::vector<std::pair<std::string, std::string>>;

Attributes attributes_of(const SinkOptions& options, const Event& event, Environment environment) {
  const std::string job = report::job_name(event.report);
  Attributes all;
  all.emplace_back("specversion", "1.0");
  all.emplace_back("id", event.id.empty() ? "unknown" : event.id);  // "MUST be non-empty"
  const std::string source(options.get("source"));
  all.emplace_back("source", source.empty() ? "/jobinit/" + percent_encoded(job) : source);
  all.emplace_back("type", fmt::format("{}.{}", options.get("type", kTypePrefix), event_name(event.kind)));
  all.emplace_back("subject", valid_utf8(job));
  all.emplace_back("time", report::timestamp(event.time));
  all.emplace_back("dataschema", fmt::format("urn:jobinit:report:{}", report::kSchemaVersion));
  all.emplace_back("traceparent", trace_of_run(run_id(event.report), lookup(environment, "TRACEPARENT")).traceparent());
  if (!event.text.empty()) {
    all.emplace_back("text", valid_utf8(one_line(event.text)));
  }
  return all;
}

// "HTTP Protocol Binding", 3.1.3.2: what is no visible ASCII, and the quotes and percent signs, as %XX.
std::string header_value(std::string_view text) {
  std::string value;
  for (const char c : text) {
    const bool plain = c > 0x20 && c < 0x7F && c != '"' && c != '%';
    value += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return value;
}

std::string as_json(const report::Document& document) {
  return document.dump(-1, ' ', false, report::Document::error_handler_t::replace);
}

report::Document as_event(const Attributes& attributes, const Event& event) {
  report::Document whole;
  for (const auto& [name, value] : attributes) {
    whole[name] = value;
  }
  whole["datacontenttype"] = "application/json";
  whole["data"] = event.report;
  return whole;
}

Result<std::vector<Message>> request_of(const Sink& sink, const Event& event, Environment environment) {
  const SinkOptions options(sink.target);
  const std::string_view mode = options.get("mode", kModes[0]);
  const Attributes attributes = attributes_of(options, event, environment);
  HttpRequest request;
  request.url = url_parts(sink.url()).text();
  if (mode == "binary") {
    request.headers = {{"Content-Type", "application/json"}};
    for (const auto& [name, value] : attributes) {
      request.headers.emplace_back("ce-" + name, header_value(value));
    }
    request.body = as_json(event.report);
  } else if (mode == "batch") {
    request.headers = {{"Content-Type", "application/cloudevents-batch+json; charset=utf-8"}};
    request.body = as_json(report::Document::array({as_event(attributes, event)}));
  } else {
    request.headers = {{"Content-Type", "application/cloudevents+json; charset=utf-8"}};
    request.body = as_json(as_event(attributes, event));
  }
  auto signature = signature_of(options, event, environment);
  if (!signature) {
    return signature.failure();
  }
  request.hmac = std::move(*signature);
  return std::vector<Message>{std::move(request)};
}

}  // namespace

const SinkKind cloudevents_sink{
    .schemes = kSchemes, .events = kAllEvents, .usual = kAllEvents, .check = check, .request = request_of};

}  // namespace jobinit::deliver
