// Values of every type, good and bad, and how each is said to be wrong.
#include "jobinit/job/parameter.hpp"

#include <gmock/gmock.h>

#include "jobinit/job/parameter_keywords.hpp"
#include "jobinit/job/zone.hpp"
#include "support.hpp"

namespace jobinit::job {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// Wednesday, 28 February 2024, half past ten at night in UTC; in Berlin it is half past eleven, in Tokyo the 29th.
const auto kNow =
    std::chrono::sys_days(std::chrono::year(2024) / 2 / 28) + std::chrono::hours(22) + std::chrono::minutes(30);

Parameter declared(const std::string& text) {
  std::vector<Fault> faults;
  Parameter parameter = read_declaration(Json::parse(text), {}, false, faults);
  for (const Fault& fault : faults) {
    ADD_FAILURE() << text << ": " << pointer_text(fault.path) << ": " << fault.message;
  }
  return parameter;
}

Surroundings surroundings() {
  Surroundings around;
  around.now = kNow;
  return around;
}

struct Row {
  const char* declaration;
  const char* text;
  const char* value;  // null: it is refused
  friend void PrintTo(const Row& row, std::ostream* out) {
    *out << row.declaration << " " << testing::PrintToString(row.text);  // a text that is no UTF-8 breaks the XML
  }
};

class Values : public testing::TestWithParam<Row> {};

TEST_P(Values, AreReadOrRefused) {
  const Row& row = GetParam();
  const auto value = read_value(declared(row.declaration), row.text, surroundings());
  if (row.value == nullptr) {
    ASSERT_FALSE(value) << value->text;
    EXPECT_THAT(value.failure().message, testing::AnyOf(HasSubstr("must"), HasSubstr("cannot be known")));
    return;
  }
  ASSERT_TRUE(value) << value.failure().message;
  EXPECT_EQ(value->text, row.value);
}

constexpr const char* kString = R"({"min_length": 2, "max_length": 4})";
constexpr const char* kPattern = R"({"pattern": "[0-9]{4}"})";
constexpr const char* kInteger = R"({"type": "integer", "min": -5, "max": 10})";
constexpr const char* kAnyInteger = R"({"type": "integer"})";
constexpr const char* kNumber = R"({"type": "number", "min": 0.5, "max": 2})";
constexpr const char* kBoolean = R"({"type": "boolean"})";
constexpr const char* kEnum = R"({"type": "enum", "values": ["google", "meta"]})";
constexpr const char* kDate = R"({"type": "date"})";
constexpr const char* kTokyo = R"({"type": "date", "tz": "+09:00"})";
constexpr const char* kPast = R"({"type": "date", "min": "2024-01-01", "max": "today"})";
constexpr const char* kDatetime = R"({"type": "datetime"})";
constexpr const char* kLocal = R"({"type": "datetime", "tz": "+02:00", "min": "now-1d", "max": "now"})";
constexpr const char* kDuration = R"({"type": "duration", "min": "1m", "max": "PT1H"})";
constexpr const char* kSize = R"({"type": "size", "min": "1K", "max": "1Mi"})";
constexpr const char* kUrl = R"({"type": "url"})";
constexpr const char* kS3 = R"({"type": "url", "schemes": ["s3"]})";
constexpr const char* kJson = R"({"type": "json"})";
constexpr const char* kSchema = R"({"type": "json", "schema": {"type": "object", "required": ["id"],
    "properties": {"id": {"type": "integer", "minimum": 1}}, "additionalProperties": false}})";
constexpr const char* kList = R"({"type": "list"})";
constexpr const char* kIntegers =
    R"({"type": "list", "separator": ";", "min": 1, "max": 3, "items": {"type": "integer", "max": 9}})";
constexpr const char* kRange = R"({"type": "range", "min": -10, "max": 100})";

