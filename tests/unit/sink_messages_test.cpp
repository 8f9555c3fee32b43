// The sinks that write a message: Slack, and the webhook of the user's own making.
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
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;
using testing::StartsWith;

constexpr const char* kSlack = "slack+https://hooks.slack.com/services/T0/B0/token";

TEST(Slack, SaysHowItEndedAndShowsTheLastWordsOfAFailure) {
  const HttpRequest sent = request(kSlack, failure());
  EXPECT_EQ(sent.url, "https://hooks.slack.com/services/T0/B0/token");
  const auto body = body_of(sent);
  EXPECT_THAT(body["text"], StartsWith("import-feed failed: exit 3 after 1m31s"));
  ASSERT_EQ(body["blocks"].size(), 3U);
  EXPECT_THAT(body["blocks"][0]["text"]["text"], StartsWith(":x: import-feed failed"));
  EXPECT_EQ(body["blocks"][1]["text"]["text"], "```\nreading feed\nwrote 17 rows\n\n```");
  EXPECT_EQ(body["blocks"][2]["elements"][0]["text"],
            fmt::format("cause failed · host import-feed-x7x2q · platform kubernetes · run {}", test::kRunId));
  EXPECT_EQ(body_of(request(kSlack, success()))["blocks"].size(), 2U) << "nobody reads the log of a success";
}

TEST(Slack, OnlyItsOwnThreeCharactersAreEscaped) {
  const auto body =
      body_of(request(kSlack, ended({Cause::failed, 3, 3, std::nullopt}, "a < b && <!channel> \"*\" ü\n")));
  EXPECT_THAT(body["blocks"][1]["text"]["text"], HasSubstr("a &lt; b &amp;&amp; &lt;!channel&gt; \"*\" ü"));
}

TEST(Slack, TheJobCannotEndTheBlockOfCode) {
  const auto body = body_of(request(kSlack, ended({Cause::failed, 3, 3, std::nullopt}, "```` @here\n")));
  EXPECT_EQ(body["blocks"][1]["text"]["text"], "```\n'''` @here\n\n```");
}

TEST(Slack, EveryTextIsWithinItsLimit) {
  for (const char* piece : {"<", "&", "x", "ü", "😀", "line\n"}) {
    supervise::Outcome outcome = test::sample_outcome();
    report::Subject subject = test::sample_subject();
    outcome.verdict = {Cause::failed, 3, 3, std::nullopt};
    subject.job_name.clear();
    outcome.tail.clear();
    for (int i = 0; i < 5000; ++i) {
      subject.job_name += piece;
      outcome.tail += piece;
    }
    const auto body = body_of(request(kSlack, finished_event(report::make_report(subject, outcome))));
    for (const auto& block : body["blocks"]) {
      const std::string text = block.contains("text") ? block["text"]["text"] : block["elements"][0]["text"];
      EXPECT_LE(text.size(), 3000U);
      EXPECT_THAT(text, Not(HasSubstr("\xEF\xBF\xBD")));
    }
    EXPECT_GT(body["blocks"][1]["text"]["text"].get<std::string>().size(), 2400U) << "as much as fits";
  }
}

// ---- webhook --------------------------------------------------------------------------------------------------------

TEST(Webhook, SendsTheWholeEventUnlessTold) {
  const HttpRequest sent = request("webhook+https://h/x?token=1", failure());
  EXPECT_EQ(sent.method, "POST");
  EXPECT_EQ(sent.url, "https://h/x?token=1");
  EXPECT_THAT(sent.headers, ElementsAre(Pair("Content-Type", "application/json")));
  const auto body = body_of(sent);
  EXPECT_EQ(body["event"], "finished");
  EXPECT_EQ(body["id"], test::kRunId);
  EXPECT_EQ(body["time"], "2023-11-14T22:14:50.750Z");
  EXPECT_EQ(body["report"]["outcome"]["exit_code"], 3);
}

