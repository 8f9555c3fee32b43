// The metrics of a run in Prometheus' text format.
#include "jobinit/report/metrics.hpp"

#include <gmock/gmock.h>

#include <set>

#include "support.hpp"

namespace jobinit::report {
namespace {

using testing::HasSubstr;
using testing::Not;

// The samples without their # lines: "name{labels}" -> value.
std::map<std::string, double> samples(const std::string& text) {
  std::map<std::string, double> found;
  for (const std::string& line : split(text, "\n")) {
    if (line.starts_with('#')) {
      continue;
    }
    const std::size_t blank = line.rfind(' ');
    found[line.substr(0, blank)] = std::stod(line.substr(blank + 1));
  }
  return found;
}

std::set<std::string> names(const std::map<std::string, double>& all) {
  std::set<std::string> found;
  for (const auto& [name, value] : all) {
    found.insert(name.substr(0, name.find('{')));
  }
  return found;
}

Document ended_by(Cause cause) {
  supervise::Outcome outcome = test::sample_outcome();
  outcome.verdict.cause = cause;
  outcome.verdict.exit_code = cause == Cause::success ? 0 : 1;
  return make_report(test::sample_subject(), outcome);
}

TEST(Metrics, OfARunThatGoesOnTellThatItDoes) {
  const Document report = make_progress_report(test::sample_subject(), test::sample_outcome());
  const std::map<std::string, double> expected{{"jobinit_job_running", 1},
                                               {"jobinit_job_last_start_timestamp_seconds", 1700000000.25}};
  EXPECT_EQ(samples(prometheus_text(report, false)), expected) << "the rest is of the last run that has ended";
}

TEST(Metrics, HaveEveryFigure) {
  std::map<std::string, double> expected{
      {"jobinit_job_last_exit_code", 0},
      {"jobinit_job_duration_seconds", 90.5},
      {"jobinit_job_peak_memory_bytes", 432013312},
      {"jobinit_job_peak_swap_bytes", 33554432},
      {"jobinit_job_memory_limit_bytes", 536870912},
      {"jobinit_job_cpu_user_seconds", 12.5},
      {"jobinit_job_cpu_system_seconds", 0.75},
      {"jobinit_job_oom_kills", 0},
      {"jobinit_job_memory_limit_hits", 21},
      {"jobinit_job_memory_throttled", 22},
      {"jobinit_job_memory_stalled_seconds", 0.023},
      {"jobinit_job_memory_major_page_faults", 25},
      {"jobinit_job_memory_warned_after_seconds", 27},
      {"jobinit_job_running", 0},
      {"jobinit_job_last_start_timestamp_seconds", 1700000000.25},
      {"jobinit_job_last_completion_timestamp_seconds", 1700000090.75},
      {"jobinit_job_last_success_timestamp_seconds", 1700000090.75},
  };
  for (const std::string_view name : cause_names()) {
    expected[fmt::format("jobinit_job_outcome{{cause=\"{}\"}}", name)] = name == "success" ? 1 : 0;
  }
  EXPECT_EQ(samples(prometheus_text(test::sample_report(), false)), expected);
}

// An alert on "no success for a day" lives of this: a failure must not touch the time of the last success.
TEST(Metrics, OnlyASuccessTellsTheTimeOfTheLastSuccess) {
  for (const std::string_view name : cause_names()) {
    const auto all = samples(prometheus_text(ended_by(*cause_from_name(name)), false));
    EXPECT_EQ(all.contains("jobinit_job_last_success_timestamp_seconds"), name == "success") << name;
    EXPECT_EQ(all.contains("jobinit_job_last_failure_timestamp_seconds"), name != "success") << name;
    EXPECT_TRUE(all.contains("jobinit_job_last_completion_timestamp_seconds")) << name;
    EXPECT_EQ(all.at("jobinit_job_last_exit_code"), name == "success" ? 0 : 1);
    for (const std::string_view other : cause_names()) {
      EXPECT_EQ(all.at(fmt::format("jobinit_job_outcome{{cause=\"{}\"}}", other)), other == name ? 1 : 0);
    }
  }
}

TEST(Metrics, WhatIsNotKnownIsAbsentAndNotZero) {
  supervise::Outcome outcome;
  outcome.verdict = {Cause::rejected, 125, std::nullopt, std::nullopt};
  const auto all = samples(prometheus_text(make_report(test::sample_subject(), outcome), false));
  for (const char* name : {"jobinit_job_peak_memory_bytes", "jobinit_job_memory_limit_bytes", "jobinit_job_oom_kills",
                           "jobinit_job_last_success_timestamp_seconds"}) {
    EXPECT_FALSE(all.contains(name)) << name;
  }
  EXPECT_EQ(all.at("jobinit_job_last_exit_code"), 125);
}

TEST(Metrics, LabelIsThereWhereItIsWanted) {
  for (const auto& [name, value] : samples(prometheus_text(test::sample_report(), true))) {
    EXPECT_THAT(name, HasSubstr("job=\"import-feed\""));
  }
  EXPECT_THAT(prometheus_text(test::sample_report(), false), Not(HasSubstr("job=")));
}

// Exposition format: backslash, double quote and line feed are escaped, everything else is UTF-8 as it is.
TEST(Metrics, LabelValuesAreEscaped) {
  Subject subject = test::sample_subject();
  subject.job_name = "a\"b\\c\nd\tü{}\xff";
  const std::string text = prometheus_text(make_report(subject, test::sample_outcome()), true);
  EXPECT_THAT(text, HasSubstr("jobinit_job_running{job=\"a\\\"b\\\\c\\nd\tü{}\xEF\xBF\xBD\"} 0\n"));
  EXPECT_TRUE(test::is_valid_utf8(text));
}

// A report that was edited, or written by a later version: what is there is told, and nothing is thrown.
TEST(Metrics, SurviveAReportThatLacksThings) {
  Document report = test::sample_report();
  report["job"]["name"] = nullptr;
  report["times"]["started_at"] = "yesterday";
  report["times"]["ended_at"] = 7;
  report["outcome"]["cause"] = "some new cause";
  report["resources"].erase("cpu_user_seconds");
  report["resources"]["peak_memory_bytes"] = "much";
  const auto all = samples(prometheus_text(report, true));
  EXPECT_EQ(all.at("jobinit_job_running{job=\"job\"}"), 0);
  EXPECT_EQ(all.at("jobinit_job_duration_seconds{job=\"job\"}"), 90.5);
  const std::set<std::string> told = names(all);
  for (const char* name : {"jobinit_job_last_start_timestamp_seconds", "jobinit_job_last_completion_timestamp_seconds",
                           "jobinit_job_last_success_timestamp_seconds", "jobinit_job_cpu_user_seconds",
                           "jobinit_job_peak_memory_bytes"}) {
    EXPECT_FALSE(told.contains(name)) << name;
  }
  EXPECT_NO_THROW(static_cast<void>(prometheus_text(Document::object(), true)));
}

// The Pushgateway and the textfile collector refuse timestamps, and a scrape refuses a family that comes twice.
TEST(Metrics, FollowTheFormat) {
  const std::string text = prometheus_text(test::sample_report(), true);
  EXPECT_TRUE(text.ends_with('\n'));
  std::set<std::string> families;
  for (const std::string& line : split(text, "\n")) {
    const auto words = split(line, " ");
    if (line.starts_with("# TYPE ")) {
      EXPECT_TRUE(families.insert(words.at(2)).second) << line;
      EXPECT_EQ(words.at(3), "gauge") << line;
    } else if (line.starts_with("# HELP ")) {
      EXPECT_GT(words.size(), 3U) << line;
    } else {
      EXPECT_EQ(words.size(), 2U) << "a timestamp: " << line;
    }
  }
  EXPECT_EQ(families, names(samples(text)));
}

}  // namespace
}  // namespace jobinit::report
