// What people write in settings, good and bad, and what they get to read.
#include "jobinit/base/text.hpp"

#include <gmock/gmock.h>

#include <limits>
#include <random>

#include "jobinit/base/environment.hpp"
#include "jobinit/cli/settings.hpp"
#include "support.hpp"

namespace jobinit {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

// Good texts and what they mean; bad ones, which the message must repeat, so that one sees what was read.
template <typename Parse, typename Value>
void expect_good(Parse parse, const std::vector<std::pair<const char*, Value>>& rows) {
  for (const auto& [text, value] : rows) {
    const auto parsed = parse(text);
    if (!parsed) {
      ADD_FAILURE() << '"' << text << "\" refused: " << parsed.failure().message;
    } else {
      EXPECT_EQ(*parsed, value) << '"' << text << '"';
    }
  }
}

template <typename Parse>
void expect_bad(Parse parse, const std::vector<const char*>& texts, const char* hint) {
  for (const char* text : texts) {
    const auto parsed = parse(text);
    if (parsed) {
      ADD_FAILURE() << '"' << text << "\" was taken for something";
      continue;
    }
    EXPECT_THAT(parsed.failure().message, HasSubstr(fmt::format("\"{}\"", text)));
    EXPECT_THAT(parsed.failure().message, HasSubstr(hint)) << '"' << text << '"';
  }
}

TEST(Text, Durations) {
  expect_good<decltype(parse_duration), Duration>(parse_duration, {{"0", 0s},
                                                                   {"90", 90s},
                                                                   {"1.5", 1500ms},
                                                                   {".5", 500ms},
                                                                   {"007", 7s},
                                                                   {"250ms", 250ms},
                                                                   {"90s", 90s},
                                                                   {"15m", 15min},
                                                                   {"2h", 2h},
                                                                   {"2d", 48h},
                                                                   {"1.5h", 90min},
                                                                   {"1h30m", 90min},
                                                                   {"1d2h3m4s5ms", 26h + 3min + 4s + 5ms},
                                                                   {"1d4s", 24h + 4s},
                                                                   {"0.000000001s", 1ns},
                                                                   {" 90s\n", 90s},
                                                                   {"PT15M", 15min},
                                                                   {"PT0S", 0s},
                                                                   {"PT1H30M5.5S", 90min + 5500ms},
                                                                   {"P1DT12H", 36h},
                                                                   {"P2W", 24h * 14},
                                                                   {"P1W2D", 24h * 9},
                                                                   {"36525d", 24h * 36525}});
}

TEST(Text, BadDurations) {
  expect_bad(parse_duration,
             {"",      " ",   "abc",  "s",      "-5s", "+5s",  "5x",  "1e3",   "1h 30m", "30m1h", "1h1h", "1ms1s",
              "1h30",  "5 m", "90S",  "1.2.3s", ".",   "..5s", "inf", "nan",   "0x10",   "P",     "PT",   "P1DT",
              "PTT1S", "P1H", "PT1D", "P1M",    "P1Y", "PT5",  "P5",  "pt15m", "PT1S1M", "1,5s",  "٣s",   "1s;"},
             "is not a duration; write it like");
  expect_bad(parse_duration, {"36526d", "P5219W", "3155760001", "99999999999999999999"}, "longer than 100 years");
}

// Anything that parses can be added to a clock: that is what the limit of 100 years is for.
TEST(Text, TheLongestDurationFitsTheClock) {
  const auto longest = parse_duration("36525d");
  ASSERT_TRUE(longest);
  EXPECT_LT(*longest, Duration::max() / 2);
}

TEST(Text, Sizes) {
  expect_good<decltype(parse_size), std::uint64_t>(parse_size, {{"0", 0},
                                                                {"65536", 65536},
                                                                {"7b", 7},
                                                                {"64k", 65536},
                                                                {"64K", 65536},
                                                                {"64Ki", 65536},
                                                                {"64KiB", 65536},
                                                                {"64KB", 64000},
                                                                {"512M", 536870912},
                                                                {"512mi", 536870912},
                                                                {"512MiB", 536870912},
                                                                {"512MB", 512000000},
                                                                {"1G", 1073741824},
                                                                {"1.5Gi", 1610612736},
                                                                {"1GiB", 1073741824},
                                                                {"1GB", 1000000000},
                                                                {"2T", 2199023255552},
                                                                {"2Ti", 2199023255552},
                                                                {"2TiB", 2199023255552},
                                                                {"2TB", 2000000000000},
                                                                {".5K", 512},
                                                                {"1.0001K", 1024},
                                                                {" 1M ", 1048576},
                                                                {"1000000000000000000", 1000000000000000000}});
}

TEST(Text, BadSizes) {
  expect_bad(
      parse_size,
      {"", " ", "K", "-1", "+1", "1e3", "0x10", "1 M", "1P", "80%", "1K5", "1KK", "1kbb", "1.2.3", ".", "one", "1,5G"},
      "is not a size; write it like");
  expect_bad(parse_size, {"1000000T", "1000000000000000001000", "18446744073709551616"},
             "more memory than any machine");
}

TEST(Text, SizesOrShares) {
  const auto same = [](const SizeOrShare& a, std::string_view text) {
    const auto parsed = parse_size_or_share(text);
    return parsed && *parsed == a;
  };
  EXPECT_TRUE(same({512, 0}, "512"));
  EXPECT_TRUE(same({1536 * 1024, 0}, "1.5M"));
  EXPECT_TRUE(same({0, 0.8}, "80%"));
  EXPECT_TRUE(same({0, 1}, " 100% "));
  EXPECT_TRUE(same({}, "0"));
  EXPECT_TRUE(same({}, "0%"));
  expect_bad(parse_size_or_share, {"101%", "%", "-1%", "80 %", "80%%", "1M%"}, "at most 100%");
  expect_bad(parse_size_or_share, {"", "much", "1 MB"}, "neither a size");
}

TEST(Text, ASharedSizeIsKnownOnceTheWholeIs) {
  EXPECT_EQ(SizeOrShare{}.of(100), std::nullopt);
  EXPECT_EQ((SizeOrShare{7, 0}.of(std::nullopt)), 7U);
  EXPECT_EQ((SizeOrShare{0, 0.25}.of(1000)), 250U);
  EXPECT_EQ((SizeOrShare{0, 0.25}.of(std::nullopt)), std::nullopt);
}

TEST(Text, Booleans) {
  for (const char* text : {"true", "TRUE", "True", "yes", "Yes", "on", "ON", "1", " true "}) {
    const auto parsed = parse_boolean(text);
    EXPECT_TRUE(parsed && *parsed) << text;
  }
  for (const char* text : {"false", "FALSE", "no", "No", "off", "oFF", "0", "\tfalse\n"}) {
    const auto parsed = parse_boolean(text);
    EXPECT_TRUE(parsed && !*parsed) << text;
  }
  expect_bad(parse_boolean, {"", " ", "2", "y", "n", "t", "truee", "enabled", "-1", "00"}, "neither true nor false");
}

TEST(Text, Integers) {
  struct Row {
    const char* text;
    std::int64_t low;
    std::int64_t high;
    std::optional<std::int64_t> value;
  };
  constexpr auto kLeast = std::numeric_limits<std::int64_t>::min();
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  for (const Row& row : {Row{"0", 0, 255, 0},
                         Row{"255", 0, 255, 255},
                         Row{"256", 0, 255, {}},
                         Row{"-1", 0, 255, {}},
                         Row{"-1000", -1000, 1000, -1000},
                         Row{"-1001", -1000, 1000, {}},
                         Row{" 7\n", 0, 255, 7},
                         Row{"007", 0, 255, 7},
                         Row{"9223372036854775807", kLeast, kMost, kMost},
                         Row{"-9223372036854775808", kLeast, kMost, kLeast},
                         Row{"9223372036854775808", kLeast, kMost, {}},
                         Row{"", 0, 255, {}},
                         Row{" ", 0, 255, {}},
                         Row{"-", -9, 255, {}},
                         Row{"+1", 0, 255, {}},
                         Row{"1.0", 0, 255, {}},
                         Row{"1e1", 0, 255, {}},
                         Row{"0x1", 0, 255, {}},
                         Row{"1 2", 0, 255, {}},
                         Row{"12a", 0, 255, {}}}) {
    const auto parsed = parse_integer(row.text, row.low, row.high);
    EXPECT_EQ(static_cast<bool>(parsed), row.value.has_value()) << '"' << row.text << '"';
    if (parsed && row.value) {
      EXPECT_EQ(*parsed, *row.value) << '"' << row.text << '"';
    }
    if (!parsed) {
      EXPECT_THAT(parsed.failure().message, HasSubstr(fmt::format("from {} to {}", row.low, row.high)));
    }
  }
}

TEST(Text, Signals) {
  const auto number = [](std::string_view text) -> Result<int> {
    const auto signal = cli::parse_signal(text);
    if (!signal) {
      return signal.failure();
    }
    return signal->number;
  };
  expect_good<decltype(number), int>(number, {{"TERM", SIGTERM},
                                              {"SIGTERM", SIGTERM},
                                              {"term", SIGTERM},
                                              {"sigterm", SIGTERM},
                                              {" INT ", SIGINT},
                                              {"15", SIGTERM},
                                              {"1", SIGHUP},
                                              {"KILL", SIGKILL},
                                              {"RTMIN", SIGRTMIN},
                                              {"SIGRTMIN", SIGRTMIN},
                                              {"RTMIN+3", SIGRTMIN + 3},
                                              {"64", SIGRTMAX}});
  expect_bad(number, {"", " ", "0", "-1", "65", "1.5", "SIG", "RTMIN+99", "15 9"}, "is not a signal");
  expect_bad(number, {"TREM", "SIGTEMR", "SIGTERMM"}, "did you mean SIGTERM?");
  for (int signal = 1; signal <= SIGRTMAX; ++signal) {
    if (signal == 32 || signal == 33) {
      continue;
    }  // the C library keeps these two; nobody can name them
    const auto back = number(cli::signal_name(signal));
    EXPECT_TRUE(back && *back == signal) << cli::signal_name(signal);
  }
}

TEST(Text, Split) {
  EXPECT_THAT(split("", ","), ElementsAre());
  EXPECT_THAT(split(",,", ","), ElementsAre());
  EXPECT_THAT(split("a", ","), ElementsAre("a"));
  EXPECT_THAT(split("a,b", ","), ElementsAre("a", "b"));
  EXPECT_THAT(split(",a,,b,", ","), ElementsAre("a", "b"));
  EXPECT_THAT(split("a, b\tc", ", \t"), ElementsAre("a", "b", "c"));
  EXPECT_THAT(split("a b", ","), ElementsAre("a b"));
  EXPECT_THAT(split("a b", ""), ElementsAre("a b"));
}

TEST(Text, Trim) {
  for (const auto& [text, trimmed] : std::vector<std::pair<std::string_view, std::string_view>>{
           {"", ""}, {" \t\r\n", ""}, {"a", "a"}, {"  a b\r\n", "a b"}, {"a ", "a"}, {"\va", "\va"}}) {
    EXPECT_EQ(trim(text), trimmed);
  }
}

TEST(Text, DurationsForPeople) {
  for (const auto& [duration, text] :
       std::vector<std::pair<Duration, const char*>>{{0s, "0.0s"},
                                                     {49ms, "0.0s"},
                                                     {400ms, "0.4s"},
                                                     {12s, "12.0s"},
                                                     {59940ms, "59.9s"},
                                                     {59950ms, "1m00s"},  // never "60.0s"
                                                     {60s, "1m00s"},
                                                     {12min + 4s, "12m04s"},
                                                     {59min + 59400ms, "59m59s"},
                                                     {59min + 59500ms, "1h00m"},
                                                     {3h + 2min + 59s, "3h02m"},
                                                     {24h - 1s, "23h59m"},
                                                     {24h, "1d00h"},
                                                     {51h, "2d03h"},
                                                     {24h * 400, "400d00h"}}) {
    EXPECT_EQ(human_duration(duration), text);
  }
}

TEST(Text, SizesForPeople) {
  constexpr std::uint64_t kKi = 1024;
  for (const auto& [bytes, text] :
       std::vector<std::pair<std::uint64_t, const char*>>{{0, "0 B"},
                                                          {512, "512 B"},
                                                          {1023, "1023 B"},
                                                          {1024, "1.0 KiB"},
                                                          {1536, "1.5 KiB"},
                                                          {10189, "10 KiB"},  // never "10.0"
                                                          {41 * kKi * kKi, "41 MiB"},
                                                          {1023 * kKi, "1023 KiB"},
                                                          {kKi * kKi - 1, "1.0 MiB"},  // never "1024 KiB"
                                                          {3 * kKi * kKi * kKi / 2, "1.5 GiB"},
                                                          {kKi * kKi * kKi * kKi, "1.0 TiB"},
                                                          {std::uint64_t{1} << 50U, "1.0 PiB"},
                                                          {std::uint64_t{1} << 60U, "1024 PiB"}}) {
    EXPECT_EQ(human_size(bytes), text);
  }
}

TEST(Text, NearestName) {
  const std::vector<std::string_view> names{"timeout", "tail", "stop-signal", "stop-grace", "quiet"};
  for (const auto& [mistyped, near] : std::vector<std::pair<std::string_view, std::string_view>>{
           {"timeout", "timeout"},
           {"timeuot", "timeout"},  // two letters swapped
           {"tiemuot", "timeout"},  // twice
           {"Timeout", "timeout"},
           {"TIMEOUT", "timeout"},
           {"time-out", "timeout"},
           {"timeou", "timeout"},
           {"stop_signal", "stop-signal"},
           {"tial", "tail"},
           {"tale", ""},  // two slips in four letters: more likely another word
           {"stop", ""},
           {"zzzzzz", ""},
           {"", ""}}) {
    EXPECT_EQ(nearest(mistyped, names), near) << mistyped;
  }
  EXPECT_EQ(nearest("a", {}), "");
}

TEST(Text, LookupIsGetenvs) {
  const std::vector<std::string> environment{"A=1", "AB=2", "A=3", "EMPTY=", "EQUALS=a=b", "NOVALUE", "A"};
  EXPECT_EQ(lookup(environment, "A"), "1");
  EXPECT_EQ(lookup(environment, "AB"), "2");
  EXPECT_EQ(lookup(environment, "EMPTY"), "");
  EXPECT_EQ(lookup(environment, "EQUALS"), "a=b");
  EXPECT_EQ(lookup(environment, "NOVALUE"), std::nullopt);
  EXPECT_EQ(lookup(environment, "B"), std::nullopt);
  EXPECT_EQ(lookup({}, "A"), std::nullopt);
}

// ---- UTF-8 ----------------------------------------------------------------------------------------------------------

constexpr const char* kReplacement = "\xEF\xBF\xBD";

struct Bytes {
  const char* name;
  std::string bytes;
  std::size_t bad;  // how many bytes are no part of a character; each becomes one U+FFFD
  friend void PrintTo(const Bytes& bytes, std::ostream* out) { *out << bytes.name; }
};

class MalformedUtf8 : public testing::TestWithParam<Bytes> {};

TEST_P(MalformedUtf8, IsReplacedByteByByte) {
  const auto& [name, bytes, bad] = GetParam();
  std::string replaced;
  for (std::size_t i = 0; i < bad; ++i) {
    replaced += kReplacement;
  }
  const std::string rest = bytes.substr(bad);
  EXPECT_EQ(valid_utf8(bytes), replaced + rest);
  EXPECT_EQ(valid_utf8("aä" + bytes + "€z"), "aä" + replaced + rest + "€z") << "its neighbours stay as they are";
}

// Unicode 15, table 3-7: everything that is one off from a well-formed sequence.
INSTANTIATE_TEST_SUITE_P(
    Table, MalformedUtf8,
    testing::Values(Bytes{"a lone continuation", "\x80", 1}, Bytes{"the last continuation", "\xBF", 1},
                    Bytes{"C0, always overlong", "\xC0\x80", 2}, Bytes{"C1, always overlong", "\xC1\xBF", 2},
                    Bytes{"two bytes, one missing", "\xC3", 1}, Bytes{"two bytes, second no continuation", "\xC3(", 1},
                    Bytes{"two bytes, second a lead", "\xC3\xC3", 2}, Bytes{"three bytes, overlong", "\xE0\x9F\xBF", 3},
                    Bytes{"three bytes, one missing", "\xE2\x82", 2}, Bytes{"three bytes, two missing", "\xE2", 1},
                    Bytes{"three bytes, third no continuation", "\xE2\x82(", 2},
                    Bytes{"the first surrogate", "\xED\xA0\x80", 3}, Bytes{"the last surrogate", "\xED\xBF\xBF", 3},
                    Bytes{"a surrogate pair", "\xED\xA0\xBD\xED\xB8\x80", 6},
                    Bytes{"four bytes, overlong", "\xF0\x8F\xBF\xBF", 4},
                    Bytes{"four bytes, one missing", "\xF0\x9F\x98", 3},
                    Bytes{"four bytes, two missing", "\xF0\x9F", 2}, Bytes{"four bytes, three missing", "\xF0", 1},
                    Bytes{"above U+10FFFF", "\xF4\x90\x80\x80", 4}, Bytes{"F5, never a lead", "\xF5\x80\x80\x80", 4},
                    Bytes{"FE, never used", "\xFE", 1}, Bytes{"FF, never used", "\xFF", 1},
                    Bytes{"a broken lead, then ASCII", "\xF0\x9Fok", 2}),
    test::kRowName);

TEST(Utf8, EveryCharacterPassesUnchanged) {
  std::string all;
  for (std::uint32_t point = 0; point <= 0x10FFFF; ++point) {
    if (point >= 0xD800 && point <= 0xDFFF) {
      continue;
    }
    const auto put = [&](std::uint32_t byte) { all += static_cast<char>(byte); };
    const auto continuation = [&](unsigned shift) { put(0x80U | ((point >> shift) & 0x3FU)); };
    if (point < 0x80) {
      put(point);
    } else if (point < 0x800) {
      put(0xC0U | (point >> 6U));
      continuation(0);
    } else if (point < 0x10000) {
      put(0xE0U | (point >> 12U));
      continuation(6);
      continuation(0);
    } else {
      put(0xF0U | (point >> 18U));
      continuation(12);
      continuation(6);
      continuation(0);
    }
  }
  EXPECT_TRUE(valid_utf8(all) == all) << "not printed: four megabytes";
}

TEST(Utf8, WhateverComesInWhatComesOutIsValid) {
  // Bytes that matter at the borders of the table, so that near misses are common.
  constexpr std::string_view kBorders =
      "a\n\x7F\x80\x8F\x90\x9F\xA0\xBF\xC0\xC1\xC2\xDF\xE0\xE2\xED\xEF\xF0\xF4\xF5\xFF";
  std::mt19937 random(8);  // NOLINT(cert-msc32-c,cert-msc51-cpp)
  int valid_inputs = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string bytes(random() % 7, '\0');
    for (char& c : bytes) {
      c = kBorders[random() % kBorders.size()];
    }
    const std::string text = valid_utf8(bytes);
    ASSERT_TRUE(test::is_valid_utf8(text)) << testing::PrintToString(bytes);
    ASSERT_EQ(valid_utf8(text), text);
    if (test::is_valid_utf8(bytes)) {
      ++valid_inputs;
      ASSERT_EQ(text, bytes);
    } else {
      ASSERT_NE(text, bytes);
    }
  }
  EXPECT_GT(valid_inputs, 100) << "the inputs must be of both kinds to say anything";
}

