// The sinks that call AWS: what they ask for, and where. That the signature is right is for tests/system/test_aws.py.
#include "sink_support.hpp"

namespace jobinit::deliver {
namespace {

using test::body_of;
using test::ended;
using test::event_of;
using test::failure;
using test::request;
using test::success;
using testing::Contains;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;
using testing::StartsWith;

const std::vector<std::string> kTask{"TASK_TOKEN=AQCoken", "AWS_REGION=eu-west-1"};

TEST(StepFunctions, ASuccessGivesTheReport) {
  const HttpRequest sent = request("stepfunctions:", success(), kTask);
  EXPECT_EQ(sent.method, "POST");
  EXPECT_EQ(sent.url, "https://states.eu-west-1.amazonaws.com/");
  EXPECT_THAT(sent.headers, Contains(Pair("X-Amz-Target", "AWSStepFunctions.SendTaskSuccess")));
  EXPECT_THAT(sent.headers, Contains(Pair("Content-Type", "application/x-amz-json-1.0")));
  ASSERT_TRUE(sent.aws);
  EXPECT_EQ(sent.aws->service, "states");
  EXPECT_EQ(sent.aws->region, "eu-west-1");
  EXPECT_EQ(body_of(sent)["taskToken"], "AQCoken");
  EXPECT_EQ(nlohmann::json::parse(body_of(sent)["output"].get<std::string>())["run_id"], test::kRunId);
}

TEST(StepFunctions, AFailureGivesCauseAndLastWords) {
  const HttpRequest sent = request("stepfunctions:", failure(), kTask);
  EXPECT_THAT(sent.headers, Contains(Pair("X-Amz-Target", "AWSStepFunctions.SendTaskFailure")));
  EXPECT_EQ(body_of(sent)["error"], "failed");
  EXPECT_THAT(body_of(sent)["cause"], StartsWith("import-feed failed: exit 3"));
  EXPECT_THAT(body_of(sent)["cause"], EndsWith("wrote 17 rows\n"));
}

TEST(StepFunctions, WhileItRunsAHeartbeat) {
  const HttpRequest sent = request("stepfunctions:", event_of(EventKind::heartbeat), kTask);
  EXPECT_THAT(sent.headers, Contains(Pair("X-Amz-Target", "AWSStepFunctions.SendTaskHeartbeat")));
  EXPECT_EQ(body_of(sent), nlohmann::json({{"taskToken", "AQCoken"}}));
}

TEST(StepFunctions, IsWithinItsLimits) {
  for (const char* piece : {"x", "\"", "ü"}) {
    std::string tail;
    while (tail.size() < 400'000) {
      tail += piece;
    }
    const auto good = body_of(request("stepfunctions:", ended({Cause::success, 0, 0, std::nullopt}, tail), kTask));
    EXPECT_LE(good["output"].get<std::string>().size(), 262'144U);
    EXPECT_EQ(nlohmann::json::parse(good["output"].get<std::string>())["outcome"]["cause"], "success");
    const auto bad = body_of(request("stepfunctions:", ended({Cause::failed, 3, 3, std::nullopt}, tail), kTask));
    EXPECT_LE(bad["cause"].get<std::string>().size(), 32'768U);
  }
}

TEST(StepFunctions, WhatItNeedsAndHasNotIsTold) {
  const auto failed = [](const std::string& text, const std::vector<std::string>& environment) {
    const Sink sink = test::sink_of(text);
    const auto made = sink.kind->request(sink, success(), environment);
    return made ? "no error" : made.failure().message;
  };
  EXPECT_EQ(failed("stepfunctions:", {"AWS_REGION=x"}), "no task token: TASK_TOKEN is not set");
  EXPECT_EQ(failed("stepfunctions:MY_TOKEN", kTask), "no task token: MY_TOKEN is not set");
  EXPECT_THAT(failed("stepfunctions:", {"TASK_TOKEN=t"}), HasSubstr("Set AWS_REGION"));
  const auto token = parse_sink("stepfunctions:AQCs3cret+/=");
  ASSERT_FALSE(token);
  EXPECT_EQ(token.failure().message,
            "stepfunctions: takes the name of the variable that holds the task token, not the token");
}

TEST(AwsSinks, WhereTheyGo) {
  const auto url = [](const std::string& sink, std::vector<std::string> environment) {
    environment.emplace_back("TASK_TOKEN=t");
    return request(sink, success(), environment).url;
  };
  EXPECT_EQ(url("stepfunctions:#region=us-east-2", kTask), "https://states.us-east-2.amazonaws.com/");
  EXPECT_EQ(url("stepfunctions:", {"AWS_DEFAULT_REGION=cn-north-1"}), "https://states.cn-north-1.amazonaws.com.cn/");
  EXPECT_EQ(url("stepfunctions:", {"AWS_REGION=a", "AWS_ENDPOINT_URL=http://127.0.0.1:1"}), "http://127.0.0.1:1/");
  EXPECT_EQ(url("stepfunctions:", {"AWS_REGION=a", "AWS_ENDPOINT_URL=http://h/", "AWS_ENDPOINT_URL_SFN=http://sfn/"}),
            "http://sfn/");
  EXPECT_EQ(url("eventbridge:", {"AWS_REGION=a", "AWS_ENDPOINT_URL=http://h", "AWS_ENDPOINT_URL_SFN=http://sfn"}),
            "http://h/");
  EXPECT_EQ(
      url("eventbridge:", {"AWS_REGION=a", "AWS_ENDPOINT_URL=http://h", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true"}),
      "https://events.a.amazonaws.com/");
  EXPECT_EQ(url("sns:arn:aws:sns:eu-central-1:123456789012:jobs", {"AWS_REGION=a"}),
            "https://sns.eu-central-1.amazonaws.com/");
  EXPECT_EQ(url("eventbridge:arn:aws:events:eu-north-1:123456789012:event-bus/jobs", {"AWS_REGION=a"}),
            "https://events.eu-north-1.amazonaws.com/");
}

TEST(EventBridge, PutsOneEvent) {
  const HttpRequest sent = request("eventbridge:jobs", failure(), kTask);
  EXPECT_THAT(sent.headers, Contains(Pair("X-Amz-Target", "AWSEvents.PutEvents")));
  ASSERT_EQ(body_of(sent)["Entries"].size(), 1U);
  auto entry = body_of(sent)["Entries"][0];
  EXPECT_EQ(nlohmann::json::parse(entry["Detail"].get<std::string>())["outcome"]["exit_code"], 3);
  entry.erase("Detail");
  EXPECT_EQ(
      entry,
      nlohmann::json(
          {{"Source", "jobinit"}, {"DetailType", "Job Run Finished"}, {"Time", 1700000090}, {"EventBusName", "jobs"}}));
  const auto started = body_of(request("eventbridge:#source=com.example", event_of(EventKind::started), kTask));
  EXPECT_EQ(started["Entries"][0]["DetailType"], "Job Run Started");
  EXPECT_EQ(started["Entries"][0]["Source"], "com.example");
  EXPECT_FALSE(started["Entries"][0].contains("EventBusName"));
}

TEST(EventBridge, AnEntryThatWasNotTakenIsAFailure) {
  const auto judge = request("eventbridge:", success(), kTask).judge;
  EXPECT_TRUE(judge(R"({"FailedEntryCount":0,"Entries":[{"EventId":"1"}]})"));
  EXPECT_TRUE(judge("no JSON"));
  const auto refused =
      judge(R"({"FailedEntryCount":1,"Entries":[{"ErrorCode":"InternalFailure","ErrorMessage":"oh"}]})");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.failure().message, "the bus has not taken the event: InternalFailure oh");
}

TEST(EventBridge, WrongTargetsAreRefused) {
  for (const char* text :
       {"eventbridge://bus", "eventbridge:#source=aws.mine", "eventbridge:bus?x", "eventbridge:#bus=x"}) {
    EXPECT_FALSE(parse_sink(text)) << text;
  }
}

// application/x-www-form-urlencoded, in the order it was sent.
std::map<std::string, std::string> form(const std::string& body) {
  std::map<std::string, std::string> all;
  for (const std::string& pair : split(body, "&")) {
    const std::size_t equals = pair.find('=');
    std::string value;
    for (std::size_t i = equals + 1; i < pair.size(); ++i) {
      if (pair[i] == '%') {
        value += static_cast<char>(std::stoi(pair.substr(i + 1, 2), nullptr, 16));
        i += 2;
      } else {
        value += pair[i];
      }
    }
    all[pair.substr(0, equals)] = value;
  }
  return all;
}

TEST(Sns, PublishesAMessageAProtocol) {
  const auto sent = form(request("sns:arn:aws:sns:eu-west-1:1:jobs", failure()).body);
  EXPECT_EQ(sent.at("Action"), "Publish");
  EXPECT_EQ(sent.at("TopicArn"), "arn:aws:sns:eu-west-1:1:jobs");
  EXPECT_EQ(sent.at("MessageStructure"), "json");
  EXPECT_EQ(sent.at("Subject"), "import-feed failed: exit 3 after 1m31s, peak memory 412 MiB of 512 MiB");
  const auto message = nlohmann::json::parse(sent.at("Message"));
  EXPECT_EQ(nlohmann::json::parse(message["default"].get<std::string>())["outcome"]["exit_code"], 3);
  EXPECT_THAT(message["email"], EndsWith("wrote 17 rows\n"));
  EXPECT_THAT(message["sms"], StartsWith("import-feed failed: exit 3"));
  EXPECT_EQ(sent.at("MessageAttributes.entry.3.Name"), "cause");
  EXPECT_EQ(sent.at("MessageAttributes.entry.3.Value.StringValue"), "failed");
  EXPECT_FALSE(sent.contains("MessageGroupId"));
}

TEST(Sns, AFifoTopicGetsGroupAndDeduplication) {
  const auto sent = form(request("sns:arn:aws:sns:eu-west-1:1:jobs.fifo", success()).body);
  EXPECT_EQ(sent.at("MessageGroupId"), "import-feed");
  EXPECT_EQ(sent.at("MessageDeduplicationId"), test::kRunId);
}

TEST(Sns, IsWithinItsLimits) {
  for (const char* piece : {"x", "\"", "\\", "\x01", "ü"}) {
    supervise::Outcome outcome = test::sample_outcome();
    report::Subject subject = test::sample_subject();
    outcome.verdict = {Cause::failed, 3, 3, std::nullopt};
    outcome.tail.clear();
    while (outcome.tail.size() < 300'000) {
      outcome.tail += piece;
    }
    subject.job_name = outcome.tail.substr(0, 1000);
    const auto sent =
        form(request("sns:arn:aws:sns:r:1:t.fifo", finished_event(report::make_report(subject, outcome))).body);
    EXPECT_LE(sent.at("Message").size(), 262'144U);
    EXPECT_TRUE(nlohmann::json::accept(sent.at("Message")));
    EXPECT_LE(sent.at("Subject").size(), 100U);
    EXPECT_LE(sent.at("MessageGroupId").size(), 128U);
    EXPECT_TRUE(std::all_of(sent.at("Subject").begin(), sent.at("Subject").end(),
                            [](char c) { return c >= 0x20 && c < 0x7F; }));
  }
}

TEST(Sns, WrongTargetsAreRefused) {
  for (const char* text :
       {"sns:", "sns:jobs", "sns:arn:aws:sqs:eu-west-1:1:jobs", "sns://host", "sns:arn:aws:sns:r:1:t#x=y"}) {
    EXPECT_FALSE(parse_sink(text)) << text;
  }
}

}  // namespace
}  // namespace jobinit::deliver
