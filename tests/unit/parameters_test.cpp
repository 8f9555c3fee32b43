// From declarations and sources to values, problems and what the job is handed.
#include "jobinit/job/parameters.hpp"

#include <gmock/gmock.h>

#include "jobinit/base/date.hpp"
#include "jobinit/base/pattern.hpp"
#include "jobinit/base/printable.hpp"
#include "jobinit/job/datetime.hpp"
#include "jobinit/job/integer_range.hpp"
#include "jobinit/job/job_file.hpp"
#include "jobinit/job/job_spec.hpp"
#include "support.hpp"

namespace jobinit::job {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

using Environment = std::vector<std::string>;

// A job file's parameters, and what came of them; not to be moved, since the values point into the declarations.
struct Case {
  explicit Case(const std::string& parameters)
      : file(parse_job_file(R"({"parameters": )" + parameters + "}", "job.json")) {
    EXPECT_THAT(file.problems, IsEmpty());
  }
  Case(const Case&) = delete;
  Case& operator=(const Case&) = delete;

  Case& with(Environment variables, std::vector<std::string> payloads = {}) {
    environment = std::move(variables);
    sources.environment = environment;
    sources.payloads.clear();
    for (const std::string& payload : payloads) {
      sources.payloads.push_back(*read_payload(payload, fmt::format("payload {}", sources.payloads.size() + 1)));
    }
    assignments = assign(file.parameters, sources);
    return *this;
  }
  // "-" where there is none.
  std::string value(std::string_view name) const {
    for (const Assigned& one : assignments.all) {
      if (one.parameter->name == name) {
        return one.value ? one.value->text : "-";
      }
    }
    return "?";
  }
  const Assigned& at(std::size_t number) const { return assignments.all.at(number); }

  JobFile file;
  Environment environment;
  Sources sources;
  Assignments assignments;
};

TEST(Sources, AreAskedStrongestFirst) {
  const test::TemporaryFolder folder;
  test::write_file(folder / "media", "from file\n");
  Case one(R"({"MEDIA": {"default": "from default"}})");
  const std::string file = "MEDIA_FILE=" + folder / "media";
  EXPECT_EQ(one.with({"MEDIA=from variable", file}, {R"({"MEDIA": "p1"})"}).value("MEDIA"), "from variable");
  EXPECT_EQ(one.at(0).where, "environment: MEDIA");
  EXPECT_THAT(one.at(0).overrode, ElementsAre("file: MEDIA_FILE", "/MEDIA in payload 1", "default"));
  EXPECT_EQ(one.with({"MEDIA=", file}, {R"({"MEDIA": "p1"})"}).value("MEDIA"), "from file");
  EXPECT_EQ(one.with({}, {R"({"other": 1})", R"({"MEDIA": "p2"})", R"({"MEDIA": "p3"})"}).value("MEDIA"), "p2");
  EXPECT_EQ(one.with({}).value("MEDIA"), "from default");
  EXPECT_EQ(one.at(0).where, "default");
  EXPECT_EQ(Case(R"({"MEDIA": {}})").with({}).value("MEDIA"), "-");
}

TEST(Sources, FilesLoseOneLineEndAndMustBeThere) {
  const test::TemporaryFolder folder;
  Case one(R"({"TOKEN": {"secret": true}})");
  for (const auto& [content, value] : std::vector<std::pair<const char*, const char*>>{
           {"abc", "abc"}, {"abc\n", "abc"}, {"abc\r\n", "abc"}, {"abc\n\n", "abc\n"}, {" abc ", " abc "}}) {
    test::write_file(folder / "token", content);
    EXPECT_EQ(one.with({"TOKEN_FILE=" + folder / "token"}).value("TOKEN"), value);
  }
  one.with({"TOKEN_FILE=" + folder / "gone"});
  EXPECT_THAT(one.assignments.problems,
              ElementsAre(AllOf(HasSubstr("TOKEN: "), HasSubstr("No such file"), HasSubstr("TOKEN_FILE"))));
}

TEST(Problems, AreToldAllWithDescriptionAndExample) {
  Case one(R"({
    "CUSTOMER_ID": {"required": true, "pattern": "[0-9]{4}", "description": "whose feed", "example": "1001"},
    "MEDIA": {"type": "enum", "values": ["google", "meta"], "required": true, "description": "the network"},
    "DAY": {"type": "date", "required": true},
    "TOKEN": {"secret": true, "min_length": 20}})");
  one.with({"CUSTOMERID=1001", "MEDIA=gogle", "TOKEN=s3cr3t-short"});
  EXPECT_THAT(
      one.assignments.problems,
      ElementsAre("CUSTOMER_ID: missing; there is CUSTOMERID: did you mean CUSTOMER_ID? whose feed; for example 1001",
                  "MEDIA: must be one of google, meta (did you mean google?), not \"gogle\" (environment: MEDIA). "
                  "the network; for example google",
                  "DAY: missing; set the variable DAY, or DAY_FILE; for example yesterday",
                  "TOKEN: must have 20 characters or more (its value is a secret) (environment: TOKEN)"));
  EXPECT_THAT(one.assignments.secrets, ElementsAre("s3cr3t-short")) << "though it is wrong";
}