// ---- credentials ----------------------------------------------------------------------------------------------------

TEST(Text, MaskUrl) {
  for (const auto& [url, masked] : std::vector<std::pair<const char*, const char*>>{
           {"https://host/path", "https://host/path"},
           {"https://user:s3cret@host/path", "https://***@host/path"},
           {"https://s3cret@host", "https://***@host"},
           {"https://user:s3@cret@host:8080", "https://***@host:8080"},
           {"https://host/path?token=s3cret", "https://host/path?***"},
           {"https://host?token=s3cret", "https://host?***"},
           {"https://host/path#s3cret", "https://host/path#***"},
           {"https://host/a@b", "https://host/a@b"},
           {"pushgateway+https://u:s3cret@host:9091/region/eu", "pushgateway+https://***@host:9091/region/eu"},
           {"file:/var/run/report.json", "file:/var/run/report.json"},
           {"plain text", "plain text"},
           {"", ""}}) {
    EXPECT_EQ(mask_url(url), masked);
  }
}

// Slips that make it no URL, but no less of a secret.
TEST(Text, MaskUrlAlsoWhereItIsMistyped) {
  for (const char* url : {"https:user:s3cret@host", "https:/user:s3cret@host", "pushgateway+http:user:s3cret@host:9091",
                          "https://user:pass/s3cret@host", "https://user:pass?s3cret@host",
                          "https://user:pass#s3cret@host", "https:?token=s3cret"}) {
    EXPECT_THAT(mask_url(url), testing::Not(HasSubstr("s3cret"))) << url;
  }
}