INSTANTIATE_TEST_SUITE_P(
    Types, Values,
    testing::Values(
        Row{kString, "ab", "ab"}, Row{kString, "äöüß", "äöüß"}, Row{kString, "a", nullptr},
        Row{kString, "abcde", nullptr}, Row{kString, "ab\xff", nullptr}, Row{"{}", "", ""},
        Row{"{}", " blank ", " blank "}, Row{kPattern, "1001", "1001"}, Row{kPattern, "10011", nullptr},
        Row{kPattern, "x1001", nullptr}, Row{kPattern, "1001\n", nullptr},
        Row{R"({"pattern": "(a+)+"})", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", nullptr},
        Row{kInteger, "10", "10"}, Row{kInteger, "-5", "-5"}, Row{kInteger, " 7 ", "7"}, Row{kInteger, "007", "7"},
        Row{kInteger, "11", nullptr}, Row{kInteger, "-6", nullptr}, Row{kInteger, "1.0", nullptr},
        Row{kInteger, "0x1", nullptr}, Row{kInteger, "", nullptr}, Row{kInteger, "1e0", nullptr},
        Row{kAnyInteger, "9223372036854775807", "9223372036854775807"},
        Row{kAnyInteger, "9223372036854775808", nullptr},
        Row{kAnyInteger, "-9223372036854775808", "-9223372036854775808"},
        Row{kAnyInteger, "-9223372036854775809", nullptr}, Row{kNumber, "0.5", "0.5"}, Row{kNumber, "2", "2"},
        Row{kNumber, "1e0", "1e0"}, Row{kNumber, "0.49", nullptr}, Row{kNumber, "2.01", nullptr},
        Row{kNumber, "nan", nullptr}, Row{kNumber, "inf", nullptr}, Row{kNumber, "1,5", nullptr},
        Row{kNumber, "", nullptr}, Row{kBoolean, "true", "true"}, Row{kBoolean, "Yes", "true"},
        Row{kBoolean, "0", "false"}, Row{kBoolean, "maybe", nullptr}, Row{kEnum, "google", "google"},
        Row{kEnum, "Google", nullptr}, Row{kEnum, "", nullptr}, Row{kDate, "2024-04-01", "2024-04-01"},
        Row{kDate, "2024-02-29", "2024-02-29"}, Row{kDate, "2023-02-29", nullptr}, Row{kDate, "2024-13-01", nullptr},
        Row{kDate, "2024-4-1", nullptr}, Row{kDate, "20240401", nullptr}, Row{kDate, "0000-01-01", nullptr},
        Row{kDate, "9999-12-31", "9999-12-31"}, Row{kDate, "today", "2024-02-28"},
        Row{kDate, "yesterday", "2024-02-27"}, Row{kDate, "tomorrow", "2024-02-29"}, Row{kDate, "-3d", "2024-02-25"},
        Row{kDate, "+2d", "2024-03-01"}, Row{kDate, "-1w", "2024-02-21"}, Row{kDate, "-1m", "2024-01-28"},
        Row{kDate, "-1y", "2023-02-28"}, Row{kDate, "monday", "2024-02-26"}, Row{kDate, "wednesday", "2024-02-28"},
        Row{kDate, "thursday", "2024-02-22"}, Row{kDate, "month-start", "2024-02-01"},
        Row{kDate, "month-end", "2024-02-29"}, Row{kDate, "last-month-start", "2024-01-01"},
        Row{kDate, "last-month-end", "2024-01-31"}, Row{kDate, "next-month-end", "2024-03-31"},
        Row{kDate, "-99999y", nullptr}, Row{kDate, "-99999m", nullptr}, Row{kDate, "3d", nullptr},
        Row{kDate, "-d", nullptr}, Row{kDate, "Today", nullptr}, Row{kDate, "now", nullptr},
        Row{kTokyo, "today", "2024-02-29"}, Row{kTokyo, "-1y", "2023-02-28"}, Row{kTokyo, "month-end", "2024-02-29"},
        Row{kPast, "2024-01-01", "2024-01-01"}, Row{kPast, "2023-12-31", nullptr}, Row{kPast, "today", "2024-02-28"},
        Row{kPast, "tomorrow", nullptr}, Row{R"({"type": "date", "tz": "Nowhere/Town"})", "today", nullptr},
        Row{kDatetime, "2024-04-01T06:00:00Z", "2024-04-01T06:00:00Z"},
        Row{kDatetime, "2024-04-01 06:00+02:00", "2024-04-01T04:00:00Z"},
        Row{kDatetime, "2024-04-01T06:00", "2024-04-01T06:00:00Z"},
        Row{kDatetime, "2024-04-01T06:00:00.25Z", "2024-04-01T06:00:00.250Z"},
        Row{kDatetime, "@1709159400", "2024-02-28T22:30:00Z"}, Row{kDatetime, "now", "2024-02-28T22:30:00Z"},
        Row{kDatetime, "now-3h", "2024-02-28T19:30:00Z"}, Row{kDatetime, "now+1h30m", "2024-02-29T00:00:00Z"},
        Row{kDatetime, "06:00", nullptr}, Row{kDatetime, "2024-04-01", nullptr}, Row{kDatetime, "now-", nullptr},
        Row{kDatetime, "2024-02-30T00:00Z", nullptr}, Row{kDatetime, "", nullptr},
        Row{kLocal, "2024-02-28T23:00", "2024-02-28T23:00:00+02:00"}, Row{kLocal, "now", "2024-02-29T00:30:00+02:00"},
        Row{kLocal, "2024-02-29T00:31", nullptr}, Row{kLocal, "now-2d", nullptr}, Row{kDuration, "90s", "90s"},
        Row{kDuration, "1h", "1h"}, Row{kDuration, "59s", nullptr}, Row{kDuration, "61m", nullptr},
        Row{kDuration, "soon", nullptr}, Row{kSize, "1K", "1K"}, Row{kSize, "1M", "1M"}, Row{kSize, "1023", nullptr},
        Row{kSize, "2M", nullptr}, Row{kSize, "-1", nullptr},
        Row{kUrl, "https://example.com/a?b=c#d", "https://example.com/a?b=c#d"},
        Row{kUrl, "HTTP://u:p@[::1]:80/", "HTTP://u:p@[::1]:80/"}, Row{kUrl, "ftp://example.com", nullptr},
        Row{kUrl, "https://", nullptr}, Row{kUrl, "https:///path", nullptr}, Row{kUrl, "example.com", nullptr},
        Row{kUrl, "https://a b/", nullptr}, Row{kUrl, "https://a/%zz", nullptr}, Row{kUrl, "https://a:0/", nullptr},
        Row{kUrl, "https://a:65536/", nullptr}, Row{kUrl, "https://a:/", nullptr}, Row{kUrl, "https://[::1/", nullptr},
        Row{kUrl, "https://a/\n", nullptr}, Row{kS3, "s3://bucket/key", "s3://bucket/key"},
        Row{kS3, "https://bucket/key", nullptr}, Row{kJson, R"( {"a": [1, 2.5, null]} )", R"({"a":[1,2.5,null]})"},
        Row{kJson, "{", nullptr}, Row{kJson, "", nullptr}, Row{kJson, "3", "3"},
        Row{kSchema, R"({"id": 1})", R"({"id":1})"}, Row{kSchema, R"({"id": 0})", nullptr}, Row{kSchema, "{}", nullptr},
        Row{kSchema, R"({"id": 1, "x": 2})", nullptr}, Row{kSchema, R"({"id": 1.5})", nullptr},
        Row{kSchema, R"({"id": 1.0})", R"({"id":1.0})"}, Row{kList, "a, b,c", "a,b,c"}, Row{kList, "a", "a"},
        Row{kList, "a,,b", nullptr}, Row{kList, "a,", nullptr}, Row{kIntegers, "1;2;03", "1;2;3"},
        Row{kIntegers, "1;2;3;4", nullptr}, Row{kIntegers, "", nullptr}, Row{kIntegers, "1;x", nullptr},
        Row{kIntegers, "10", nullptr}, Row{kRange, "1-100", "1-100"}, Row{kRange, "-5..5", "-5..5"},
        Row{kRange, "1..3", "1-3"}, Row{kRange, "7-7", "7-7"}, Row{kRange, "2-1", nullptr},
        Row{kRange, "1-101", nullptr}, Row{kRange, "-11..1", nullptr}, Row{kRange, "5", nullptr},
        Row{kRange, "1-", nullptr}, Row{kRange, "a-b", nullptr}));

TEST(Values, NeverRepeatWhatTheyAreRefusedFor) {
  for (const std::string_view type : type_names()) {
    for (const char* text : {"s3cr3t", "s3cr3t,", "{\"s3cr3t\": ", "https://s3cr3t:s3cr3t", "s3cr3t-1"}) {
      Parameter parameter;
      parameter.type = *type_from_name(type);
      parameter.secret = true;
      parameter.values = {"s3cr3ts"};
      parameter.max_length = 1;
      const auto value = read_value(parameter, text, surroundings());
      if (!value) {
        std::string message = value.failure().message;
        if (const auto own = message.find("s3cr3ts"); own != std::string::npos) {
          message.erase(own, 7);  // the declaration's
        }
        EXPECT_THAT(message, Not(HasSubstr("s3cr3t"))) << type;
      }
    }
  }
}

TEST(Values, HaveNoNulByte) {
  for (const char* declaration : {"{}", kList, R"({"type": "path"})"}) {
    EXPECT_FALSE(read_json_value(declared(declaration), Json(std::string("a\0b", 3)), surroundings())) << declaration;
  }
  EXPECT_FALSE(read_json_value(declared(kList), Json::array({std::string("a\0b", 3)}), surroundings()));
}

TEST(Values, OfJsonAreTakenWhereNothingIsLost) {
  struct JsonRow {
    const char* declaration;
    const char* json;
    const char* value;
  };
  for (const JsonRow& row : {
           JsonRow{"{}", R"("1001")", "1001"},      JsonRow{"{}", "1001", "1001"},
           JsonRow{"{}", "true", "true"},           JsonRow{"{}", "1.10", nullptr},  // a version, perhaps
           JsonRow{"{}", "[1]", nullptr},           JsonRow{"{}", "{}", nullptr},
           JsonRow{kNumber, "1.10", "1.1"},         JsonRow{kInteger, "5", "5"},
           JsonRow{kInteger, "5.5", nullptr},       JsonRow{kAnyInteger, "18446744073709551616", nullptr},
           JsonRow{kBoolean, "false", "false"},     JsonRow{kList, R"(["a", 1, true])", "a,1,true"},
           JsonRow{kList, R"("a,b")", "a,b"},       JsonRow{kList, R"(["a,b"])", nullptr},
           JsonRow{kList, R"([""])", nullptr},      JsonRow{kList, R"([["a"]])", nullptr},
           JsonRow{kList, "{}", nullptr},           JsonRow{kIntegers, "[1, 2]", "1;2"},
           JsonRow{kIntegers, "[1, 2.5]", nullptr}, JsonRow{kJson, R"({"a": null})", R"({"a":null})"},
       }) {
    const auto value = read_json_value(declared(row.declaration), Json::parse(row.json), surroundings());
    ASSERT_EQ(static_cast<bool>(value), row.value != nullptr) << row.declaration << row.json;
    if (value) {
      EXPECT_EQ(value->text, row.value);
    }
  }
}

TEST(Values, OfJsonGetTheirTypeBack) {
  const auto back = [](const char* declaration, const char* text) {
    const Parameter parameter = declared(declaration);
    return typed(parameter, *read_value(parameter, text, surroundings())).dump();
  };
  EXPECT_EQ(back(kInteger, "7"), "7");
  EXPECT_EQ(back(kNumber, "1.5"), "1.5");
  EXPECT_EQ(back(kBoolean, "yes"), "true");
  EXPECT_EQ(back("{}", "7"), R"("7")");
  EXPECT_EQ(back(kIntegers, "1;2"), "[1,2]");
  EXPECT_EQ(back(kList, "1,2"), R"(["1","2"])");
  EXPECT_EQ(back(kJson, R"({"a":1})"), R"({"a":1})");
  EXPECT_EQ(back(kDate, "today"), R"("2024-02-28")");
}

TEST(Paths, AreLookedAt) {
  const test::Machine machine(test::Tree{{"/data/in.csv", "1"}, {"/data/sub/x", ""}});
  Surroundings around = surroundings();
  around.root = machine.root();
  const auto good = [&](const char* declaration, const char* path) {
    return static_cast<bool>(read_value(declared(declaration), path, around));
  };
  constexpr const char* any = R"({"type": "path"})";
  constexpr const char* there = R"({"type": "path", "must": "exist"})";
  constexpr const char* file = R"({"type": "path", "must": "file"})";
  constexpr const char* folder = R"({"type": "path", "must": "dir"})";
  constexpr const char* writable = R"({"type": "path", "writable": true})";
  EXPECT_TRUE(good(any, "/none"));
  EXPECT_FALSE(good(any, ""));
  EXPECT_TRUE(good(there, "/data"));
  EXPECT_FALSE(good(there, "/none"));
  EXPECT_TRUE(good(file, "/data/in.csv"));
  EXPECT_FALSE(good(file, "/data"));
  EXPECT_TRUE(good(folder, "/data/sub"));
  EXPECT_FALSE(good(folder, "/data/in.csv"));
  EXPECT_FALSE(good(folder, "/data/in.csv/x"));
  EXPECT_TRUE(good(writable, "/data/new.csv"));
  EXPECT_TRUE(good(writable, "/data/in.csv"));
  EXPECT_FALSE(good(writable, "/none/new.csv"));
  around.folder = "/data";
  EXPECT_TRUE(good(file, "in.csv"));
  EXPECT_FALSE(good(file, "sub"));
}

TEST(Examples, AreRight) {
  for (const char* declaration :
       {kInteger, kAnyInteger, kNumber, kBoolean, kEnum, kDate, kPast, kDatetime, kLocal, kDuration, kSize, kUrl, kS3,
        kJson, kList, kIntegers, kRange, R"({"type": "path"})", R"({"pattern": "[0-9]{4}", "example": "1001"})"}) {
    const Parameter parameter = declared(declaration);
    const std::string example = example_of(parameter);
    EXPECT_FALSE(example.empty()) << declaration;
    EXPECT_TRUE(read_value(parameter, example, surroundings())) << declaration << " " << example;
    EXPECT_FALSE(constraints_of(parameter).empty());
  }
}

// ---- time zones -----------------------------------------------------------------------------------------------------

using std::chrono::local_days;
using std::chrono::sys_days;
using std::chrono::year;
using namespace std::chrono_literals;

TEST(Zones, AreFoundOrRefused) {
  const test::Machine empty({});
  for (const char* name : {"UTC", "Z", "+02:00", "-05:30", "+00:00"}) {
    EXPECT_TRUE(Zone::find(name, empty.root())) << name;
    EXPECT_TRUE(is_zone_name(name)) << name;
  }
  for (const char* name : {"", "+2:00", "+24:00", "+02:60", "+0200", "../../etc/passwd", "/etc/localtime", "A//B",
                           "A/.B", "Europe/", "+-1:00", "+ 1:00"}) {
    EXPECT_FALSE(Zone::find(name, empty.root())) << name;
    EXPECT_FALSE(is_zone_name(name)) << name;
  }
  const auto missing = Zone::find("Europe/Berlin", empty.root());
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.failure().message, HasSubstr("install tzdata"));
  const test::Machine broken(test::Tree{{"/usr/share/zoneinfo/Europe/Berlin", "no zone"}});
  EXPECT_FALSE(Zone::find("Europe/Berlin", broken.root()));
}