TEST(Defaults, MayBeComputed) {
  Case one(R"({
    "OUT": {"default": "/out/${CUSTOMER_ID}-${DAY}.csv"},
    "DAY": {"type": "date", "default": "${START:-2024-04-01}"},
    "CUSTOMER_ID": {"required": true},
    "START": {"type": "date"},
    "PART": {"default": "${platform.index}of${platform.count}$$"},
    "NUMBERS": {"type": "list", "default": ["${CUSTOMER_ID}", 2]}})");
  one.sources.facts = {{"platform.index", "3"}, {"platform.count", "8"}};
  one.with({"CUSTOMER_ID=1001"});
  EXPECT_THAT(one.assignments.problems, IsEmpty());
  EXPECT_EQ(one.value("OUT"), "/out/1001-2024-04-01.csv");
  EXPECT_EQ(one.value("PART"), "3of8$");
  EXPECT_EQ(one.value("NUMBERS"), "1001,2");
  one.sources.facts.clear();
  one.with({"CUSTOMER_ID=1001", "START=2024-05-01"});
  EXPECT_EQ(one.value("OUT"), "/out/1001-2024-05-01.csv");
  EXPECT_THAT(one.assignments.problems,
              ElementsAre(AllOf(HasSubstr("PART: its default: "), HasSubstr("platform.index"))));
}

TEST(Defaults, ThatHangOnSomethingWrongAreNotToldAgain) {
  Case one(
      R"({"A": {"required": true}, "B": {"default": "${A}"}, "C": {"type": "list", "default": ["x", "${B}"]}, "D": {}, "E": {"default": "${D}"}})");
  one.with({});
  EXPECT_THAT(one.assignments.problems,
              ElementsAre(HasSubstr("A: missing"), HasSubstr("E: its default: ${D}: it has no value")));
}