TEST(Matches, StarsAndQuestionMarks) {
  struct Row {
    const char* text;
    const char* pattern;
    bool fits;
  };
  for (const Row& row : {
           Row{"PATH", "PATH", true},
           Row{"PATH", "path", false},
           Row{"PATHS", "PATH", false},
           Row{"PATH", "PATHS", false},
           Row{"LC_ALL", "LC_*", true},
           Row{"LC_", "LC_*", true},
           Row{"LC", "LC_*", false},
           Row{"XLC_ALL", "LC_*", false},
           Row{"", "*", true},
           Row{"", "", true},
           Row{"", "?", false},
           Row{"x", "", false},
           Row{"a", "?", true},
           Row{"ab", "?", false},
           Row{"AWS_X_KEY_Y_KEY", "*_KEY", true},
           Row{"AWS_KEY_ID", "*_KEY", false},
           Row{"abcabd", "*abd", true},
           Row{"aXbXc", "a*b*c", true},
           Row{"aXbX", "a*b*c", false},
           Row{"a*", "a*", true},
           Row{"ab", "a**", true},
           Row{"a", "?*", true},
           Row{"[a]", "[a]", true},
       }) {
    EXPECT_EQ(matches(row.text, row.pattern), row.fits) << row.text << " by " << row.pattern;
  }
}

TEST(Matches, NoPatternTakesForEver) {
  std::string pattern;
  for (int i = 0; i < 200; ++i) {
    pattern += "a*";
  }
  EXPECT_FALSE(matches(std::string(20000, 'a') + "b", pattern + "c"));
}

}  // namespace
}  // namespace jobinit
