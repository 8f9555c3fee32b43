// otlp+http(s)://HOST[:PORT][/BASE] and otlp: (where OTEL_EXPORTER_OTLP_* say): one span a run, its metrics and the
// tail of its log, in OTLP/HTTP's JSON encoding.
// OpenTelemetry's specification: "OTLP Specification", "JSON Protobuf Encoding" (hex ids, 64-bit numbers as text, enums
// as numbers) and "Partial Success"; "OpenTelemetry Protocol Exporter" (endpoints, headers); "Environment Variable
// Specification"; semantic conventions for resources and processes.
#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>

#include "encode.hpp"
#include "facts.hpp"
#include "jobinit/base/environment.hpp"
#include "jobinit/base/percent.hpp"
#include "jobinit/base/text.hpp"
#include "jobinit/base/trace.hpp"
#include "jobinit/report/metrics.hpp"
#include "jobinit/report/version.hpp"
#include "registry.hpp"
#include "urls.hpp"

namespace jobinit::deliver {
namespace {

using report::Document;

constexpr std::array<std::string_view, 3> kSchemes{"otlp+http", "otlp+https", "otlp"};
constexpr std::array<std::string_view, 1> kOptions{"signals"};
constexpr std::string_view kEndpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";
constexpr std::string_view kDefaultEndpoint = "http://localhost:4318";
constexpr std::size_t kMostLines = 1000;

struct Signal {
  std::string_view name;   // in options and paths
  std::string_view upper;  // in the names of variables
};
constexpr std::array<Signal, 3> kSignals{Signal{"traces", "TRACES"}, Signal{"metrics", "METRICS"},
                                         Signal{"logs", "LOGS"}};

enum SpanKind { kInternal = 1 };
enum StatusCode { kOk = 1, kError = 2 };
enum Severity { kInfo = 9, kWarn = 13, kErrorSeverity = 17 };

bool by_environment(const Sink& sink) { return sink.scheme == "otlp"; }

Result<void> check(const Sink& sink) {
  const SinkOptions options(sink.target);
  if (auto good = options.check(sink.shown, kOptions); !good) {
    return good;
  }
  for (const std::string& name : split(options.get("signals"), ",")) {
    if (std::none_of(kSignals.begin(), kSignals.end(), [&](const Signal& one) { return one.name == name; })) {
      return error("{}: \"{}\" is no signal; there are traces, metrics, logs", sink.shown, name);
    }
  }
  if (!by_environment(sink)) {
    return check_http_url(sink);
  }
  return sink.target.empty() || sink.target.starts_with('#')
             ? Result<void>()
             : error("otlp: takes its endpoint from {}; to name it here, write otlp+https://HOST", kEndpoint);
}

// ---- the environment ------------------------------------------------------------------------------------------------

std::string_view variable(Environment environment, std::string_view name) {
  return trim(lookup(environment, name).value_or(""));
}

// OTEL_EXPORTER_OTLP_<SIGNAL>_<WHAT>, or OTEL_EXPORTER_OTLP_<WHAT>.
std::string_view exporter_variable(Environment environment, const Signal& signal, std::string_view what) {
  const std::string_view own = variable(environment, fmt::format("OTEL_EXPORTER_OTLP_{}_{}", signal.upper, what));
  return own.empty() ? variable(environment, fmt::format("OTEL_EXPORTER_OTLP_{}", what)) : own;
}

// "key1=value1,key2=value2", percent-encoded (W3C Baggage without its properties).
std::vector<std::pair<std::string, std::string>> pairs(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> all;
  for (const std::string& one : split(text, ",")) {
    const std::size_t equals = one.find('=');
    if (equals != std::string::npos && equals > 0) {
      all.emplace_back(percent_decoded(trim(std::string_view(one).substr(0, equals))),
                       percent_decoded(trim(std::string_view(one).substr(equals + 1))));
    }
  }
  return all;
}

std::string without_slashes(std::string_view text) {
  while (text.ends_with('/')) {
    text.remove_suffix(1);
  }
  return std::string(text);
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return result;
}

std::string url_for(const Sink& sink, const Signal& signal, Environment environment) {
  if (!by_environment(sink)) {
    UrlParts url = url_parts(sink.url());
    url.path = without_slashes(url.path) + fmt::format("/v1/{}", signal.name);
    return url.text();
  }
  const auto own = variable(environment, fmt::format("OTEL_EXPORTER_OTLP_{}_ENDPOINT", signal.upper));
  if (!own.empty()) {
    return std::string(own);
  }
  const std::string_view base = variable(environment, kEndpoint);
  return fmt::format("{}/v1/{}", without_slashes(base.empty() ? kDefaultEndpoint : base), signal.name);
}

// What the environment's headers were meant for must not be told to another server.
bool headers_apply(const Sink& sink, Environment environment) {
  const std::string_view endpoint = variable(environment, kEndpoint);
  return by_environment(sink) || endpoint.empty() ||
         url_parts(endpoint).bare_origin() == url_parts(sink.url()).bare_origin();
}

bool wanted(const Sink& sink, const Signal& signal, Environment environment) {
  const SinkOptions options(sink.target);
  if (const auto names = split(options.get("signals"), ","); !names.empty()) {
    return std::find(names.begin(), names.end(), signal.name) != names.end();
  }
  return lower(variable(environment, fmt::format("OTEL_{}_EXPORTER", signal.upper))) != "none";
}

// ---- the data model -------------------------------------------------------------------------------------------------

Document text_value(std::string_view text) { return {{"stringValue", valid_utf8(text)}}; }
Document integer_value(std::int64_t number) { return {{"intValue", fmt::format("{}", number)}}; }

class Attributes {
 public:
  void add(std::string_view key, Document value) { list_.push_back({{"key", key}, {"value", std::move(value)}}); }
  void add_text(std::string_view key, std::string_view text) {
    if (!text.empty()) {
      add(key, text_value(text));
    }
  }
  void add_integer(std::string_view key, std::optional<std::int64_t> number) {
    if (number) {
      add(key, integer_value(*number));
    }
  }
  Document take() && { return std::move(list_); }