TEST(Webhook, MethodHeadersAndBodyAreTheUsers) {
  const HttpRequest sent = request(
      "webhook+https://h/jobs/${job.name}/${event}?code=${outcome.exit_code}#method=PUT&"
      "header=Authorization:Bearer%20${env:TOKEN}&header=X-Run:${run_id}&type=text/plain&"
      "body=${job.name}%20ended:%20${outcome.cause}%20(${attempts.0.exit_code})%20$${job.name}",
      failure(), {"TOKEN=s3cret\r\nX-Evil: 1"});
  EXPECT_EQ(sent.method, "PUT");
  EXPECT_EQ(sent.url, "https://h/jobs/import-feed/finished?code=3");
  EXPECT_THAT(sent.headers,
              ElementsAre(Pair("Content-Type", "text/plain"), Pair("Authorization", "Bearer s3cret  X-Evil: 1"),
                          Pair("X-Run", test::kRunId)));
  EXPECT_EQ(sent.body, "import-feed ended: failed () ${job.name}") << "the sample has no attempts";
}

std::string filled_body(const std::string& body, const std::string& type = "application/json") {
  report::Subject subject = test::sample_subject();
  subject.job_name = "a\"b\\c & d/e\nü";
  return request("webhook+https://h/#type=" + type + "&body=" + body,
                 finished_event(report::make_report(subject, test::sample_outcome())))
      .body;
}

TEST(Webhook, AJsonBodyStaysJsonWhateverIsPutIn) {
  EXPECT_EQ(filled_body(R"({"text":"<${job.name}>"})"), R"({"text":"<a\"b\\c & d/e\nü>"})");
}

TEST(Webhook, BetweenQuotesItIsTextElsewhereAValue) {
  const std::string body =
      R"({"q":"${outcome.signal}|${job.command}|${outcome.success}|\"${job.name}","v":[${outcome.signal},${job.command},${outcome.success},${outcome.cause},${times.duration_seconds}]})";
  const auto parsed = nlohmann::json::parse(filled_body(body));
  EXPECT_EQ(parsed["q"], "|[\"python3\",\"import.py\",\"--full\"]|true|\"a\"b\\c & d/e\nü");
  EXPECT_EQ(parsed["v"], nlohmann::json::parse(R"([null, ["python3","import.py","--full"], true, "success", 90.5])"));
}

TEST(Webhook, AFormStaysAForm) {
  EXPECT_EQ(filled_body("job=${job.name}%26code=${outcome.exit_code}", "application/x-www-form-urlencoded"),
            "job=a%22b%5Cc%20%26%20d%2Fe%0A%C3%BC&code=0");
}

class WrongMessage : public testing::TestWithParam<Wrong> {};

TEST_P(WrongMessage, IsRefusedAtTheStart) { test::expect_refused(GetParam()); }

INSTANTIATE_TEST_SUITE_P(
    Each, WrongMessage,
    testing::Values(
        Wrong{"slack without a hook", "slack+https://s3cret@hooks.slack.com/", "the whole URL of an incoming webhook"},
        Wrong{"no method", "webhook+https://h/s3cret#method=SEND", "the method must be one of POST, PUT"},
        Wrong{"mistyped option", "webhook+https://h/s3cret#metod=PUT", "did you mean method?"},
        Wrong{"unknown option", "webhook+https://h/s3cret#pa55word=1", "behind the # it takes method, header"},
        Wrong{"no header", "webhook+https://h/#header=s3cret", "header=NAME:VALUE"},
        Wrong{"no header's name", "webhook+https://h/#header=a%20b:s3cret", "header=NAME:VALUE"},
        Wrong{"mistyped field", "webhook+https://h/s3cret#body=%22${outcome.casue}%22",
              "did you mean ${outcome.cause}?"},
        Wrong{"mistyped event", "webhook+https://h/${evnt.id}", "did you mean ${event.id}?"},
        Wrong{"field in a header", "webhook+https://h/#header=A:${jobname}", "did you mean ${job.name}?"},
        Wrong{"secret for a field", "webhook+https://h/#body=${s3cret}", "no field of the report; jobinit schema"},
        Wrong{"not closed", "webhook+https://h/#body=${job.name", "a ${ without a }"},
        Wrong{"no JSON", "webhook+https://h/#body={job:${job.name}}", "its body is not JSON"}),
    test::kRowName);

TEST(Webhook, EveryFieldThatTheSchemaNamesMayBeUsed) {
  for (const char* field :
       {"run_id", "job.command.0", "platform.ids.HOSTNAME", "times", "outcome.limit", "attempts.0.cause",
        "resources.oom_kills", "memory.largest_processes.0.name", "logs.streams.stdout.bytes", "logs.tail"}) {
    EXPECT_TRUE(parse_sink(fmt::format("webhook+https://h/#body=[${{{}}}]", field))) << field;
  }
}

}  // namespace
}  // namespace jobinit::deliver