TEST(Defaults, ThatHoldASecretMustBeOne) {
  Case open(R"({"TOKEN": {"secret": true}, "URL": {"default": "https://h/${TOKEN}"}})");
  open.with({"TOKEN=s3cr3t"});
  EXPECT_THAT(open.assignments.problems,
              ElementsAre(AllOf(HasSubstr("URL"), HasSubstr("secret"), Not(HasSubstr("s3cr3t")))));
  Case closed(R"({"TOKEN": {"secret": true}, "URL": {"secret": true, "default": "https://h/${TOKEN}"}})");
  EXPECT_EQ(closed.with({"TOKEN=s3cr3t"}).value("URL"), "https://h/s3cr3t");
  EXPECT_THAT(closed.assignments.secrets, ElementsAre("s3cr3t", "https://h/s3cr3t"));
  EXPECT_EQ(shown(closed.at(1)), "***");
}

TEST(Secrets, AreAlsoTheTextsWithinJson) {
  Case one(R"({"KEYS": {"secret": true, "type": "json"}, "IDS": {"secret": true, "type": "list"}})");
  one.with({R"(KEYS={"a": ["first"], "b": {"c": "second"}, "d": 3})", "IDS=third,fourth"});
  EXPECT_THAT(one.assignments.secrets, UnorderedElementsAre(R"({"a":["first"],"b":{"c":"second"},"d":3})", "first",
                                                            "second", "third", "fourth", "third,fourth"));
}

// ---- shares ---------------------------------------------------------------------------------------------------------

TEST(Shares, AreEvenAndComplete) {
  for (std::uint64_t size = 0; size < 40; ++size) {
    for (std::uint64_t count = 1; count < 12; ++count) {
      std::uint64_t next = 0;
      for (std::uint64_t index = 0; index < count; ++index) {
        const Share share = share_of(size, index, count);
        EXPECT_EQ(share.first, next);
        EXPECT_GE(share.size + 1, size / count + (size % count != 0 ? 1 : 0));
        EXPECT_LE(share.size, size / count + 1);
        next += share.size;
      }
      EXPECT_EQ(next, size);
    }
  }
}

TEST(Shares, OfRangesReachTheEndsOfTheNumbers) {
  const IntegerRange all{INT64_MIN, INT64_MAX};
  EXPECT_EQ(part_of(all, 0, 1), all);
  const auto first = part_of(all, 0, 2);
  const auto second = part_of(all, 1, 2);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->first, INT64_MIN);
  EXPECT_EQ(second->last, INT64_MAX);
  EXPECT_EQ(first->last + 1, second->first);
  EXPECT_EQ(part_of({5, 6}, 2, 3), std::nullopt);
  EXPECT_EQ(part_of({1, 10}, 1, 3), (IntegerRange{5, 7}));
}

TEST(Shares, AreCutByIndexAndCount) {
  Case one(R"({"IDS": {"type": "list", "shard": true}, "ROWS": {"type": "range", "shard": true}})");
  const auto cut = [&](std::optional<std::uint64_t> index, std::optional<std::uint64_t> count) {
    one.sources.index = index;
    one.sources.count = count;
    one.with({"IDS=a,b,c,d,e", "ROWS=1-1000"});
    return one.value("IDS") + " " + one.value("ROWS");
  };
  EXPECT_EQ(cut(std::nullopt, std::nullopt), "a,b,c,d,e 1-1000") << "one task alone";
  EXPECT_EQ(cut(0, 2), "a,b,c 1-500");
  EXPECT_EQ(cut(1, 2), "d,e 501-1000");
  EXPECT_EQ(cut(3, 4), "e 751-1000");
  EXPECT_EQ(cut(5, 6), "- 835-1000");
  EXPECT_THAT(one.assignments.problems, ElementsAre(HasSubstr("IDS: nothing of it is left for task 5 of 6")));
  EXPECT_EQ(cut(1, std::nullopt), "- -");
  EXPECT_THAT(one.assignments.problems, ElementsAre(HasSubstr("JOBINIT_COUNT"), HasSubstr("JOBINIT_COUNT")));
  cut(std::nullopt, 2);
  EXPECT_THAT(one.assignments.problems, ElementsAre(HasSubstr("JOBINIT_INDEX"), HasSubstr("JOBINIT_INDEX")));
}

// ---- what the job is handed -----------------------------------------------------------------------------------------

TEST(Handover, ByEveryWay) {
  Case one(R"({"N": {"type": "integer"}, "CUSTOMER_ID": {}, "TOKEN": {"secret": true}, "NONE": {},
               "CONFIG": {"type": "json", "flatten": true}})");
  one.with({"N=7", "CUSTOMER_ID=1001", "TOKEN=s3cr3t",
            R"(CONFIG={"unitPrice": 1.5, "a-b": {"list": ["x", true, null]}, "empty": {}})"});
  std::vector<std::string> problems;
  const Handover env = hand_over(one.assignments, std::vector<std::string>{"env"}, problems);
  using Pair = std::pair<std::string, std::string>;
  EXPECT_THAT(env.variables,
              UnorderedElementsAre(Pair{"N", "7"}, Pair{"CUSTOMER_ID", "1001"}, Pair{"TOKEN", "s3cr3t"},
                                   Pair{"CONFIG", R"({"a-b":{"list":["x",true,null]},"empty":{},"unitPrice":1.5})"},
                                   Pair{"CONFIG_UNITPRICE", "1.5"}, Pair{"CONFIG_A_B_LIST_0", "x"},
                                   Pair{"CONFIG_A_B_LIST_1", "true"}));
  EXPECT_EQ(env.document, "");
  EXPECT_THAT(problems, IsEmpty());
  const Handover file = hand_over(one.assignments, std::vector<std::string>{"stdin", "file:/run/p"}, problems);
  EXPECT_THAT(file.variables, IsEmpty());
  EXPECT_TRUE(file.to_stdin);
  EXPECT_EQ(file.file, "/run/p");
  EXPECT_EQ(Json::parse(file.document), Json::parse(R"({"N": 7, "CUSTOMER_ID": "1001", "TOKEN": "s3cr3t",
                            "CONFIG": {"unitPrice": 1.5, "a-b": {"list": ["x", true, null]}, "empty": {}}})"));
  const Handover argv = hand_over(one.assignments, std::vector<std::string>{"argv"}, problems);
  EXPECT_THAT(argv.arguments, testing::IsSupersetOf({"--n=7", "--customer-id=1001"}));
  EXPECT_THAT(problems, ElementsAre(AllOf(HasSubstr("TOKEN"), HasSubstr("allow_in_argv"))));
}

