// The job file, and what becomes of it: settings, problems that name key and place, and the job that is started.
#include "jobinit/job/job_file.hpp"

#include <gmock/gmock.h>

#include "jobinit/job/job_spec.hpp"
#include "support.hpp"

namespace jobinit::job {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kWhere = "job.json";

struct Row {
  const char* name;
  std::string text;
  std::string flag;
  std::vector<std::string> texts;
  friend void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }
};

class Value : public testing::TestWithParam<Row> {};

TEST_P(Value, IsReadAsAFlagWouldBe) {
  const Row& row = GetParam();
  const cli::Parsed parsed = parse_job_file(row.text, kWhere);
  EXPECT_THAT(parsed.problems, IsEmpty());
  ASSERT_EQ(parsed.given.size(), 1U);
  const cli::Given& given = parsed.given.front();
  EXPECT_EQ(given.setting->flag, row.flag);
  EXPECT_EQ(given.texts, row.texts);
  EXPECT_EQ(given.source, cli::Source::job_file);
  EXPECT_THAT(given.where, HasSubstr(given.setting->key()));
  EXPECT_THAT(given.where, HasSubstr(kWhere));
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, Value,
    testing::Values(
        Row{"text", R"({"timeout": "15m"})", "timeout", {"15m"}},
        Row{"number", R"({"timeout": 90})", "timeout", {"90"}},
        Row{"fraction", R"({"timeout": 1.5})", "timeout", {"1.5"}},
        Row{"boolean", R"({"quiet": true})", "quiet", {"true"}},
        Row{"array", R"({"report_to": ["file:/a b", "stdout:"]})", "report-to", {"file:/a b", "stdout:"}},
        Row{"array of numbers", R"({"success_codes": [0, 3]})", "success-codes", {"0", "3"}},
        Row{"empty array", R"({"success_codes": []})", "success-codes", {}},
        Row{"object", R"({"exit_code": {"failed": 1, "timeout": 75}})", "exit-code", {"failed=1", "timeout=75"}},
        Row{"several values in one text, by commas", R"({"success_codes": "0,3"})", "success-codes", {"0", "3"}},
        Row{"several values in one text, by blanks",
            R"({"report_to": "stdout: stderr:"})",
            "report-to",
            {"stdout:", "stderr:"}},
        Row{"command as a line", R"({"command": "./import | tee log"})", "command", {"./import | tee log"}},
        Row{"command as an array", R"({"command": ["./import", "--full"]})", "command", {R"(["./import","--full"])"}},
        Row{"line comment", "{\n// nightly\n\"name\": \"feed\"}", "name", {"feed"}},
        Row{"block comment", R"({/* nightly */ "name": "feed"})", "name", {"feed"}},
        Row{"a text that looks like a comment", R"({"name": "a//b/*c*/"})", "name", {"a//b/*c*/"}}),
    test::kRowName);

TEST(JobFile, ProblemsNameKeyAndPlace) {
  for (const auto& [text, expected] : std::vector<std::pair<const char*, std::vector<const char*>>>{
           {R"({"timeuot": "15m"})", {"job.json:1:2 /timeuot: ", "\"timeuot\"", "did you mean \"timeout\"?"}},
           {R"({"stop-grace": "5s"})", {kWhere, "\"stop-grace\"", "did you mean \"stop_grace\"?"}},
           {R"({"job": "other.json"})", {kWhere, "no such setting \"job\""}},  // a file cannot say where it is
           {R"({"xyzzyxyzzy": 1})", {kWhere, "no such setting \"xyzzyxyzzy\""}},
           {R"({"timeout": null})", {"job.json:1:13 /timeout: ", "null"}},
           {R"({"timeout": ["15m"]})", {kWhere, "/timeout", "array"}},
           {R"({"timeout": {"a": 1}})", {kWhere, "/timeout", "object"}},
           {R"({"report_to": [["stdout:"]]})", {kWhere, "/report_to"}},
           {R"({"exit_code": {"timeout": [75]}})", {kWhere, "/exit_code"}},
           {"{\n\n \"timeout\": }", {kWhere, "line 3"}},
           {"", {kWhere}},
           {"[]", {kWhere, "must be a JSON object"}},
           {"\"timeout\"", {kWhere, "must be a JSON object"}},
           {"{\"name\": \"\xff\"}", {kWhere}}}) {
    const cli::Parsed parsed = parse_job_file(text, kWhere);
    EXPECT_THAT(parsed.given, IsEmpty()) << text;
    ASSERT_EQ(parsed.problems.size(), 1U) << text;
    for (const char* part : expected) {
      EXPECT_THAT(parsed.problems.front(), HasSubstr(part));
    }
    EXPECT_TRUE(test::is_valid_utf8(parsed.problems.front()));
  }
}

TEST(JobFile, ProblemsTellLineColumnAndPointer) {
  for (const auto& [text, expected] : std::vector<std::pair<const char*, std::vector<const char*>>>{
           {"{\n  \"timeuot\": 1}", {"job.json:2:3 /timeuot: no such setting"}},
           {"// ä\n/* \n */ {\"tail\": [\n1]}", {"job.json:3:14 /tail: array is not"}},
           {"{\"parameters\": {\"ä\": {}}}", {"job.json:1:17 /parameters/ä: must be the name of a variable"}},
           {"{\"parameters\": {\"A\": {\n\t\"tpye\": \"integer\"}}}",
            {"job.json:2:2 /parameters/A/tpye: no such keyword; did you mean \"type\"?"}},
           {R"({"parameters": {"A": {"type": "int"}}})",
            {"job.json:1:31 /parameters/A/type: must be one of string, integer"}},
           {R"({"parameters": {"A": {"type": "enum", "values": ["a", "a"]}}})",
            {"/parameters/A/values: must be an array of texts, each once"}},
           {R"({"parameters": {"A": {"type": "integer", "pattern": "a"}}})",
            {"/parameters/A/pattern: has no meaning for type integer"}},
           {R"({"parameters": {"A": {"type": "json", "schema": {"properties": {"b": {"oneOf": []}}}}}})",
            {"job.json:1:71 /parameters/A/schema/properties/b/oneOf: not a keyword"}},
           {R"({"parameters": {"A": {"default": "${B}"}, "B": {"default": "${A}"}}})",
            {"/parameters/A/default: leads back to itself", "/parameters/B/default: leads back to itself"}},
           {R"({"parameters": {"A": {"type": "integer", "default": "x"}}})",
            {"job.json:1:53 /parameters/A/default: must be a whole number"}},
           {R"({"parameters": {"A": {"type": "integer", "min": 5, "max": 4}}})",
            {"/parameters/A/max: must be a whole number of at least 5"}},
           {R"({"parameters": {"A": {}, "A_FILE": {}}})", {"/parameters/A_FILE: is already the file"}},
           {R"({"parameters": {"JOBINIT_X": {}}})", {"/parameters/JOBINIT_X: names that begin with JOBINIT_"}},
           {R"({"parameters": {"A": {}}, "env": {"A": "x", "B": [1], "C-D": 1}})",
            {"/env/B: must be a text", "/env/C-D: must be the name", "/env/A: is a parameter already"}},
           {"{\"name\": \"a\",\n \"name\": \"b\"}", {"job.json:2:2 /name: is there twice"}},
           {R"({"parameters": {"A": {"type": "date", "type": "date"}}})",
            {"job.json:1:39 /parameters/A/type: is there twice"}},
           {"\xEF\xBB\xBF{\"x y\\n~/\": 1}", {"/x y\\n~0~1: no such setting"}},
       }) {
    const JobFile file = parse_job_file(text, kWhere);
    ASSERT_EQ(file.problems.size(), expected.size()) << text << testing::PrintToString(file.problems);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_THAT(file.problems[i], HasSubstr(expected[i]));
    }
  }
}

TEST(JobFile, ManyFaultsAreToldInTimeAndNotAll) {
  std::string text = R"({"parameters": {)";
  for (int i = 0; i < 900; ++i) {
    text += fmt::format(R"({}"P{}": {{"x": 1, "y": 2}})", i == 0 ? "" : ", ", i);
  }
  const JobFile file = parse_job_file(text + "}}", kWhere);
  EXPECT_EQ(file.problems.size(), 51U);
  EXPECT_THAT(file.problems.back(), HasSubstr("more is wrong"));
}

TEST(JobFile, KeepsParametersInItsOrder) {
  const JobFile file = parse_job_file(
      R"({"$schema": "x", "parameters": {"B": {}, "A": {"type": "list", "items": {"type": "integer", "max": 3}}}, "env": {"E": "${A}"}})",
      kWhere);
  EXPECT_THAT(file.problems, IsEmpty());
  ASSERT_EQ(file.parameters.size(), 2U);
  EXPECT_EQ(file.parameters[0].name, "B");
  ASSERT_TRUE(file.parameters[1].items);
  EXPECT_EQ(file.parameters[1].items->max, "3");
  ASSERT_EQ(file.environment.size(), 1U);
  EXPECT_EQ(file.environment[0].text, "${A}");
  EXPECT_TRUE(file.references);
  EXPECT_FALSE(parse_job_file(R"({"name": "${A}"})", kWhere).references);
}

TEST(JobFile, TellsEveryProblemAndKeepsWhatIsGood) {
  const cli::Parsed parsed = parse_job_file(R"({"timeuot": 1, "name": "feed", "tail": null, "quiet": []})", kWhere);
  EXPECT_EQ(parsed.problems.size(), 3U);
  ASSERT_EQ(parsed.given.size(), 1U);
  EXPECT_EQ(parsed.given.front().setting->flag, "name");
}

// A sink's credentials are in this file, and its problems go to stderr and into the report.
TEST(JobFile, AProblemNeverRepeatsCredentials) {
  const std::string good = R"({"report_to": ["pushgateway+http://user:s3cret@host"], "name": "feed"})";
  for (std::size_t length = 0; length < good.size(); ++length) {
    for (const std::string& text : {good.substr(0, length), good.substr(0, length) + "\n" + good.substr(length)}) {
      for (const std::string& problem : parse_job_file(text, kWhere).problems) {
        ASSERT_THAT(problem, Not(HasSubstr("s3c"))) << text;
      }
    }
  }
}

TEST(JobFile, TheUsualFileMayBeMissing) {
  const test::Machine empty({});
  const cli::Parsed parsed = load_job_file("", empty.root());
  EXPECT_THAT(parsed.given, IsEmpty());
  EXPECT_THAT(parsed.problems, IsEmpty());
}

TEST(JobFile, TheUsualFileIsFound) {
  const test::Machine machine(test::Tree{{kUsualJobFile, R"({"name": "feed"})"}});
  const cli::Parsed parsed = load_job_file("", machine.root());
  EXPECT_THAT(parsed.problems, IsEmpty());
  ASSERT_EQ(parsed.given.size(), 1U);
  EXPECT_THAT(parsed.given.front().texts, ElementsAre("feed"));
}

TEST(JobFile, AFileThatWasAskedForMustBeThere) {
  const test::TemporaryFolder folder;
  const cli::Parsed parsed = load_job_file(folder / "missing.json");
  ASSERT_EQ(parsed.problems.size(), 1U);
  EXPECT_THAT(parsed.problems.front(), HasSubstr(folder / "missing.json"));
}

// ---- what is started ------------------------------------------------------------------------------------------------

TEST(JobSpec, NameIsTheFirstThereIs) {
  struct Naming {
    const char* setting;
    const char* platform;
    std::vector<std::string> command;
    const char* name;
  };
  for (const Naming& row :
       {Naming{"feed", "import", {"/app/run.sh"}, "feed"}, Naming{"", "import", {"/app/run.sh"}, "import"},
        Naming{"", "", {"/app/run.sh", "-v"}, "run.sh"}, Naming{"", "", {"python3"}, "python3"},
        Naming{"", "", {"/app/"}, "job"}, Naming{"", "", {""}, "job"}, Naming{"", "", {}, "job"}}) {
    cli::Settings settings;
    settings.name = row.setting;
    settings.command = row.command;
    EXPECT_EQ(job_name(settings, row.platform), row.name);
  }
}

TEST(JobSpec, CredentialsOfJobinitAreNotPassedOn) {
  cli::Settings settings;
  settings.command = {"./import", "--full"};
  const std::vector<std::string> environment{"PATH=/bin",           "JOBINIT_REPORT_TO=pushgateway+http://u:s3cret@h",
                                             "JOBINIT_TIMEOUT=15m", "EMPTY=",
                                             "JOBINIT_REPORT_TO",   "MY_JOBINIT_REPORT_TO=mine"};
  const JobSpec spec = make_job_spec(settings, environment, "import", {});
  EXPECT_EQ(spec.name, "import");
  EXPECT_EQ(spec.argv, settings.command);
  EXPECT_THAT(spec.environment, ElementsAre("PATH=/bin", "JOBINIT_TIMEOUT=15m", "EMPTY=", "MY_JOBINIT_REPORT_TO=mine"));
}

struct Variables {
  const char* name;
  std::vector<std::string> before;
  std::vector<std::string> after;
};

std::vector<std::string> variables_of_job(const Variables& row, const cli::Settings& settings,
                                          const Identity& identity) {
  SCOPED_TRACE(row.name);
  return job_environment(settings, row.before, identity);
}

TEST(JobEnvironment, IsClearedButForWhatIsKept) {
  cli::Settings settings;
  settings.env_clear = true;
  settings.env_keep = {"PATH", "LC_*", "JOBINIT_*"};
  for (const Variables& row : {
           Variables{"names", {"PATH=/bin", "PATHS=x", "path=y", "HOME=/h"}, {"PATH=/bin"}},
           Variables{"patterns", {"LC_ALL=C", "LC_=x", "LC=y", "XLC_ALL=z"}, {"LC_ALL=C", "LC_=x"}},
           Variables{"never credentials", {"JOBINIT_REPORT_TO=x", "JOBINIT_NAME=n"}, {"JOBINIT_NAME=n"}},
           Variables{"none", {}, {}},
       }) {
    EXPECT_EQ(variables_of_job(row, settings, {}), row.after) << row.name;
  }
  settings.env_keep.clear();
  EXPECT_THAT(job_environment(settings, std::vector<std::string>{"PATH=/bin"}, {}), IsEmpty());
  settings.env_clear = false;
  EXPECT_THAT(job_environment(settings, std::vector<std::string>{"PATH=/bin"}, {}), ElementsAre("PATH=/bin"));
}

TEST(JobEnvironment, SpeaksOfTheUserThatTheJobIs) {
  Identity identity;
  identity.user = 10001;
  identity.own = {"root", "/root"};
  identity.job = {"app", "/home/app"};
  for (const Variables& row : {
           Variables{"HOME that is not set", {"A=b"}, {"A=b", "HOME=/home/app"}},
           Variables{"HOME that docker set", {"HOME=/root", "A=b"}, {"HOME=/home/app", "A=b"}},
           Variables{"HOME that somebody chose", {"HOME=/work"}, {"HOME=/work"}},
           Variables{"HOME that is empty", {"HOME="}, {"HOME=/home/app"}},
           Variables{"names of jobinit's own user",
                     {"HOME=/w", "USER=root", "LOGNAME=root"},
                     {"HOME=/w", "USER=app", "LOGNAME=app"}},
           Variables{"names that mean something else",
                     {"HOME=/w", "USER=dbuser", "LOGNAME="},
                     {"HOME=/w", "USER=dbuser", "LOGNAME="}},
       }) {
    EXPECT_EQ(variables_of_job(row, {}, identity), row.after) << row.name;
  }
  identity.job = {};  // a number without an entry
  EXPECT_THAT(job_environment({}, std::vector<std::string>{"HOME=/root", "USER=root", "LOGNAME=x"}, identity),
              ElementsAre("HOME=/", "LOGNAME=x"));
  identity.user.reset();  // the group alone changes
  EXPECT_THAT(job_environment({}, std::vector<std::string>{"HOME=/root", "USER=root"}, identity),
              ElementsAre("HOME=/root", "USER=root"));
  EXPECT_THAT(job_environment({}, std::vector<std::string>{"USER=root"}, identity), ElementsAre("USER=root"));
}

}  // namespace
}  // namespace jobinit::job