TEST(Zones, OfTheImageKnowTheirClocks) {
  const auto berlin = Zone::find("Europe/Berlin");
  if (!berlin) {
    GTEST_SKIP() << "no tzdata here: " << berlin.failure().message;
  }
  const auto tz_before = std::getenv("TZ") == nullptr ? "" : std::string(std::getenv("TZ"));
  EXPECT_EQ(berlin->offset_at(sys_days(year(2024) / 1 / 1)), 1h);
  EXPECT_EQ(berlin->offset_at(sys_days(year(2024) / 7 / 1)), 2h);
  EXPECT_EQ(berlin->offset_at(sys_days(year(2124) / 7 / 1)), 2h) << "by the rule at the end of the file";
  // Put forward on 31 March at 2, and back on 27 October at 3.
  EXPECT_EQ(berlin->moment(local_days(year(2024) / 3 / 31) + 2h + 30min), std::nullopt);
  EXPECT_EQ(berlin->moment(local_days(year(2024) / 10 / 27) + 2h + 30min), sys_days(year(2024) / 10 / 27) + 30min);
  EXPECT_EQ(berlin->moment(local_days(year(2024) / 7 / 1) + 12h), sys_days(year(2024) / 7 / 1) + 10h);
  EXPECT_EQ(std::getenv("TZ") == nullptr ? "" : std::string(std::getenv("TZ")), tz_before);
}

}  // namespace
}  // namespace jobinit::job