TEST(Handover, TwoOfOneNameAreRefused) {
  Case one(R"({"A": {"type": "json", "flatten": true}, "A_B": {}})");
  one.with({R"(A={"b": 1})", "A_B=2"});
  std::vector<std::string> problems;
  const Handover ignored = hand_over(one.assignments, std::vector<std::string>{"env"}, problems);
  EXPECT_THAT(problems, ElementsAre(HasSubstr("A_B")));
}

TEST(Handover, NoVariableHoldsANulByte) {
  Case one(R"({"A": {"type": "json", "flatten": true}})");
  one.with({}, {R"({"A": {"b": "x\u0000y"}})"});
  std::vector<std::string> problems;
  const Handover ignored = hand_over(one.assignments, std::vector<std::string>{"env"}, problems);
  EXPECT_THAT(problems, ElementsAre(HasSubstr("A_B: its value has a NUL byte")));
}

TEST(Handover, BeyondTheKernelsLimitsIsTold) {
  JobSpec spec;
  spec.argv = {"./job", std::string(100, 'a')};
  spec.environment = {"BIG=" + std::string(100, 'b'), "SMALL=1"};
  EXPECT_THAT(too_long(spec, {1 << 20, 1 << 17}), IsEmpty());
  EXPECT_THAT(too_long(spec, {1 << 20, 101}),
              ElementsAre(AllOf(HasSubstr("variable BIG"), HasSubstr("--params-to"), Not(HasSubstr("bbb")))));
  EXPECT_THAT(too_long(spec, {1 << 20, 100}), ElementsAre(HasSubstr("argument 1"), HasSubstr("variable BIG")));
  EXPECT_THAT(too_long(spec, {4096, 1 << 17}), ElementsAre(HasSubstr("together")));
}

TEST(Handover, IsStrongerThanTheEnvironment) {
  cli::Settings settings;
  settings.command = {"./job"};
  settings.env_clear = true;
  Handover handover;
  handover.add("MEDIA", "google");
  handover.arguments = {"--media=google"};
  const Environment environment{"MEDIA=gogle", "JOBINIT_PARAMS={\"TOKEN\": \"s3cr3t\"}", "PATH=/bin"};
  const JobSpec spec = make_job_spec(settings, environment, "", {}, handover, {"s3cr3t"});
  EXPECT_THAT(spec.environment, ElementsAre("MEDIA=google"));
  EXPECT_THAT(spec.argv, ElementsAre("./job", "--media=google"));
  EXPECT_THAT(spec.secrets, ElementsAre("s3cr3t"));
  settings.env_clear = false;
  EXPECT_THAT(make_job_spec(settings, environment, "", {}, handover).environment,
              UnorderedElementsAre("MEDIA=google", "PATH=/bin"))
      << "the payload may hold secrets, and is not the job's";
}

// ---- texts ----------------------------------------------------------------------------------------------------------

TEST(Masking, LeavesNothingOfASecret) {
  const std::vector<std::string> secrets{"s3cr3t", "s3cr3t-long", "abc", "tok\"en"};
  for (const auto& [text, masked] : std::vector<std::pair<const char*, const char*>>{
           {"", ""},
           {"nothing", "nothing"},
           {"s3cr3t", "***"},
           {"xs3cr3ty s3cr3t", "x***y ***"},
           {"s3cr3t-long", "***"},
           {"abc", "abc"},  // too short to be told from chance
           {"s3cr3ts3cr3t", "******"},
           {"s3cr3", "s3cr3"},
           {"tok\"en", "***"},
       }) {
    EXPECT_EQ(mask_secrets(text, secrets), masked);
  }
}

