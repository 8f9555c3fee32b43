// OTLP: what of a run becomes spans, metrics and log records, and what of the environment is minded.
#include "sink_support.hpp"

namespace jobinit::deliver {
namespace {

using test::body_of;
using test::ended;
using test::event_of;
using test::failure;
using test::success;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;

constexpr const char* kSink = "otlp+http://collector:4318";
constexpr const char* kParent = "TRACEPARENT=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

std::vector<HttpRequest> requests(const std::string& sink, const Event& event,
                                  const std::vector<std::string>& environment = {}) {
  std::vector<HttpRequest> all;
  for (const Message& message : test::messages(sink, event, environment)) {
    all.push_back(std::get<HttpRequest>(message));
  }
  return all;
}

std::vector<std::string> urls(const std::string& sink, const Event& event,
                              const std::vector<std::string>& environment = {}) {
  std::vector<std::string> all;
  for (const HttpRequest& one : requests(sink, event, environment)) {
    all.push_back(one.url);
  }
  return all;
}

// The document of one signal.
nlohmann::json document(const std::string& signal, const Event& event,
                        const std::vector<std::string>& environment = {}) {
  return body_of(requests(std::string(kSink) + "#signals=" + signal, event, environment).at(0));
}

nlohmann::json spans(const Event& event, const std::vector<std::string>& environment = {}) {
  return document("traces", event, environment)["resourceSpans"][0]["scopeSpans"][0]["spans"];
}

nlohmann::json log_records(const Event& event) {
  return document("logs", event)["resourceLogs"][0]["scopeLogs"][0]["logRecords"];
}

// {"key": value} of a list of attributes, values as they are in JSON.
nlohmann::json flat(const nlohmann::json& attributes) {
  nlohmann::json all = nlohmann::json::object();
  for (const auto& one : attributes) {
    EXPECT_FALSE(all.contains(one["key"].get<std::string>())) << one["key"];
    all[one["key"].get<std::string>()] = one["value"].front();
  }
  return all;
}

nlohmann::json resource(const Event& event, const std::vector<std::string>& environment = {}) {
  return flat(document("traces", event, environment)["resourceSpans"][0]["resource"]["attributes"]);
}

TEST(Otlp, ARunIsASpan) {
  auto all = spans(failure(), {kParent});
  ASSERT_EQ(all.size(), 1U);
  const auto attributes = flat(all[0]["attributes"]);
  all[0].erase("attributes");
  EXPECT_EQ(all[0], nlohmann::json::parse(R"({
      "traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "bcceb302099a8057", "parentSpanId": "00f067aa0ba902b7",
      "flags": 1, "name": "import-feed", "kind": 1, "startTimeUnixNano": "1700000000250000000",
      "endTimeUnixNano": "1700000090750000000", "status": {"code": 2, "message":
      "import-feed failed: exit 3 after 1m31s, peak memory 412 MiB of 512 MiB"}})"));
  EXPECT_EQ(attributes, nlohmann::json::parse(R"({
      "jobinit.run_id": "01890a5d-ac96-774b-bcce-b302099a8057", "jobinit.cause": "failed", "error.type": "failed",
      "process.exit.code": "3", "process.command_args": {"values": [{"stringValue": "python3"},
      {"stringValue": "import.py"}, {"stringValue": "--full"}]}})"));
}

TEST(Otlp, ASuccessWithoutAParentIsTheRoot) {
  const auto span = spans(success())[0];
  EXPECT_EQ(span["traceId"], "01890a5dac96774bbcceb302099a8057");
  EXPECT_FALSE(span.contains("parentSpanId"));
  EXPECT_EQ(span["status"], nlohmann::json({{"code", 1}}));
  EXPECT_FALSE(flat(span["attributes"]).contains("error.type"));
}

TEST(Otlp, AttemptsAreSpansBelowTheRuns) {
  using namespace std::chrono_literals;
  supervise::Outcome outcome = test::sample_outcome();
  outcome.attempts = {{{Cause::failed, 3, 3, std::nullopt}, std::nullopt, outcome.started_at, 30s},
                      {{Cause::success, 0, 0, std::nullopt}, std::nullopt, outcome.started_at + 60s, 30s}};
  const auto all = spans(finished_event(report::make_report(test::sample_subject(), outcome)));
  ASSERT_EQ(all.size(), 3U);
  std::set<std::string> ids;
  for (const auto& span : all) {
    ids.insert(span["spanId"].get<std::string>());
    EXPECT_EQ(span["traceId"], all[0]["traceId"]);
  }
  EXPECT_EQ(ids.size(), 3U);
  EXPECT_EQ(all[1]["name"], "import-feed attempt 1");
  EXPECT_EQ(all[1]["parentSpanId"], all[0]["spanId"]);
  EXPECT_EQ(all[1]["endTimeUnixNano"], "1700000030250000000");
  EXPECT_EQ(all[1]["status"]["code"], 2);
  EXPECT_EQ(all[2]["startTimeUnixNano"], "1700000060250000000");
  EXPECT_EQ(all[2]["status"]["code"], 1);
}

TEST(Otlp, WhatIsNotSampledIsNotTraced) {
  const std::string parent = "TRACEPARENT=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
  EXPECT_THAT(urls(kSink, success(), {parent}),
              ElementsAre("http://collector:4318/v1/metrics", "http://collector:4318/v1/logs"));
}

TEST(Otlp, MetricsAreGauges) {
  std::map<std::string, double> values;
  const auto whole = document("metrics", failure());
  for (const auto& metric : whole["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]) {
    const auto& point = metric["gauge"]["dataPoints"][0];
    EXPECT_EQ(point["timeUnixNano"], "1700000090750000000");
    EXPECT_EQ(flat(point["attributes"]), nlohmann::json({{"jobinit.job", "import-feed"}, {"jobinit.cause", "failed"}}));
    values[metric["name"].get<std::string>() + " " + metric["unit"].get<std::string>()] = point["asDouble"];
  }
  EXPECT_THAT(values,
              ElementsAre(Pair("jobinit.job.cpu.system s", 0.75), Pair("jobinit.job.cpu.user s", 12.5),
                          Pair("jobinit.job.duration s", 90.5), Pair("jobinit.job.exit_code 1", 3),
                          Pair("jobinit.job.memory.limit By", 536870912), Pair("jobinit.job.memory.peak By", 432013312),
                          Pair("jobinit.job.oom_kills {process}", 0), Pair("jobinit.job.running 1", 0),
                          Pair("jobinit.job.success 1", 0)));
}

TEST(Otlp, TheTailIsLogRecordsOfTheSpan) {
  const auto records = log_records(failure());
  ASSERT_EQ(records.size(), 3U);
  EXPECT_EQ(records[0]["body"]["stringValue"], "reading feed");
  EXPECT_EQ(records[1]["body"]["stringValue"], "wrote 17 rows");
  EXPECT_EQ(records[2]["severityNumber"], 17);
  EXPECT_THAT(records[2]["body"]["stringValue"], HasSubstr("failed: exit 3"));
  for (const auto& record : records) {
    EXPECT_EQ(record["spanId"], "bcceb302099a8057");
  }
}

TEST(Otlp, OnlyTheNewestOfALongTail) {
  std::string tail;
  for (int i = 0; i < 5000; ++i) {
    tail += fmt::format("{}\n", i);
  }
  const auto records = log_records(ended({Cause::failed, 3, 3, std::nullopt}, tail));
  ASSERT_EQ(records.size(), 1001U);
  EXPECT_EQ(records[0]["body"]["stringValue"], "4000");
  EXPECT_EQ(records[999]["body"]["stringValue"], "4999");
}

TEST(Otlp, WhileItRuns) {
  EXPECT_THAT(urls(kSink, event_of(EventKind::started)), ElementsAre("http://collector:4318/v1/metrics"));
  EXPECT_THAT(urls(kSink, event_of(EventKind::heartbeat)), ElementsAre("http://collector:4318/v1/metrics"));
  EXPECT_THAT(urls(kSink, event_of(EventKind::warning, "memory")), ElementsAre("http://collector:4318/v1/logs"));
  EXPECT_EQ(log_records(event_of(EventKind::warning, "memory"))[0]["body"]["stringValue"], "memory");
  EXPECT_EQ(
      body_of(requests(kSink, event_of(EventKind::started))[0])["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]
                                                               ["gauge"]["dataPoints"][0]["asDouble"],
      1.0);
}

TEST(Otlp, WhereItGoes) {
  const auto finished = success();
  EXPECT_THAT(urls("otlp+https://c/base/", finished),
              ElementsAre("https://c/base/v1/traces", "https://c/base/v1/metrics", "https://c/base/v1/logs"));
  EXPECT_THAT(urls("otlp:", finished), Contains("http://localhost:4318/v1/traces")) << "the specification's default";
  EXPECT_THAT(urls("otlp:", finished, {"OTEL_EXPORTER_OTLP_ENDPOINT=https://c:4318/x/"}),
              ElementsAre("https://c:4318/x/v1/traces", "https://c:4318/x/v1/metrics", "https://c:4318/x/v1/logs"));
  EXPECT_THAT(urls("otlp:", finished,
                   {"OTEL_EXPORTER_OTLP_ENDPOINT=https://c", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=https://t/as/it/is"}),
              ElementsAre("https://t/as/it/is", "https://c/v1/metrics", "https://c/v1/logs"));
  EXPECT_THAT(urls("otlp:", finished, {"OTEL_METRICS_EXPORTER=none", "OTEL_LOGS_EXPORTER=None"}),
              ElementsAre("http://localhost:4318/v1/traces"));
  EXPECT_THAT(urls("otlp:#signals=logs", finished, {"OTEL_LOGS_EXPORTER=none"}),
              ElementsAre("http://localhost:4318/v1/logs"))
      << "what is said here counts more";
  EXPECT_THAT(urls("otlp:", finished, {"OTEL_SDK_DISABLED=true"}), IsEmpty());
}

TEST(Otlp, HeadersAreOnlyForTheEndpointTheyAreMeantFor) {
  const std::vector<std::string> environment{"OTEL_EXPORTER_OTLP_ENDPOINT=https://c:4318/",
                                             "OTEL_EXPORTER_OTLP_HEADERS=api-key=a%2Cb, X-Scope = 7",
                                             "OTEL_EXPORTER_OTLP_LOGS_HEADERS=api-key=logs"};
  const auto all = requests("otlp:", success(), environment);
  EXPECT_THAT(all.at(0).headers,
              ElementsAre(Pair("Content-Type", "application/json"), Pair("api-key", "a,b"), Pair("X-Scope", "7")));
  EXPECT_THAT(all.at(2).headers, ElementsAre(Pair("Content-Type", "application/json"), Pair("api-key", "logs")));
  EXPECT_EQ(requests("otlp+https://c:4318", success(), environment).at(0).headers.size(), 3U);
  EXPECT_EQ(requests("otlp+https://elsewhere", success(), environment).at(0).headers.size(), 1U);
}

TEST(Otlp, TheResourceIsWhatTheEnvironmentSaysFirst) {
  const auto plain = resource(success());
  EXPECT_EQ(plain["service.name"], "import-feed");
  EXPECT_EQ(plain["host.name"], "import-feed-x7x2q");
  EXPECT_EQ(plain["k8s.pod.name"], "import-feed-x7x2q");
  EXPECT_EQ(plain["k8s.namespace.name"], "batch");
  const std::string attributes =
      "OTEL_RESOURCE_ATTRIBUTES=service.name=feeds,deployment.environment=pro%20d,host.name=h";
  EXPECT_EQ(resource(success(), {attributes})["service.name"], "feeds");
  EXPECT_EQ(resource(success(), {attributes})["deployment.environment"], "pro d");
  EXPECT_EQ(resource(success(), {attributes})["host.name"], "h");
  EXPECT_EQ(resource(success(), {attributes, "OTEL_SERVICE_NAME=billing"})["service.name"], "billing");
}

TEST(Otlp, GrpcIsNotSpoken) {
  const Sink sink = test::sink_of("otlp:");
  const std::vector<std::string> environment{"OTEL_EXPORTER_OTLP_PROTOCOL=grpc"};
  const auto made = sink.kind->request(sink, success(), environment);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.failure().message, HasSubstr("only HTTP is spoken here"));
}

TEST(Otlp, WhatACollectorRefusesOfItIsAFailure) {
  const auto judge = requests(kSink, success())[0].judge;
  for (const char* fine : {"", "{}", "OK", R"({"partialSuccess":{}})", R"({"partialSuccess":{"rejectedSpans":"0"}})",
                           R"({"partialSuccess":{"rejectedSpans":0,"errorMessage":"a word of warning"}})"}) {
    EXPECT_TRUE(judge(fine)) << fine;
  }
  for (const char* bad : {R"({"partialSuccess":{"rejectedSpans":"1","errorMessage":"too old"}})",
                          R"({"partialSuccess":{"rejectedLogRecords":7,"errorMessage":"too old"}})"}) {
    const auto judged = judge(bad);
    ASSERT_FALSE(judged) << bad;
    EXPECT_EQ(judged.failure().message, "the collector accepted only a part: too old");
  }
}

TEST(Otlp, WrongTargetsAreRefused) {
  const auto refused = [](const std::string& sink) {
    const auto parsed = parse_sink(sink);
    return parsed ? "good" : parsed.failure().message;
  };
  EXPECT_THAT(refused("otlp://collector:4318"), HasSubstr("to name it here, write otlp+https://HOST"));
  EXPECT_THAT(refused("otlp+http://"), HasSubstr("no host in it"));
  EXPECT_THAT(refused("otlp:#signals=traces,metric"), HasSubstr("\"metric\" is no signal"));
  EXPECT_THAT(refused("otlp:#signal=traces"), HasSubstr("did you mean signals?"));
}

TEST(Otlp, AReportThatLacksEverythingIsStillTold) {
  const auto all = spans(finished_event(nlohmann::json::parse(R"({"job": 7, "outcome": [], "attempts": [1, {}]})")));
  EXPECT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0]["status"]["code"], 2);
}

}  // namespace
}  // namespace jobinit::deliver
