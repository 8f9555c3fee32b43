// Payloads of schedulers: which envelope, and where in it a parameter is.
#include "jobinit/job/payload.hpp"

#include <gmock/gmock.h>

#include "support.hpp"

namespace jobinit::job {
namespace {

using testing::HasSubstr;
using testing::Not;

Parameter named(const char* name, std::vector<const char*> from = {}) {
  Parameter parameter;
  parameter.name = name;
  for (const char* pointer : from) {
    parameter.from.push_back(parse_pointer(pointer).value());
  }
  return parameter;
}

// The value as JSON, "" where there is none.
std::string found(const char* payload, const Parameter& parameter) {
  const auto read = read_payload(payload, "EVENT");
  if (!read) {
    return read.failure().message;
  }
  const auto value = read->find(parameter);
  return value ? value->value->dump() : "";
}

constexpr const char* kEventBridge = R"({"version": "0", "id": "6a7e8feb", "detail-type": "Feed due", "source": "shop",
  "account": "111122223333", "time": "2024-04-01T06:00:00Z", "region": "eu-central-1", "resources": [],
  "detail": {"customer_id": 1001, "MEDIA": "google", "source": "inner", "deep": {"list": [{"a~b/c": 7}]}}})";
// The data is {"customer_id": 1001}.
constexpr const char* kPubSub = R"({"message": {"data": "eyJjdXN0b21lcl9pZCI6IDEwMDF9", "attributes": {"MEDIA": "meta"},
  "messageId": "1"}, "subscription": "projects/p/subscriptions/s"})";
constexpr const char* kCloudEvent = R"({"specversion": "1.0", "type": "t", "source": "s", "id": "1",
  "data": {"MEDIA": "criteo"}})";
constexpr const char* kCloudEventBase64 =
    R"({"specversion": "1.0", "type": "t", "source": "s", "id": "1", "data_base64": "eyJjdXN0b21lcl9pZCI6IDEwMDF9"})";
constexpr const char* kArgo = R"([{"name": "MEDIA", "value": "google"}, {"name": "customer_id", "value": "1001"}])";

TEST(Payload, IsSearchedByName) {
  EXPECT_EQ(found(R"({"MEDIA": "a"})", named("MEDIA")), R"("a")");
  EXPECT_EQ(found(R"({"media": "a"})", named("MEDIA")), R"("a")");
  EXPECT_EQ(found(R"({"media": "a", "MEDIA": "b"})", named("MEDIA")), R"("b")");
  EXPECT_EQ(found(R"({"Media": "a"})", named("MEDIA")), "");
  EXPECT_EQ(found(R"({"MEDIA": null})", named("MEDIA")), "") << "null is as good as nothing";
  EXPECT_EQ(found(kEventBridge, named("CUSTOMER_ID")), "1001");
  EXPECT_EQ(found(kEventBridge, named("MEDIA")), R"("google")");
  EXPECT_EQ(found(kEventBridge, named("SOURCE")), R"("inner")") << "the envelope's own members are no parameters";
  EXPECT_EQ(found(kEventBridge, named("REGION")), "");
  EXPECT_EQ(found(kPubSub, named("CUSTOMER_ID")), "1001");
  EXPECT_EQ(found(kPubSub, named("MEDIA")), R"("meta")");
  EXPECT_EQ(found(kCloudEvent, named("MEDIA")), R"("criteo")");
  EXPECT_EQ(found(kCloudEventBase64, named("CUSTOMER_ID")), "1001");
  EXPECT_EQ(found(kArgo, named("CUSTOMER_ID")), R"("1001")");
}

TEST(Payload, IsSearchedByPointer) {
  EXPECT_EQ(found(kEventBridge, named("X", {"/detail/deep/list/0/a~0b~1c"})), "7");
  EXPECT_EQ(found(kEventBridge, named("X", {"/region"})), R"("eu-central-1")");
  EXPECT_EQ(found(kEventBridge, named("X", {"/none", "/time"})), R"("2024-04-01T06:00:00Z")");
  EXPECT_EQ(found(kPubSub, named("X", {"/message/data/customer_id"})), "1001");
  for (const char* pointer :
       {"/detail/deep/list/1", "/detail/deep/list/-1", "/detail/deep/list/00", "/detail/deep/list/-",
        "/detail/deep/list/99999999999999999999", "/region/x", "/detail/", "/"}) {
    EXPECT_EQ(found(kEventBridge, named("MEDIA", {pointer})), "") << pointer << " is the only way then";
  }
}

TEST(Payload, IsRefusedInWordsThatHoldNothingOfIt) {
  for (const char* text :
       {"", "s3cr3t", "{\"s3cr3t\": s3cr3t}", "[1]", "3", "\"s3cr3t\"", "{\"a\": \"s3cr3t", "null"}) {
    const auto payload = read_payload(text, "EVENT");
    ASSERT_FALSE(payload) << text;
    EXPECT_THAT(payload.failure().message, HasSubstr("EVENT: "));
    EXPECT_THAT(payload.failure().message, Not(HasSubstr("s3c")));
  }
  const std::string deep = "{\"a\": " + std::string(1000, '[') + std::string(1000, ']') + "}";
  EXPECT_FALSE(read_payload(deep, "EVENT"));
}

TEST(Pointers, AreTakenApart) {
  EXPECT_EQ(parse_pointer(""), Path());
  EXPECT_EQ(parse_pointer("/"), Path{""});
  EXPECT_EQ(parse_pointer("/a//b~01"), (Path{"a", "", "b~1"}));
  for (const char* bad : {"a", "a/b", "/~", "/~2", "/a~"}) {
    EXPECT_EQ(parse_pointer(bad), std::nullopt) << bad;
  }
  EXPECT_EQ(pointer_text({"a/b", "c~d", "e\nf"}), "/a~1b/c~0d/e\\nf");
}

TEST(Base64, IsRead) {
  for (const auto& [text, bytes] : std::vector<std::pair<const char*, std::string>>{{"", ""},
                                                                                    {"Zg==", "f"},
                                                                                    {"Zm8=", "fo"},
                                                                                    {"Zm9v", "foo"},
                                                                                    {"Zg", "f"},
                                                                                    {"-_-_", "\xfb\xff\xbf"},
                                                                                    {"+/+/", "\xfb\xff\xbf"}}) {
    EXPECT_EQ(decode_base64(text), bytes) << text;
  }
  for (const char* bad : {"Z", "Zm9vZ", "Zm 9v", "Zm9v!", "{}"}) {
    EXPECT_EQ(decode_base64(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace jobinit::job
