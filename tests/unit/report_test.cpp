// The report document: every figure in its place, one sentence a cause, and nothing that is no text.
#include "jobinit/report/report.hpp"

#include <gmock/gmock.h>

#include <csignal>
#include <functional>
#include <set>

#include "jobinit/report/version.hpp"
#include "support.hpp"

namespace jobinit::report {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using testing::HasSubstr;
using testing::Not;

TEST(Report, HasEverythingInItsPlace) {
  const Document expected = Document::parse(R"({
    "schema_version": 1,
    "jobinit_version": ")" + std::string(kVersion) +
                                            R"(",
    "run_id": "01890a5d-ac96-774b-bcce-b302099a8057",
    "job": {"name": "import-feed", "command": ["python3", "import.py", "--full"], "timeout_seconds": 900.0},
    "platform": {"name": "kubernetes", "host": "import-feed-x7x2q",
                 "ids": {"HOSTNAME": "import-feed-x7x2q", "namespace": "batch"}},
    "parameters": {"MEDIA": {"value": "google", "source": "environment: MEDIA"}, "TOKEN": {"value": "***", "source": null}},
    "times": {"started_at": "2023-11-14T22:13:20.250Z", "ended_at": "2023-11-14T22:14:50.750Z", "duration_seconds": 90.5},
    "outcome": {"cause": "success", "success": true, "exit_code": 0, "job_exit_code": 0, "limit": null, "signal": null,
                "summary": "import-feed succeeded: exit 0 after 1m31s, peak memory 412 MiB of 512 MiB", "problems": []},
    "attempts": [],
    "self_report": {"ready_after_seconds": null, "stopping": false, "status": null},
    "resources": {"cpu_user_seconds": 12.5, "cpu_system_seconds": 0.75, "peak_memory_bytes": 432013312,
                  "peak_memory_source": "cgroup", "memory_limit_bytes": 536870912, "oom_kills": 0},
    "memory": {"enforced_by": "guard", "oom_evidence": null, "limit_hits": 21, "throttled": 22, "stalled_some_seconds": 0.023,
               "stalled_full_seconds": 0.024, "pressure_notices": 32,
               "peak_swap_bytes": 33554432, "major_page_faults": 25, "minor_page_faults": 26,
               "warned_after_seconds": 27.0,
               "largest_processes": [{"pid": 28, "name": "python3", "bytes": 29}, {"pid": 30, "name": "sh", "bytes": 31}]},
    "logs": {"captured": true,
             "streams": {"stdout": {"bytes": 1000, "lines": 20, "dropped_bytes": 0, "suppressed_bytes": 0, "error": null,
                                    "first_output_seconds": 0.25, "tail": "wrote 17 rows\n", "tail_truncated": false},
                         "stderr": {"bytes": 200, "lines": null, "dropped_bytes": 7, "suppressed_bytes": 9, "error": "stderr: Broken pipe",
                                    "first_output_seconds": null, "tail": "", "tail_truncated": true}},
             "file": {"path": "/logs/import.log", "bytes": 1100, "dropped_bytes": 3, "rotations": 2,
                      "error": "/logs/import.log: No space left on device"},
             "tail": "reading feed\nwrote 17 rows\n", "tail_truncated": false},
    "processes": {"reaped": 4, "leftover": 2, "killed": 1, "unkillable": false}
  })");
  EXPECT_EQ(test::sample_report().dump(2), expected.dump(2)) << "the order of the members is part of it";
}