 private:
  Document list_ = Document::array();
};

std::string nanoseconds(std::int64_t milliseconds) { return fmt::format("{}000000", milliseconds); }

std::int64_t milliseconds_of(std::chrono::system_clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

// "Cloud", "Kubernetes", "Host": what the platform is known by there.
void add_platform(const Document& report, std::map<std::string, std::string>& into) {
  const std::string platform = text_at(report, "platform.name");
  const auto take = [&](const char* key, std::string_view path) {
    if (std::string value = text_at(report, path); !value.empty()) {
      into.emplace(key, std::move(value));
    }
  };
  take("host.name", "platform.host");
  if (platform == "kubernetes") {
    take("k8s.pod.name", "platform.ids.HOSTNAME");
    take("k8s.namespace.name", "platform.ids.namespace");
  } else if (platform == "ecs" || platform == "aws-batch") {
    into.emplace("cloud.provider", "aws");
    if (platform == "ecs") {
      into.emplace("cloud.platform", "aws_ecs");
    }
    take("cloud.region", "platform.ids.AWS_REGION");
  } else if (platform == "cloud-run") {
    into.emplace("cloud.provider", "gcp");
    into.emplace("cloud.platform", "gcp_cloud_run");
    take("faas.name", "platform.ids.CLOUD_RUN_JOB");
  }
}

// OTEL_SERVICE_NAME beats OTEL_RESOURCE_ATTRIBUTES, which beats what we found out.
Document resource(const Document& report, Environment environment) {
  std::map<std::string, std::string> all{{"service.name", report::job_name(report)},
                                         {"telemetry.sdk.name", "jobinit"},
                                         {"telemetry.sdk.language", "cpp"},
                                         {"telemetry.sdk.version", std::string(report::kVersion)}};
  add_platform(report, all);
  for (const auto& [key, value] : pairs(variable(environment, "OTEL_RESOURCE_ATTRIBUTES"))) {
    all[key] = value;
  }
  if (const std::string_view name = variable(environment, "OTEL_SERVICE_NAME"); !name.empty()) {
    all["service.name"] = name;
  }
  Attributes attributes;
  for (const auto& [key, value] : all) {
    attributes.add_text(key, value);
  }
  return {{"attributes", std::move(attributes).take()}};
}

// {"resourceSpans": [{"resource": ..., "scopeSpans": [{"scope": ..., "spans": [...]}]}]}
Document envelope(const char* outer, const char* middle, const char* inner, Document resource, Document items) {
  Document scope;
  scope["scope"] = {{"name", "jobinit"}, {"version", report::kVersion}};
  scope[inner] = std::move(items);
  Document one;
  one["resource"] = std::move(resource);
  one[middle] = Document::array({std::move(scope)});
  Document whole;
  whole[outer] = Document::array({std::move(one)});
  return whole;
}

// ---- traces ---------------------------------------------------------------------------------------------------------

Document status_of(bool success, std::string_view message) {
  Document status;
  status["code"] = success ? kOk : kError;
  if (!success) {
    status["message"] = valid_utf8(message);
  }
  return status;
}

Document span_of(const TraceContext& trace, std::string_view id, std::string_view parent, std::string_view name,
                 std::int64_t started, std::int64_t ended) {
  Document span;
  span["traceId"] = trace.trace_id;
  span["spanId"] = id;
  if (!parent.empty()) {
    span["parentSpanId"] = parent;
  }
  span["flags"] = trace.sampled ? 1 : 0;
  span["name"] = valid_utf8(name);
  span["kind"] = kInternal;
  span["startTimeUnixNano"] = nanoseconds(started);
  span["endTimeUnixNano"] = nanoseconds(std::max(started, ended));
  return span;
}

Document run_attributes(const Document& report) {
  Attributes attributes;
  attributes.add_text("jobinit.run_id", run_id(report));
  attributes.add_text("jobinit.cause", text_at(report, "outcome.cause"));
  if (!succeeded(report)) {
    attributes.add_text("error.type", text_at(report, "outcome.cause"));
  }
  attributes.add_integer("process.exit.code", integer_at(report, "outcome.exit_code"));
  attributes.add_text("jobinit.signal", text_at(report, "outcome.signal"));
  attributes.add_text("jobinit.limit", text_at(report, "outcome.limit"));
  if (const Document* command = find(report, "job.command"); command != nullptr && command->is_array()) {
    Document values = Document::array();
    for (const Document& argument : *command) {
      values.push_back(text_value(argument.is_string() ? argument.get<std::string>() : ""));
    }
    attributes.add("process.command_args", {{"arrayValue", {{"values", std::move(values)}}}});
  }
  return std::move(attributes).take();
}

// A single attempt is the run itself.
void add_attempts(const Document& report, const TraceContext& trace, std::int64_t run_ended, Document& spans) {
  const Document* attempts = find(report, "attempts");
  if (attempts == nullptr || !attempts->is_array() || attempts->size() < 2) {
    return;
  }
  for (std::size_t i = 0; i < attempts->size(); ++i) {
    const Document& one = (*attempts)[i];
    const auto started = epoch_milliseconds_at(one, "started_at");
    if (!started) {
      continue;
    }
    const auto seconds = number_at(one, "duration_seconds");
    const std::int64_t ended = seconds ? *started + static_cast<std::int64_t>(*seconds * 1000) : run_ended;
    const std::string cause = text_at(one, "cause");
    Document span = span_of(trace, attempt_span_id(run_id(report), static_cast<unsigned>(i + 1)), trace.span_id,
                            fmt::format("{} attempt {}", report::job_name(report), i + 1), *started, ended);
    Attributes attributes;
    attributes.add_integer("jobinit.attempt", static_cast<std::int64_t>(i + 1));
    attributes.add_text("jobinit.cause", cause);
    attributes.add_integer("process.exit.code", integer_at(one, "exit_code"));
    span["attributes"] = std::move(attributes).take();
    span["status"] = status_of(cause == "success", cause);
    spans.push_back(std::move(span));
  }
}

Document traces(const Event& event, const TraceContext& trace, Document from) {
  const Document& report = event.report;
  const std::int64_t ended = milliseconds_of(event.time);
  // What the clock says may have been set meanwhile; how long it took is known for certain.
  const auto seconds = number_at(report, "times.duration_seconds");
  const std::int64_t started = epoch_milliseconds_at(report, "times.started_at")
                                   .value_or(ended - static_cast<std::int64_t>(seconds.value_or(0) * 1000));
  Document span = span_of(trace, trace.span_id, trace.parent_span_id, report::job_name(report), started, ended);
  span["attributes"] = run_attributes(report);
  span["status"] = status_of(succeeded(report), text_at(report, "outcome.summary"));
  Document spans = Document::array({std::move(span)});
  add_attempts(report, trace, ended, spans);
  return envelope("resourceSpans", "scopeSpans", "spans", std::move(from), std::move(spans));
}

// ---- metrics --------------------------------------------------------------------------------------------------------

struct Gauge {
  const char* name;
  const char* field;
  const char* unit;  // UCUM
};
constexpr std::array<Gauge, 7> kGauges{Gauge{"jobinit.job.duration", "times.duration_seconds", "s"},
                                       Gauge{"jobinit.job.exit_code", "outcome.exit_code", "1"},
                                       Gauge{"jobinit.job.memory.peak", "resources.peak_memory_bytes", "By"},
                                       Gauge{"jobinit.job.memory.limit", "resources.memory_limit_bytes", "By"},
                                       Gauge{"jobinit.job.cpu.user", "resources.cpu_user_seconds", "s"},
                                       Gauge{"jobinit.job.cpu.system", "resources.cpu_system_seconds", "s"},
                                       Gauge{"jobinit.job.oom_kills", "resources.oom_kills", "{process}"}};

Document gauge(const Event& event, const char* name, const char* unit, double value) {
  Attributes attributes;
  attributes.add_text("jobinit.job", report::job_name(event.report));
  attributes.add_text("jobinit.cause", text_at(event.report, "outcome.cause"));
  Document point;
  point["attributes"] = std::move(attributes).take();
  point["timeUnixNano"] = nanoseconds(milliseconds_of(event.time));
  point["asDouble"] = value;
  return {{"name", name}, {"unit", unit}, {"gauge", {{"dataPoints", Document::array({std::move(point)})}}}};
}

Document metrics(const Event& event, Document from) {
  const bool over = event.kind == EventKind::finished;
  Document list = Document::array();
  list.push_back(gauge(event, "jobinit.job.running", "1", over ? 0 : 1));
  if (over) {
    list.push_back(gauge(event, "jobinit.job.success", "1", succeeded(event.report) ? 1 : 0));
    for (const Gauge& one : kGauges) {
      if (const auto value = number_at(event.report, one.field)) {
        list.push_back(gauge(event, one.name, one.unit, *value));
      }
    }
  }
  return envelope("resourceMetrics", "scopeMetrics", "metrics", std::move(from), std::move(list));
}

// ---- logs -----------------------------------------------------------------------------------------------------------

Document log_record(const Event& event, const TraceContext& trace, Severity severity, std::string_view severity_text,
                    std::string_view body) {
  Document record;
  record["timeUnixNano"] = nanoseconds(milliseconds_of(event.time));
  record["observedTimeUnixNano"] = record["timeUnixNano"];
  if (severity != 0) {
    record["severityNumber"] = severity;
    record["severityText"] = severity_text;
  }
  record["body"] = text_value(body);
  record["flags"] = trace.sampled ? 1 : 0;
  record["traceId"] = trace.trace_id;
  record["spanId"] = trace.span_id;
  Attributes attributes;
  attributes.add_text("jobinit.run_id", run_id(event.report));
  record["attributes"] = std::move(attributes).take();
  return record;
}

Document logs(const Event& event, const TraceContext& trace, Document from) {
  Document records = Document::array();
  if (event.kind != EventKind::finished) {
    records.push_back(log_record(event, trace, kWarn, "WARN", event.text));
  } else {
    const std::vector<std::string> lines = split(text_at(event.report, "logs.tail"), "\n");
    for (std::size_t i = lines.size() - std::min(lines.size(), kMostLines); i < lines.size(); ++i) {
      records.push_back(log_record(event, trace, Severity{}, "", lines[i]));
    }
    const bool good = succeeded(event.report);
    records.push_back(log_record(event, trace, good ? kInfo : kErrorSeverity, good ? "INFO" : "ERROR",
                                 text_at(event.report, "outcome.summary")));
  }
  return envelope("resourceLogs", "scopeLogs", "logRecords", std::move(from), std::move(records));
}

// ---- sending --------------------------------------------------------------------------------------------------------

// "Partial Success": what the server refused of what it answered 200 to.
Result<void> judge(std::string_view answer) {
  const auto parsed = Document::parse(answer, nullptr, /*allow_exceptions=*/false);
  if (parsed.is_discarded()) {
    return {};
  }
  for (const std::string_view kind : {"rejectedSpans", "rejectedDataPoints", "rejectedLogRecords"}) {
    const Document* count = find(parsed, fmt::format("partialSuccess.{}", kind));
    if (count == nullptr || *count == 0 || *count == "0") {
      continue;
    }
    const std::string reason = text_at(parsed, "partialSuccess.errorMessage");
    return error("the collector accepted only a part{}{}", reason.empty() ? "" : ": ", reason);
  }
  return {};
}

// Of all signals at this event, whether this one has something to tell.
bool has_news(const Signal& signal, const Event& event, const TraceContext& trace) {
  switch (event.kind) {
    case EventKind::started:
    case EventKind::heartbeat: return signal.name == "metrics";
    case EventKind::warning:
    case EventKind::attempt_failed: return signal.name == "logs";
    case EventKind::finished: break;
  }
  return signal.name != "traces" || trace.sampled;
}

Document document_for(const Signal& signal, const Event& event, const TraceContext& trace, Environment environment) {
  Document from = resource(event.report, environment);
  if (signal.name == "traces") {
    return traces(event, trace, std::move(from));
  }
  return signal.name == "metrics" ? metrics(event, std::move(from)) : logs(event, trace, std::move(from));
}

Result<std::vector<Message>> request_of(const Sink& sink, const Event& event, Environment environment) {
  std::vector<Message> messages;
  if (by_environment(sink) && lower(variable(environment, "OTEL_SDK_DISABLED")) == "true") {
    return messages;
  }
  const TraceContext trace = trace_of_run(run_id(event.report), lookup(environment, "TRACEPARENT"));
  for (const Signal& signal : kSignals) {
    if (!wanted(sink, signal, environment) || !has_news(signal, event, trace)) {
      continue;
    }
    if (by_environment(sink) && exporter_variable(environment, signal, "PROTOCOL") == "grpc") {
      return error(
          "otlp: the environment wants {} by gRPC (OTEL_EXPORTER_OTLP_PROTOCOL), and only HTTP is spoken here; "
          "name the collector's HTTP endpoint, otlp+http://HOST:4318",
          signal.name);
    }
    HttpRequest request;
    request.url = url_for(sink, signal, environment);
    request.headers = {{"Content-Type", "application/json"}};
    if (headers_apply(sink, environment)) {
      for (const auto& [name, value] : pairs(exporter_variable(environment, signal, "HEADERS"))) {
        request.headers.emplace_back(one_line(name), one_line(value));
      }
    }
    request.body =
        document_for(signal, event, trace, environment).dump(-1, ' ', false, Document::error_handler_t::replace);
    request.judge = judge;
    messages.emplace_back(std::move(request));
  }
  return messages;
}

}  // namespace

const SinkKind otlp_sink{.schemes = kSchemes,
                         .events = kAllEvents,
                         .usual = kAllEvents,
                         .spans = true,
                         .check = check,
                         .request = request_of};

}  // namespace jobinit::deliver
