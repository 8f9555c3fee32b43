// The sinks that tell a cron monitor: healthchecks, Cronitor, Sentry.
#include "sink_support.hpp"

namespace jobinit::deliver {
namespace {

using test::body_of;
using test::ended;
using test::event_of;
using test::failure;
using test::request;
using test::success;
using test::Wrong;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kSlug = "healthchecks+https://hc-ping.com/ping-key/nightly";
const std::string kSlugUrl = "https://hc-ping.com/ping-key/nightly";
const std::string kRid = fmt::format("rid={}", test::kRunId);

struct Ping {
  const char* name;
  Event event;
  std::string path;  // behind the check's
  friend void PrintTo(const Ping& ping, std::ostream* out) { *out << ping.name; }
};

class Healthchecks : public testing::TestWithParam<Ping> {};

TEST_P(Healthchecks, PingsTheRightUrl) {
  EXPECT_EQ(request(kSlug, GetParam().event).url, kSlugUrl + GetParam().path + "?" + kRid);
}

INSTANTIATE_TEST_SUITE_P(
    Each, Healthchecks,
    testing::Values(Ping{"started", event_of(EventKind::started), "/start"}, Ping{"success", success(), ""},
                    Ping{"heartbeat", event_of(EventKind::heartbeat), "/log"},
                    Ping{"warning", event_of(EventKind::warning, "memory is short"), "/log"},
                    Ping{"attempt failed", event_of(EventKind::attempt_failed, "failed: exit 3"), "/log"},
                    Ping{"failure", failure(), "/3"},
                    Ping{"timeout", ended({Cause::timeout, 124, std::nullopt, SIGTERM}), "/124"},
                    Ping{"rejected", ended({Cause::rejected, 125, std::nullopt, std::nullopt}), "/125"},
                    // --success-codes 3: the server takes any status but 0 for a failure.
                    Ping{"success with a code", ended({Cause::success, 3, 3, std::nullopt}), ""},
                    // --exit-code failed=0: and 0 for a success.
                    Ping{"failure without a code", ended({Cause::failed, 0, 3, std::nullopt}), "/fail"}),
    test::kRowName);

TEST(HealthchecksPing, TakesEitherFormOfUrlWithItsQuery) {
  const std::string uuid = "5f2a0fd6-9a5c-4d3c-9f04-3c1f5b9f1c11";
  EXPECT_EQ(request("healthchecks+https://hc-ping.com/" + uuid + "/", success()).url,
            "https://hc-ping.com/" + uuid + "?" + kRid);
  EXPECT_EQ(request("healthchecks+http://hc.example:8000/ping/key/slug?create=1", event_of(EventKind::started)).url,
            "http://hc.example:8000/ping/key/slug/start?create=1&" + kRid);
}

TEST(HealthchecksPing, TheBodyIsWhatAPersonWantsToRead) {
  const HttpRequest ping = request(kSlug, failure());
  EXPECT_EQ(ping.method, "POST");
  EXPECT_THAT(ping.body, StartsWith("import-feed failed: exit 3 after 1m31s"));
  EXPECT_THAT(ping.body, EndsWith("\nreading feed\nwrote 17 rows\n"));
  EXPECT_THAT(request(kSlug, event_of(EventKind::warning, "memory is short")).body, HasSubstr("memory is short"));
}

TEST(HealthchecksPing, TheBodyIsWithinTheServersLimitAndKeepsTheNewest) {
  std::string tail;
  for (int i = 0; i < 30'000; ++i) {
    tail += fmt::format("línea {}\n", i);
  }
  const std::string body = request(kSlug, ended({Cause::failed, 3, 3, std::nullopt}, tail)).body;
  EXPECT_LE(body.size(), 100'000U);
  EXPECT_GT(body.size(), 99'900U);
  EXPECT_THAT(body, StartsWith("import-feed failed: exit 3"));
  EXPECT_THAT(body, EndsWith("\nlínea 29999\n"));
  EXPECT_TRUE(test::is_valid_utf8(body));
}

TEST(HealthchecksPing, ARejectedRunSaysWhy) {
  supervise::Outcome outcome = test::sample_outcome();
  outcome.verdict = {Cause::rejected, 125, std::nullopt, std::nullopt};
  outcome.problems = {"timeout: \"x\" is no duration"};
  outcome.tail.clear();
  EXPECT_THAT(request(kSlug, finished_event(report::make_report(test::sample_subject(), outcome))).body,
              HasSubstr("\ntimeout: \"x\" is no duration\n"));
}

// ---- Cronitor -------------------------------------------------------------------------------------------------------

constexpr const char* kCronitor = "cronitor+https://cronitor.link/p/api-key/nightly";

TEST(Cronitor, StartAndEndAreOneSeries) {
  const HttpRequest start = request(kCronitor, event_of(EventKind::started));
  EXPECT_EQ(start.method, "GET");
  EXPECT_EQ(start.url, fmt::format("https://cronitor.link/p/api-key/nightly?state=run&series={}&host=import-feed-x7x2q",
                                   test::kRunId));
  EXPECT_THAT(
      request(kCronitor, success()).url,
      StartsWith(fmt::format("https://cronitor.link/p/api-key/nightly?state=complete&series={}&host="
                             "import-feed-x7x2q&status_code=0&metric=duration%3A90.5&message=import-feed%20succ",
                             test::kRunId)));
  EXPECT_THAT(request(kCronitor, failure()).url, HasSubstr("?state=fail&"));
  EXPECT_THAT(request(kCronitor, failure()).url, HasSubstr("&status_code=3&"));
  EXPECT_THAT(request(kCronitor, failure()).url, EndsWith("wrote%2017%20rows"));
}

TEST(Cronitor, TheMonitorIsTheJobUnlessTold) {
  EXPECT_THAT(request("cronitor+https://cronitor.link/p/api-key", success()).url,
              StartsWith("https://cronitor.link/p/api-key/import-feed?state=complete"));
  EXPECT_THAT(request("cronitor+https://cronitor.link/p/api-key/nightly/?env=staging", success()).url,
              StartsWith("https://cronitor.link/p/api-key/nightly?env=staging&state=complete"));
}

TEST(Cronitor, TheMessageIsWithinItsLimit) {
  const std::string url = request(kCronitor, ended({Cause::failed, 3, 3, std::nullopt}, std::string(5000, 'x'))).url;
  const std::string message = url.substr(url.find("&message=") + 9);
  EXPECT_GT(message.size(), 1990U);
  EXPECT_LE(std::count(message.begin(), message.end(), '%') * -2 + static_cast<std::ptrdiff_t>(message.size()), 2000);
}

// ---- Sentry ---------------------------------------------------------------------------------------------------------

TEST(Sentry, ADsnAndAWholeUrlGoToTheSamePlace) {
  const std::string url = "https://o1.ingest.sentry.io/api/42/cron/import-feed/public/";
  EXPECT_EQ(request("sentry+https://public@o1.ingest.sentry.io/42", success()).url, url);
  EXPECT_EQ(request("sentry+https://public:old-secret@o1.ingest.sentry.io/42", success()).url, url);
  EXPECT_EQ(request("sentry+https://o1.ingest.sentry.io/api/42/cron/import-feed/public/", success()).url, url);
  EXPECT_EQ(
      request("sentry+http://public@sentry.example:9000/behind/a/proxy/42#monitor=Nightly%20Import!", success()).url,
      "http://sentry.example:9000/behind/a/proxy/api/42/cron/nightly-import/public/");
}

TEST(Sentry, OneCheckInARun) {
  const std::string dsn = "sentry+https://public@o1.ingest.sentry.io/42";
  EXPECT_EQ(body_of(request(dsn, event_of(EventKind::started))),
            nlohmann::json({{"check_in_id", test::kRunId}, {"status", "in_progress"}}));
  EXPECT_EQ(body_of(request(dsn, event_of(EventKind::heartbeat)))["status"], "in_progress");
  EXPECT_EQ(body_of(request(dsn, success())),
            nlohmann::json({{"check_in_id", test::kRunId}, {"status", "ok"}, {"duration", 90.5}}))
      << "seconds";
  EXPECT_EQ(body_of(request(dsn, failure()))["status"], "error");
}

TEST(Sentry, AScheduleMakesTheMonitor) {
  const auto body =
      body_of(request("sentry+https://public@h/42#schedule=0%203%20*%20*%20*&timezone=Europe/Berlin&"
                      "checkin_margin=5&max_runtime=60&environment=staging",
                      event_of(EventKind::started), {"SENTRY_ENVIRONMENT=prod"}));
  EXPECT_EQ(body["monitor_config"],
            nlohmann::json::parse(R"({"schedule": {"type": "crontab", "value": "0 3 * * *"}, "timezone":
              "Europe/Berlin", "checkin_margin": 5, "max_runtime": 60})"));
  EXPECT_EQ(body["environment"], "staging");
  EXPECT_EQ(body_of(request("sentry+https://public@h/42", success(), {"SENTRY_ENVIRONMENT=prod"}))["environment"],
            "prod");
}

// ---- all of them ----------------------------------------------------------------------------------------------------

class WrongPing : public testing::TestWithParam<Wrong> {};

TEST_P(WrongPing, IsRefusedAtTheStart) { test::expect_refused(GetParam()); }

INSTANTIATE_TEST_SUITE_P(
    Each, WrongPing,
    testing::Values(
        Wrong{"healthchecks without a check", "healthchecks+https://s3cret@hc-ping.com", "UUID, or PING-KEY/SLUG"},
        Wrong{"healthchecks with only a slash", "healthchecks+https://hc-ping.com/?s3cret", "UUID, or PING-KEY/SLUG"},
        Wrong{"cronitor without a key", "cronitor+https://cronitor.link/p", "/p/API-KEY[/MONITOR]"},
        Wrong{"cronitor without p", "cronitor+https://cronitor.link/s3cret/nightly", "/p/API-KEY[/MONITOR]"},
        Wrong{"sentry without a key", "sentry+https://sentry.io/42", "PUBLIC-KEY@HOST/PROJECT"},
        Wrong{"sentry without a project", "sentry+https://s3cret@sentry.io", "PUBLIC-KEY@HOST/PROJECT"},
        Wrong{"sentry, half a URL", "sentry+https://sentry.io/api/42/cron/s3cret", "/api/PROJECT/cron/MONITOR"},
        Wrong{"sentry, mistyped option", "sentry+https://s3cret@sentry.io/42#shedule=1", "did you mean schedule?"},
        Wrong{"sentry, no number", "sentry+https://s3cret@sentry.io/42#max_runtime=1h", "max_runtime must be a whole"}),
    test::kRowName);

TEST(Pings, AReportThatLacksEverythingIsStillTold) {
  const Event bare = finished_event(nlohmann::json::parse(R"({"job": 7, "outcome": [], "times": "x"})"));
  EXPECT_THAT(request(kSlug, bare).url, StartsWith(kSlugUrl + "/fail?"));
  EXPECT_THAT(request(kCronitor, bare).url, HasSubstr("state=fail"));
  EXPECT_EQ(body_of(request("sentry+https://public@h/42", bare))["status"], "error");
}

}  // namespace
}  // namespace jobinit::deliver