TEST(Report, SaysNullForWhatIsNotKnown) {
  Subject subject = test::sample_subject();
  subject.timeout = 0s;
  supervise::Outcome outcome;
  outcome.verdict = {Cause::signaled, 139, std::nullopt, SIGSEGV};
  const Document report = make_report(subject, outcome);
  EXPECT_TRUE(report["job"]["timeout_seconds"].is_null());
  EXPECT_TRUE(report["outcome"]["job_exit_code"].is_null());
  EXPECT_EQ(report["outcome"]["signal"], "SIGSEGV");
  EXPECT_EQ(report["outcome"]["success"], false);
  EXPECT_TRUE(report["resources"]["peak_memory_bytes"].is_null());
  EXPECT_EQ(report["resources"]["peak_memory_source"], "none");
  EXPECT_TRUE(report["resources"]["memory_limit_bytes"].is_null());
  EXPECT_TRUE(report["resources"]["oom_kills"].is_null());
  EXPECT_EQ(report["memory"]["enforced_by"], "none");
  for (const char* member : {"limit_hits", "throttled", "stalled_some_seconds", "stalled_full_seconds",
                             "pressure_notices", "peak_swap_bytes", "warned_after_seconds", "oom_evidence"}) {
    EXPECT_TRUE(report["memory"][member].is_null()) << member;
  }
  EXPECT_EQ(report["memory"]["largest_processes"], Document::array());
  EXPECT_EQ(report["logs"]["captured"], false);
  EXPECT_EQ(report["logs"]["streams"], Document::object());
  EXPECT_EQ(report["times"]["started_at"], "1970-01-01T00:00:00.000Z");
}

TEST(Report, IsValidJsonWhateverBytesTheJobHad) {
  const std::string bytes = "a\xff\xC3(\x00z"s + "\xED\xA0\x80";
  Subject subject = test::sample_subject();
  subject.job_name = bytes;
  subject.command = {bytes, "b"};
  subject.host = bytes;
  subject.platform_ids = {{"HOSTNAME", bytes}};
  for (const std::string_view name : cause_names()) {
    supervise::Outcome outcome = test::sample_outcome();
    outcome.verdict.cause = *cause_from_name(name);
    outcome.problems = {bytes};
    outcome.tail = bytes;
    const Document report = make_report(subject, outcome);
    std::string text;
    ASSERT_NO_THROW(text = report.dump()) << name;
    const auto back = parse_report(text);
    ASSERT_TRUE(back) << back.failure().message;
    EXPECT_EQ((*back)["logs"]["tail"], valid_utf8(bytes));
    EXPECT_EQ((*back)["job"]["command"][1], "b");
  }
}

TEST(Report, OfALostRunIsToldWhenItIsFound) {
  supervise::Outcome so_far;
  so_far.started_at = std::chrono::system_clock::time_point(1764000000s);
  const Document kept = make_lost_report(test::sample_subject(), so_far);
  const Document progress = make_progress_report(test::sample_subject(), test::sample_outcome());
  EXPECT_TRUE(progress["outcome"].is_null() && progress["times"]["ended_at"].is_null());
  EXPECT_EQ(progress["times"]["duration_seconds"], 90.5);
  EXPECT_EQ(kept["outcome"]["cause"], "lost");
  EXPECT_EQ(kept["outcome"]["exit_code"], 137);
  const Document lost = found_lost(kept, false, so_far.started_at + 90s);
  EXPECT_EQ(lost["outcome"]["cause"], "lost");
  EXPECT_EQ(lost["times"]["duration_seconds"], 90.0);
  EXPECT_EQ(lost["times"]["ended_at"], "2025-11-24T16:01:30.000Z");
  const Document starved = found_lost(kept, true, so_far.started_at + 90s);
  EXPECT_EQ(starved["outcome"]["cause"], "oom_killed");
  EXPECT_EQ(starved["outcome"]["summary"],
            "import-feed was killed by the kernel, out of memory, and its jobinit with it");
  // What had ended by itself, and was only not delivered, stays as it was.
  const Document ended = test::sample_report();
  EXPECT_EQ(found_lost(ended, true, so_far.started_at).dump(), ended.dump());
}

// ---- the sentence ---------------------------------------------------------------------------------------------------

struct Sentence {
  const char* name;
  Cause cause;
  std::optional<int> job_exit_code;
  std::optional<int> signal;
  std::vector<std::string> problems;
  const char* text;
  std::optional<supervise::Intent> limit = {};
  friend void PrintTo(const Sentence& sentence, std::ostream* out) { *out << sentence.name; }
};