TEST(Printable, IsOneLine) {
  EXPECT_EQ(printable("a\nb\tc\x1b[0m\xff"), "a\\nb\\tc\\x1b[0m\xEF\xBF\xBD");
  EXPECT_EQ(printable("äöü", 3), "äöü");
  EXPECT_EQ(printable("äöüx", 3), "äöü...");
  EXPECT_EQ(characters("äöü\xff"), 4U);
}

TEST(Patterns, TakeLinearTimeOrAreRefused) {
  const auto hard = Pattern::compile("(a*)*b");
  ASSERT_TRUE(hard);
  EXPECT_FALSE(hard->fits(std::string(100000, 'a')));
  for (const char* bad : {"(", "(?=a)", "\\1", "a{1001}", "[z-a]", "\xff"}) {
    EXPECT_FALSE(Pattern::compile(bad)) << bad;
  }
  EXPECT_FALSE(Pattern::compile(std::string(5000, 'a')));
  EXPECT_TRUE(Pattern::compile("b")->found_in("abc"));
  EXPECT_FALSE(Pattern::compile("b")->fits("abc"));
}

// The published patterns say the same as the parsers.
TEST(Patterns, OfDurationsSizesAndDatesAgreeWithTheirParsers) {
  const auto without_lookahead = [](std::string_view pattern) {  // RE2 has none; an empty text is tried by itself
    std::string text(pattern);
    for (const char* look : {"(?=[0-9.])", "(?=[0-9.T])"}) {
      for (std::size_t at = text.find(look); at != std::string::npos; at = text.find(look)) {
        text.erase(at, std::string(look).size());
      }
    }
    return text;
  };
  const auto duration = Pattern::compile(without_lookahead(duration_pattern()));
  const auto size = Pattern::compile(size_pattern());
  const auto date = Pattern::compile(date_pattern());
  ASSERT_TRUE(duration && size && date);
  const Date today = std::chrono::year(2024) / 2 / 29;
  for (const char* text : {"90s",  "1h30m", "30m1h",  "1.5s",  ".5s",      "5.",  ".",    "1d2h3m4s5ms", "90",
                           " 90 ", "90 s",  "PT15M",  "PT15m", "P1DT12H",  "P1W", "1h1h", "-1s",         "1e3",
                           "s",    "1,5s",  "PT1.5S", "P1M",   "PT1H1M1S", "5ms", "1m5ms"}) {
    EXPECT_EQ(duration->found_in(text), static_cast<bool>(parse_duration(text))) << text;
  }
  for (const char* text : {"1", "1.5Gi", "64k", "64 k", "1GB", "1gib", "1bb", "K", "", "-1", "1Ki", "1kib", "1kibb",
                           "512m", "1t", "1p", " 1 ", "0x1", "1."}) {
    EXPECT_EQ(size->found_in(text), static_cast<bool>(parse_size(text))) << text;
  }
  for (const char* text :
       {"2024-04-01", "today", "-3d", "+3w", "-1m", "3d", "monday", "mon", "month-end", "last-month-start",
        "last-month", "next-month-end", "Tuesday", "tuesday", "-123456d", "2024-4-1"}) {
    EXPECT_EQ(date->fits(text), static_cast<bool>(parse_date(text, today))) << text;
  }
}

TEST(Dates, OfTheMonthAreItsOwn) {
  const auto on = [](const char* text, int year, unsigned month, unsigned day) {
    const auto date = parse_date(text, Date(std::chrono::year(year), std::chrono::month(month), std::chrono::day(day)));
    return date ? date_text(*date) : date.failure().message;
  };
  EXPECT_EQ(on("-1m", 2024, 3, 31), "2024-02-29");
  EXPECT_EQ(on("-1m", 2023, 3, 31), "2023-02-28");
  EXPECT_EQ(on("-1y", 2024, 2, 29), "2023-02-28");
  EXPECT_EQ(on("last-month-end", 2024, 1, 1), "2023-12-31");
  EXPECT_EQ(on("next-month-start", 2023, 12, 31), "2024-01-01");
  EXPECT_EQ(on("sunday", 2024, 3, 3), "2024-03-03");
  EXPECT_EQ(on("monday", 2024, 3, 3), "2024-02-26");
  EXPECT_THAT(on("-1d", 1, 1, 1), HasSubstr("must be a date"));
  EXPECT_THAT(on("+1d", 9999, 12, 31), HasSubstr("must be a date"));
}

}  // namespace
}  // namespace jobinit::job
