// CloudEvents, and the signatures of requests.
#include <algorithm>
#include <regex>

#include "jobinit/deliver/signing.hpp"
#include "sink_support.hpp"

namespace jobinit::deliver {
namespace {

using test::body_of;
using test::event_of;
using test::failure;
using test::request;
using test::success;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

constexpr const char* kSink = "cloudevents+https://broker/x?y=1";
constexpr const char* kParent = "TRACEPARENT=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

std::string header(const HttpRequest& request, std::string_view name) {
  for (const auto& [key, value] : request.headers) {
    if (key == name) {
      return value;
    }
  }
  return "(no " + std::string(name) + ")";
}

TEST(CloudEvents, StructuredIsOneDocument) {
  const HttpRequest sent = request(kSink, failure(), {kParent});
  EXPECT_EQ(sent.url, "https://broker/x?y=1");
  EXPECT_EQ(header(sent, "Content-Type"), "application/cloudevents+json; charset=utf-8");
  auto body = body_of(sent);
  EXPECT_EQ(body["data"]["outcome"]["exit_code"], 3);
  body.erase("data");
  EXPECT_EQ(body, nlohmann::json::parse(R"({
      "specversion": "1.0", "id": "01890a5d-ac96-774b-bcce-b302099a8057", "source": "/jobinit/import-feed",
      "type": "dev.jobinit.run.finished", "subject": "import-feed", "time": "2023-11-14T22:14:50.750Z",
      "dataschema": "urn:jobinit:report:1", "datacontenttype": "application/json",
      "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-bcceb302099a8057-01"})"));
}

TEST(CloudEvents, BinaryHasItsAttributesInHeaders) {
  const HttpRequest sent =
      request(std::string(kSink) + "#mode=binary", event_of(EventKind::warning, "80 % \"ü\" is\nused"));
  EXPECT_EQ(header(sent, "Content-Type"), "application/json");
  EXPECT_EQ(header(sent, "ce-specversion"), "1.0");
  EXPECT_EQ(header(sent, "ce-type"), "dev.jobinit.run.warning");
  EXPECT_EQ(header(sent, "ce-text"), "80%20%25%20%22%C3%BC%22%20is%20used");
  EXPECT_EQ(body_of(sent)["run_id"], test::kRunId);
}

TEST(CloudEvents, BatchIsAListOfOne) {
  const HttpRequest sent = request(std::string(kSink) + "#mode=batch", success());
  EXPECT_EQ(header(sent, "Content-Type"), "application/cloudevents-batch+json; charset=utf-8");
  ASSERT_EQ(body_of(sent).size(), 1U);
  EXPECT_EQ(body_of(sent)[0]["type"], "dev.jobinit.run.finished");
}

TEST(CloudEvents, TypeAndSourceAreTheUsers) {
  const auto body = body_of(request("cloudevents+http://h#type=com.example.batch&source=//prod/jobs", success()));
  EXPECT_EQ(body["type"], "com.example.batch.finished");
  EXPECT_EQ(body["source"], "//prod/jobs");
}

TEST(CloudEvents, EveryEventHasATypeAndAnIdOfItsOwn) {
  std::set<std::string> types;
  std::set<std::string> ids;
  for (const std::string_view name : event_names()) {
    const auto body = body_of(request(kSink, event_of(*event_from_name(name))));
    types.insert(body["type"].get<std::string>());
    ids.insert(body["id"].get<std::string>());
  }
  EXPECT_EQ(types.size(), event_names().size());
  EXPECT_EQ(ids.size(), event_names().size());
}

// ---- signatures -----------------------------------------------------------------------------------------------------

struct Wrong {
  const char* name;
  const char* options;
  const char* message;
  friend void PrintTo(const Wrong& wrong, std::ostream* out) { *out << wrong.name; }
};

class WrongOption : public testing::TestWithParam<Wrong> {};

TEST_P(WrongOption, IsRefusedAtTheStart) {
  for (const char* scheme : {"cloudevents", "webhook"}) {
    const auto sink = parse_sink(fmt::format("{}+https://h/#{}", scheme, GetParam().options));
    ASSERT_FALSE(sink);
    EXPECT_THAT(sink.failure().message, HasSubstr(GetParam().message));
    EXPECT_THAT(sink.failure().message, Not(HasSubstr("s3cret")));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Each, WrongOption,
    testing::Values(Wrong{"the secret itself", "secret=s3cret", "write secret=env:NAME or secret=file:PATH"},
                    Wrong{"no variable", "secret=env:", "write secret=env:NAME or secret=file:PATH"},
                    Wrong{"no secret", "signature=standard-webhooks", "a signature needs secret=env:NAME"},
                    Wrong{"mistyped scheme", "secret=env:A&signature=standard-webhook",
                          "did you mean standard-webhooks?"}),
    test::kRowName);

TEST(CloudEvents, AModeThatIsNoneIsRefused) {
  const auto sink = parse_sink("cloudevents+https://h/#mode=json");
  ASSERT_FALSE(sink);
  EXPECT_THAT(sink.failure().message, HasSubstr("the mode is one of structured, binary, batch"));
}

TEST(Signature, ASecretThatIsNotThereIsAnError) {
  const Sink sink = test::sink_of("webhook+https://h/#secret=env:HOOK_SECRET");
  const auto made = sink.kind->request(sink, success(), {});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.failure().message, "secret=env:HOOK_SECRET: that variable is not set");
}

Headers signature(HmacSignature signature, std::string body) {
  HttpRequest request;
  request.body = std::move(body);
  request.hmac = std::move(signature);
  auto made = signature_headers(request, std::chrono::system_clock::time_point(std::chrono::seconds(1614265330)));
  if (!made) {
    throw std::runtime_error(made.failure().message);
  }
  return std::move(*made);
}

// The example of the specification's own libraries ("standard-webhooks", tests): id, time, secret and signature.
TEST(Signature, StandardWebhooksAsItsLibrariesVerifyIt) {
  const Headers sent = signature(
      {HmacSignature::standard_webhooks, "msg_p5jXN8AQM9LWM0D4loKWxJek", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", ""},
      R"({"test": 2432232314})");
  EXPECT_THAT(sent,
              ElementsAre(Pair("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"), Pair("webhook-timestamp", "1614265330"),
                          Pair("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")));
}

// GitHub's documentation, "Validating webhook deliveries", "Testing the webhook payload validation".
TEST(Signature, XHubSignatureAsGitHubDocumentsIt) {
  const Headers sent =
      signature({HmacSignature::x_hub_signature_256, "", "It's a Secret to Everybody", ""}, "Hello, World!");
  EXPECT_THAT(sent, ElementsAre(Pair("X-Hub-Signature-256",
                                     "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")));
}

TEST(Signature, TheSecretOfAFileIsWithoutItsLineEnd) {
  const test::TemporaryFolder folder;
  test::write_file(folder / "secret", "It's a Secret to Everybody\n");
  const Headers sent = signature({HmacSignature::x_hub_signature_256, "", "", folder / "secret"}, "Hello, World!");
  EXPECT_THAT(sent.front().second, HasSubstr("=757107ea0eb2509f"));
}

TEST(Signature, WhatIsNoSecretIsTold) {
  const test::TemporaryFolder folder;
  test::write_file(folder / "empty", "\n");
  const auto failed = [&](HmacSignature signature) {
    HttpRequest request;
    request.hmac = std::move(signature);
    const auto made = signature_headers(request, {});
    return made ? "no error" : made.failure().message;
  };
  EXPECT_THAT(failed({HmacSignature::standard_webhooks, "", "", folder / "none"}), HasSubstr("No such file"));
  EXPECT_THAT(failed({HmacSignature::standard_webhooks, "", "", folder / "empty"}), HasSubstr("is empty"));
  EXPECT_THAT(failed({HmacSignature::standard_webhooks, "", "whsec_s3cret!!", ""}), HasSubstr("not base64"));
  EXPECT_THAT(failed({HmacSignature::standard_webhooks, "", "whsec_s3cret!!", ""}), Not(HasSubstr("s3cret")));
}

}  // namespace
}  // namespace jobinit::deliver