class Summary : public testing::TestWithParam<Sentence> {};

TEST_P(Summary, IsOneSentenceForPeople) {
  const Sentence& row = GetParam();
  supervise::Outcome outcome = test::sample_outcome();
  outcome.verdict = {row.cause, 1, row.job_exit_code, row.signal};
  outcome.problems = row.problems;
  outcome.duration = 12min + 4s;
  outcome.limit = row.limit;
  outcome.limit_value = 15min;
  EXPECT_EQ(summary_sentence(test::sample_subject(), outcome), row.text);
}

const std::vector<Sentence>& sentences() {
  static const std::vector<Sentence> all{
      {"success",
       Cause::success,
       0,
       {},
       {},
       "import-feed succeeded: exit 0 after 12m04s, peak memory 412 MiB of 512 MiB"},
      {"failed", Cause::failed, 3, {}, {}, "import-feed failed: exit 3 after 12m04s, peak memory 412 MiB of 512 MiB"},
      {"signaled",
       Cause::signaled,
       {},
       SIGSEGV,
       {},
       "import-feed was killed by SIGSEGV, which jobinit did not send, after 12m04s, peak memory 412 MiB of 512 MiB"},
      {"timeout",
       Cause::timeout,
       {},
       SIGKILL,
       {},
       "import-feed ran into its timeout of 15m00s: killed by SIGKILL after 12m04s, peak memory 412 MiB of 512 MiB",
       supervise::Intent::timeout},
      {"deadline",
       Cause::timeout,
       3,
       {},
       {},
       "import-feed ran into its deadline: exit 3 after 12m04s, peak memory 412 MiB of 512 MiB",
       supervise::Intent::deadline},
      {"attempt timeout",
       Cause::timeout,
       3,
       {},
       {},
       "import-feed ran into its attempt-timeout of 15m00s: exit 3 after 12m04s, peak memory 412 MiB of 512 MiB",
       supervise::Intent::attempt_timeout},
      {"start timeout",
       Cause::timeout,
       3,
       {},
       {},
       "import-feed was not ready within 15m00s: exit 3 after 12m04s, peak memory 412 MiB of 512 MiB",
       supervise::Intent::start_timeout},
      {"CPU limit",
       Cause::cpu_limit,
       {},
       SIGTERM,
       {},
       "import-feed used up its CPU time of 15m00s: killed by SIGTERM after 12m04s, peak memory 412 MiB of 512 MiB",
       supervise::Intent::cpu_limit},
      {"memory limit",
       Cause::memory_limit,
       {},
       SIGTERM,
       {},
       "import-feed used more memory than its limit of 512 MiB: killed by SIGTERM after 12m04s, peak memory 412 MiB of "
       "512 MiB",
       supervise::Intent::memory_limit},
      {"watchdog",
       Cause::watchdog,
       {},
       SIGABRT,
       {},
       "import-feed gave its watchdog no sign of life for 15m00s: killed by SIGABRT after 12m04s, peak memory 412 MiB "
       "of "
       "512 MiB",
       supervise::Intent::watchdog},
      {"idle timeout",
       Cause::idle_timeout,
       {},
       SIGTERM,
       {},
       "import-feed wrote nothing for 15m00s: killed by SIGTERM after 12m04s, peak memory 412 MiB of 512 MiB",
       supervise::Intent::idle_timeout},
      {"timeout, answered",
       Cause::timeout,
       0,
       {},
       {},
       "import-feed ran into its timeout of 15m00s: exit 0 after 12m04s, peak memory 412 MiB of 512 MiB",
       supervise::Intent::timeout},
      {"timeout, unkillable",
       Cause::timeout,
       {},
       {},
       {},
       "import-feed ran into its timeout of 15m00s: not even SIGKILL ended it after 12m04s, peak memory 412 MiB of 512 "
       "MiB",
       supervise::Intent::timeout},
      {"oom killed",
       Cause::oom_killed,
       {},
       SIGKILL,
       {},
       "import-feed was most likely killed by the kernel, out of memory, after 12m04s, peak memory 412 MiB of 512 MiB"},
      {"stopped",
       Cause::stopped,
       {},
       SIGTERM,
       {},
       "import-feed was stopped from outside: killed by SIGTERM after 12m04s, peak memory 412 MiB of 512 MiB"},
      {"lost",
       Cause::lost,
       {},
       {},
       {},
       "import-feed was lost: its jobinit died without a word (SIGKILL, or the machine went away)"},
      {"rejected", Cause::rejected, {}, {}, {"a"}, "import-feed was not started: 1 thing is wrong with its settings"},
      {"rejected twice",
       Cause::rejected,
       {},
       {},
       {"a", "b"},
       "import-feed was not started: 2 things are wrong with its settings"},
      {"not started",
       Cause::not_started,
       {},
       {},
       {"./import: No such file or directory"},
       "import-feed could not be started: ./import: No such file or directory"},
      {"internal",
       Cause::internal,
       {},
       {},
       {"out of memory", "and more"},
       "import-feed has no known ending: jobinit itself failed: out of memory; and more"},
  };
  return all;
}

