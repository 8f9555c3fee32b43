// What PID 1 and the deliver process say to each other, whole, cut off and garbled.
#include "jobinit/deliver/request.hpp"

#include <gmock/gmock.h>

#include "support.hpp"

namespace jobinit::deliver {
namespace {

using namespace std::chrono_literals;

TEST(Request, ComesBackAsItWent) {
  const std::vector<std::string> sinks{"pushgateway+http://user:pa%20ss@host:9091/region/eu", "pushgateway+https://b"};
  Event event = finished_event(test::sample_report());
  event.kind = EventKind::warning;
  event.text = "42s left";
  const auto back = decode_request(encode_request({sinks, event, 4750ms, {"/ca.pem", "/cert.pem", "/key.pem"}}));
  ASSERT_TRUE(back) << back.failure().message;
  EXPECT_EQ(back->sinks, sinks);
  EXPECT_EQ(back->timeout, 4750ms);
  EXPECT_EQ(back->tls, (TlsFiles{"/ca.pem", "/cert.pem", "/key.pem"}));
  EXPECT_EQ(back->event.kind, EventKind::warning);
  EXPECT_EQ(back->event.time, event.time);
  EXPECT_EQ(back->event.id, "01890a5d-ac96-774b-bcce-b302099a8057");
  EXPECT_EQ(back->event.text, "42s left");
  EXPECT_EQ(back->event.report.dump(), event.report.dump()) << "the order of the members is the report's too";
}

TEST(Request, SurvivesBytesThatAreNoText) {
  // argv and the environment may hold any bytes; a request that could not be written would lose every delivery.
  const auto back =
      decode_request(encode_request({{"pushgateway+http://h\xff/x"}, finished_event(test::sample_report()), 1s, {}}));
  ASSERT_TRUE(back) << back.failure().message;
  EXPECT_EQ(back->sinks.at(0), "pushgateway+http://h\xEF\xBF\xBD/x");
}

TEST(Request, RefusesWhatIsNone) {
  for (
      const char* text :
      {"", "{", "[]", "null", "{}", R"({"sinks":[],"timeout_ms":1})", R"({"sinks":[],"report":{}})",
       R"({"timeout_ms":1,"report":{}})", R"({"sinks":"x","timeout_ms":1,"report":{}})",
       R"({"sinks":[1],"timeout_ms":1,"report":{}})", R"({"sinks":[],"timeout_ms":"1","report":{}})",
       R"({"sinks":[],"timeout_ms":1,"report":{},"tls":["","",""]})",
       R"({"sinks":[],"timeout_ms":1,"report":{},"tls":["",""],"event":{"kind":"started","time_ms":1,"id":"","text":""}})",
       R"({"sinks":[],"timeout_ms":1,"report":{},"tls":["","",""],"event":{"kind":"x","time_ms":1,"id":"","text":""}})",
       R"({"sinks":[],"timeout_ms":1,"report":{},"tls":["","",""],"event":{"kind":"started","time_ms":"1","id":"","text":""}})",
       R"({"sinks":[],"timeout_ms":1,"report":{},"tls":["","",""],"event":{"kind":"started","time_ms":1,"id":7,"text":""}})"}) {
    const auto request = decode_request(text);
    ASSERT_FALSE(request) << text;
    EXPECT_THAT(request.failure().message, testing::StartsWith("not a delivery request: ")) << text;
  }
}

TEST(Request, AnErrorNeverRepeatsCredentials) {
  std::string text =
      encode_request({{"pushgateway+http://user:s3cret@host"}, finished_event(test::sample_report()), 1s, {}});
  // Cut off anywhere within the sinks: what could be read so far is not to be told.
  for (std::size_t length = 0; length < text.find("host"); ++length) {
    const auto request = decode_request(std::string_view(text).substr(0, length));
    ASSERT_FALSE(request);
    ASSERT_THAT(request.failure().message, testing::Not(testing::HasSubstr("s3c"))) << "cut at " << length;
  }
}

TEST(Answer, ComesBackAsItWent) {
  for (const Answer& answer :
       {Answer{0, true, "", 202, 1, 12ms}, Answer{7, false, "HTTP 503: \"try\nlater\" \\ ü", 503, 4, 5s}}) {
    const std::string line = encode_answer(answer);
    EXPECT_EQ(line.find('\n'), line.size() - 1) << "one line an answer";
    const auto back = decode_answer(std::string_view(line).substr(0, line.size() - 1));
    ASSERT_TRUE(back);
    EXPECT_EQ(back->sink, answer.sink);
    EXPECT_EQ(back->delivered, answer.delivered);
    EXPECT_EQ(back->detail, answer.detail);
    EXPECT_EQ(back->status, answer.status);
    EXPECT_EQ(back->tries, answer.tries);
    EXPECT_EQ(back->took, answer.took);
  }
}

TEST(Answer, TellsOfAPeersBytesAsText) {
  const auto back = decode_answer(encode_answer({1, false, "HTTP 500: \xC3\x28", 500, 1, 1ms}));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->detail, "HTTP 500: \xEF\xBF\xBD(");
}

TEST(Answer, IgnoresWhatIsNone) {
  const std::string whole = encode_answer({1, true, "fine", 200, 1, 1ms});
  // A deliver process that was killed in the middle of a line has not answered.
  for (std::size_t length = 0; length + 1 < whole.size(); ++length) {
    EXPECT_FALSE(decode_answer(std::string_view(whole).substr(0, length))) << "cut at " << length;
  }
  for (const char* line :
       {"[]", "7", "null", R"({"sink":"0","delivered":true,"detail":"","status":0,"tries":1,"took_ms":1})",
        R"({"sink":0,"delivered":1,"detail":"","status":0,"tries":1,"took_ms":1})",
        R"({"sink":0,"delivered":true,"status":0,"tries":1,"took_ms":1})",
        R"({"sink":0,"delivered":true,"detail":null,"status":0,"tries":1,"took_ms":1})",
        R"({"sink":0,"delivered":true,"detail":"","status":0,"tries":1})",
        R"({"sink":0,"delivered":true,"detail":"","status":-1,"tries":1,"took_ms":1})",
        R"({"sink":0,"delivered":true,"detail":"","status":0,"tries":9e99,"took_ms":1})",
        R"({"sink":0,"delivered":true,"detail":"","status":0,"tries":1,"took_ms":18446744073709551615})", "\xff"}) {
    EXPECT_FALSE(decode_answer(line)) << line;
  }
}

}  // namespace
}  // namespace jobinit::deliver
