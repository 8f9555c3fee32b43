// StatsD and DogStatsD, read by a parser of the documented grammar that is not ours to bend; and EMF.
#include <unistd.h>

#include <regex>

#include "sink_support.hpp"

namespace jobinit::deliver {
namespace {

using test::ended;
using test::event_of;
using test::failure;
using test::success;
using testing::Contains;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::vector<Datagram> datagrams(const std::string& sink, const Event& event,
                                const std::vector<std::string>& environment = {}) {
  std::vector<Datagram> all;
  for (const Message& message : test::messages(sink, event, environment)) {
    all.push_back(std::get<Datagram>(message));
  }
  return all;
}

std::vector<std::string> lines(const std::string& sink, const Event& event,
                               const std::vector<std::string>& environment = {}) {
  std::vector<std::string> all;
  for (const Datagram& one : datagrams(sink, event, environment)) {
    for (const std::string& line : split(one.payload, "\n")) {
      all.push_back(line);
    }
  }
  return all;
}

// Datadog's documentation, "Datagram Format and Shell Usage"; tags and texts have no bar in them.
void expect_well_formed(const std::string& line) {
  static const std::regex metric(R"([A-Za-z][A-Za-z0-9_.\-]*:-?[0-9.e+]+\|(c|g|ms)(\|#[^|,]+(,[^|,]+)*)?)");
  static const std::regex check(R"(_sc\|[A-Za-z0-9_.\-]+\|[0-3]\|d:\d+(\|h:[^|]+)?\|#[^|]+\|m:[^\n]*)");
  static const std::regex event(R"(_e\{(\d+),(\d+)\}:([^\n]*))");
  std::smatch match;
  if (std::regex_match(line, match, event)) {
    const std::size_t title = std::stoul(match[1]);
    const std::size_t text = std::stoul(match[2]);
    const std::string rest = match[3];
    ASSERT_EQ(rest[title], '|') << line;
    EXPECT_TRUE(test::is_valid_utf8(rest.substr(0, title)) && test::is_valid_utf8(rest.substr(title + 1, text)))
        << line;
    EXPECT_TRUE(std::regex_match(rest.substr(title + 1 + text),
                                 std::regex(R"(\|d:\d+\|k:[^|]+\|t:(success|error|warning|info)\|#[^|]+)")))
        << line;
    return;
  }
  EXPECT_TRUE(std::regex_match(line, metric) || std::regex_match(line, check)) << line;
}

TEST(StatsD, TheJobIsInTheNames) {
  EXPECT_THAT(lines("statsd://metrics:8125", failure()),
              testing::ElementsAre("jobinit.job.import-feed.ended.failed:1|c",
                                   "jobinit.job.import-feed.duration:90500|ms", "jobinit.job.import-feed.exit_code:3|g",
                                   "jobinit.job.import-feed.peak_memory_bytes:432013312|g",
                                   "jobinit.job.import-feed.memory_limit_bytes:536870912|g",
                                   "jobinit.job.import-feed.cpu_user_seconds:12.5|g",
                                   "jobinit.job.import-feed.cpu_system_seconds:0.75|g",
                                   "jobinit.job.import-feed.oom_kills:0|g", "jobinit.job.import-feed.running:0|g"));
  EXPECT_THAT(lines("statsd://metrics#prefix=batch", event_of(EventKind::started)),
              testing::ElementsAre("batch.import-feed.started:1|c", "batch.import-feed.running:1|g"));
}

TEST(DogStatsD, TagsServiceCheckAndEvent) {
  const auto all = lines("dogstatsd://agent#tags=team:data,shift", failure(),
                         {"DD_ENV=prod", "DD_SERVICE=feeds", "DD_VERSION=1.2", "DD_ENTITY_ID=pod-7"});
  const std::string tags =
      "job:import-feed,platform:kubernetes,env:prod,service:feeds,version:1.2,"
      "dd.internal.entity_id:pod-7,team:data,shift";
  EXPECT_EQ(all.front(), "jobinit.job.ended:1|c|#" + tags + ",cause:failed");
  EXPECT_THAT(all, Contains("jobinit.job.duration:90500|ms|#" + tags));
  EXPECT_THAT(all, Contains(StartsWith("_sc|jobinit.job.status|2|d:1700000090|h:import-feed-x7x2q|#" + tags +
                                       "|m:import-feed failed: exit 3 after")));
  EXPECT_THAT(all,
              Contains(testing::AllOf(StartsWith("_e{"), HasSubstr("reading feed\\nwrote 17 rows"),
                                      EndsWith(fmt::format("|d:1700000090|k:{}|t:error|#{}", test::kRunId, tags)))));
  EXPECT_THAT(lines("dogstatsd://agent", success()), Contains(StartsWith("_sc|jobinit.job.status|0|")));
}

class EachEvent : public testing::TestWithParam<std::string_view> {};

TEST_P(EachEvent, IsWellFormedAndWithinTheMtu) {
  report::Subject subject = test::sample_subject();
  for (const char* piece : {"x", "|", "\n", "ü", "😀", "\\", ":@#,", "\xFF"}) {
    subject.job_name.clear();
    std::string text;
    supervise::Outcome outcome = test::sample_outcome();
    outcome.verdict = {Cause::failed, 3, 3, std::nullopt};
    for (int i = 0; i < 3000; ++i) {
      subject.job_name += piece;
      text += piece;
    }
    subject.host = text;
    outcome.tail = text;
    Event event = event_of(*event_from_name(GetParam()), text);
    event.report = event.kind == EventKind::finished ? report::make_report(subject, outcome)
                                                     : report::make_progress_report(subject, outcome);
    for (const char* sink : {"dogstatsd://agent", "dogstatsd+unix:///run/dd.sock"}) {
      const std::size_t limit = std::string_view(sink).find("unix") == std::string_view::npos ? 1432 : 8192;
      for (const Datagram& one : datagrams(sink, event)) {
        EXPECT_LE(one.payload.size(), limit);
        for (const std::string& line : split(one.payload, "\n")) {
          expect_well_formed(line);
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, EachEvent, testing::ValuesIn(event_names().begin(), event_names().end()),
                         [](const auto& row) {
                           return row.param == "attempt_failed" ? "attempt" : std::string(row.param);
                         });

TEST(StatsD, WhereItGoes) {
  const auto place = [](const std::string& sink, const std::vector<std::string>& environment = {}) {
    const Datagram one = datagrams(sink, event_of(EventKind::started), environment).front();
    return one.unix_socket.empty() ? fmt::format("{} {}", one.host, one.port) : one.unix_socket;
  };
  EXPECT_EQ(place("statsd://metrics"), "metrics 8125");
  EXPECT_EQ(place("statsd://metrics:9125/"), "metrics 9125");
  EXPECT_EQ(place("statsd://[::1]:9125"), "::1 9125");
  EXPECT_EQ(place("dogstatsd+unix:///var/run/datadog/dsd.socket"), "/var/run/datadog/dsd.socket");
  EXPECT_EQ(place("dogstatsd:", {"DD_DOGSTATSD_URL=unix:///var/run/dsd.socket"}), "/var/run/dsd.socket");
  EXPECT_EQ(place("dogstatsd:", {"DD_DOGSTATSD_URL=udp://agent:9125"}), "agent 9125");
  EXPECT_EQ(place("dogstatsd:#tags=a:b", {"DD_AGENT_HOST=10.0.0.7"}), "10.0.0.7 8125");
  EXPECT_EQ(place("dogstatsd:", {"DD_AGENT_HOST=fd00::7", "DD_DOGSTATSD_PORT=9125"}), "fd00::7 9125");
}

TEST(StatsD, WhereItCannotGo) {
  const auto refused = [](const std::string& sink) {
    const auto parsed = parse_sink(sink);
    return parsed ? "good" : parsed.failure().message;
  };
  EXPECT_THAT(refused("statsd://"), HasSubstr("no host in it; write it like statsd://HOST[:PORT]"));
  EXPECT_THAT(refused("statsd:host"), HasSubstr("two slashes"));
  EXPECT_THAT(refused("statsd://host:0"), HasSubstr("from 1 to 65535"));
  EXPECT_THAT(refused("statsd://[::1"), HasSubstr("without its ]"));
  EXPECT_THAT(refused("statsd://host#tags=a:b"), HasSubstr("StatsD has no tags"));
  EXPECT_THAT(refused("statsd://host#prefx=a"), HasSubstr("did you mean prefix?"));
  EXPECT_THAT(refused("statsd+unix://dsd.socket"), HasSubstr("the socket's whole path"));
  EXPECT_THAT(refused("statsd:"), HasSubstr("two slashes"));
  const Sink sink = test::sink_of("dogstatsd:");
  const auto made = sink.kind->request(sink, success(), {});
  ASSERT_FALSE(made);
  EXPECT_THAT(made.failure().message, HasSubstr("needs DD_DOGSTATSD_URL or DD_AGENT_HOST"));
}

}  // namespace
}  // namespace jobinit::deliver