INSTANTIATE_TEST_SUITE_P(Causes, Summary, testing::ValuesIn(sentences()), test::kRowName);

TEST(Report, EveryCauseHasASentence) {
  std::set<Cause> covered;
  for (const Sentence& row : sentences()) {
    covered.insert(row.cause);
  }
  EXPECT_EQ(covered.size(), cause_names().size());
}

TEST(Report, NoSentenceBreaksOff) {
  for (const std::string_view name : cause_names()) {
    supervise::Outcome outcome;  // nothing is known, no problem was told
    outcome.verdict.cause = *cause_from_name(name);
    const std::string text = summary_sentence(test::sample_subject(), outcome);
    EXPECT_THAT(text, Not(testing::EndsWith(": "))) << name;
    EXPECT_THAT(text, testing::StartsWith("import-feed")) << name;
    EXPECT_THAT(text, Not(HasSubstr("memory 0"))) << name;
  }
}

TEST(Report, SentenceTellsOfMemory) {
  struct Row {
    std::optional<std::uint64_t> peak;
    std::optional<std::uint64_t> limit;
    std::optional<std::uint64_t> kills;
    Cause cause;
    const char* ending;
  };
  for (const Row& row :
       {Row{{}, {}, {}, Cause::failed, "after 1m31s"}, Row{{}, 1024, 0, Cause::failed, "after 1m31s"},
        Row{1024, {}, 0, Cause::failed, "after 1m31s, peak memory 1.0 KiB"},
        Row{1024, 2048, 1, Cause::failed, "peak memory 1.0 KiB of 2.0 KiB, the kernel's OOM killer took 1 process"},
        Row{{}, {}, 2, Cause::success, "after 1m31s, the kernel's OOM killer took 2 processes"},
        Row{{}, {}, 1, Cause::oom_killed, "out of memory, after 1m31s"}}) {
    supervise::Outcome outcome = test::sample_outcome();
    outcome.verdict.cause = row.cause;
    outcome.resources.peak_memory = row.peak;
    outcome.resources.memory_limit = row.limit;
    outcome.resources.oom_kills = row.kills;
    EXPECT_THAT(summary_sentence(test::sample_subject(), outcome), testing::EndsWith(row.ending));
  }
}

// ---- reading a saved one --------------------------------------------------------------------------------------------

TEST(Report, IsReadBack) {
  const Document report = test::sample_report();
  for (const int indent : {-1, 2}) {
    const auto back = parse_report(report.dump(indent));
    ASSERT_TRUE(back) << back.failure().message;
    EXPECT_EQ(*back, report);
  }
}

TEST(Report, RefusesWhatIsNone) {
  const auto changed = [](const std::function<void(Document&)>& change) {
    Document report = test::sample_report();
    change(report);
    return report.dump();
  };
  std::vector<std::pair<std::string, std::string>> rows{
      {"", "not a JSON document"},
      {"{", "not a JSON document"},
      {test::sample_report().dump().substr(0, 200), "not a JSON document"},
      {"\"\xff\"", "not a JSON document"},
      {"null", "no schema_version"},
      {"[1]", "no schema_version"},
      {"{}", "no schema_version"},
      {changed([](Document& report) { report["schema_version"] = "1"; }), "no schema_version"},
      {changed([](Document& report) { report["schema_version"] = 2; }),
       "schema version 2, while this jobinit knows version 1"},
      {changed([](Document& report) { report["schema_version"] = 0; }), "schema version 0"},
  };
  for (const char* part : {"job", "platform", "times", "outcome", "resources", "logs"}) {
    rows.emplace_back(changed([&](Document& report) { report.erase(part); }), fmt::format("no \"{}\"", part));
    rows.emplace_back(changed([&](Document& report) { report[part] = 7; }), fmt::format("no \"{}\"", part));
  }
  for (const auto& [text, message] : rows) {
    const auto report = parse_report(text);
    ASSERT_FALSE(report) << text;
    EXPECT_THAT(report.failure().message, HasSubstr(message)) << text;
  }
}

// ---- the schema -----------------------------------------------------------------------------------------------------

TEST(Schema, ListsEveryCauseAndEveryMember) {
  const Document schema = Document::parse(report_schema());
  std::vector<std::string> causes(cause_names().begin(), cause_names().end());
  EXPECT_EQ(schema["$defs"]["cause"]["enum"], Document(causes));
  EXPECT_EQ(schema["properties"]["schema_version"]["const"], kSchemaVersion);
  const auto keys = [](const Document& object) {
    std::vector<std::string> names;
    for (const auto& [name, value] : object.items()) {
      names.push_back(name);
    }
    return names;
  };
  const Document report = test::sample_report();
  EXPECT_EQ(keys(schema["properties"]), keys(report));
  EXPECT_EQ(schema["required"], Document(keys(report)));
  for (const auto& [name, whole] : report.items()) {
    if (!whole.is_object()) {
      continue;
    }
    const bool by_name = name == "parameters";  // each member has the same form
    const Document& part = by_name ? whole.front() : whole;
    const Document& described =
        by_name ? schema["properties"][name]["additionalProperties"] : schema["properties"][name];
    EXPECT_THAT(keys(described["properties"]), testing::UnorderedElementsAreArray(keys(part))) << name;
    EXPECT_THAT(described["required"].get<std::vector<std::string>>(), testing::UnorderedElementsAreArray(keys(part)))
        << name;
    EXPECT_EQ(described["additionalProperties"], false) << name;
  }
}

TEST(Schema, ListsEveryMemberOfAnAttempt) {
  supervise::Outcome outcome = test::sample_outcome();
  outcome.attempts = {{{Cause::signaled, 139, std::nullopt, SIGSEGV}, std::nullopt, {}, 1s},
                      {{Cause::timeout, 124, 3, std::nullopt}, supervise::Intent::attempt_timeout, {}, 2s}};
  const Document attempts = make_report(test::sample_subject(), outcome)["attempts"];
  const Document expected = Document::parse(R"([
    {"started_at": "1970-01-01T00:00:00.000Z", "duration_seconds": 1.0, "cause": "signaled", "exit_code": 139,
     "job_exit_code": null, "signal": "SIGSEGV", "limit": null},
    {"started_at": "1970-01-01T00:00:00.000Z", "duration_seconds": 2.0, "cause": "timeout", "exit_code": 124,
     "job_exit_code": 3, "signal": null, "limit": "attempt_timeout"}])");
  EXPECT_EQ(attempts.dump(2), expected.dump(2));
  const Document schema = Document::parse(report_schema());
  const Document& item = schema["properties"]["attempts"]["items"];
  for (const auto& [name, value] : attempts[0].items()) {
    EXPECT_TRUE(item["properties"].contains(name)) << name;
  }
  EXPECT_EQ(item["required"].size(), attempts[0].size());
}

}  // namespace
}  // namespace jobinit::report
