// Which endings are tried again, and when; and how attempts add up.
#include "jobinit/supervise/retry.hpp"

#include <gtest/gtest.h>

#include "support.hpp"

namespace jobinit::supervise {
namespace {

using namespace std::chrono_literals;

RetryPolicy usual() {
  return {.retries = 2, .causes = {Cause::failed, Cause::timeout}, .codes = {}, .backoff = 1s, .backoff_max = 10s};
}

Outcome ended(Cause cause, std::optional<int> code = {}) {
  Outcome outcome;
  outcome.verdict = {cause, 1, code, {}};
  return outcome;
}

TEST(Retry, ByCause) {
  for (std::size_t i = 0; i < cause_names().size(); ++i) {
    const auto cause = static_cast<Cause>(i);
    const bool again = cause == Cause::failed || cause == Cause::timeout;
    EXPECT_EQ(worth_retrying(usual(), ended(cause), 1), again) << cause_name(cause);
  }
}

TEST(Retry, ByTheJobsOwnCode) {
  RetryPolicy policy = usual();
  policy.causes.clear();
  policy.codes = {75};
  EXPECT_TRUE(worth_retrying(policy, ended(Cause::failed, 75), 1));
  EXPECT_FALSE(worth_retrying(policy, ended(Cause::failed, 74), 1));
  // With --success-codes 75 that is how it succeeds.
  EXPECT_FALSE(worth_retrying(policy, ended(Cause::success, 75), 1));
  // A job that exits with it after the stop signal has been stopped all the same.
  EXPECT_FALSE(worth_retrying(policy, ended(Cause::stopped, 75), 1));
}

TEST(Retry, SoOftenAndNoMore) {
  EXPECT_TRUE(worth_retrying(usual(), ended(Cause::failed), 2));
  EXPECT_FALSE(worth_retrying(usual(), ended(Cause::failed), 3));
  EXPECT_FALSE(worth_retrying({}, ended(Cause::failed), 1));
}

TEST(Retry, NeverAfterWhatHoldsForAllAttempts) {
  for (const auto& [limit, again] : {std::pair{Intent::attempt_timeout, true},
                                     {Intent::start_timeout, true},
                                     {Intent::timeout, false},
                                     {Intent::deadline, false}}) {
    Outcome outcome = ended(Cause::timeout);
    outcome.limit = limit;
    EXPECT_EQ(worth_retrying(usual(), outcome, 1), again) << static_cast<int>(limit);
  }
  Outcome asked = ended(Cause::failed);
  asked.platform_kill_at = TimePoint(1s);
  EXPECT_FALSE(worth_retrying(usual(), asked, 1)) << "a stop request that came just too late for the attempt";
  Outcome stuck = ended(Cause::failed);
  stuck.unkillable = true;
  EXPECT_FALSE(worth_retrying(usual(), stuck, 1)) << "two of them would be at the same files";
}

TEST(Retry, TheWaitDoublesUpToTheMost) {
  const std::vector<Duration> most{1s, 2s, 4s, 8s, 10s, 10s};
  for (unsigned attempt = 1; attempt <= most.size(); ++attempt) {
    EXPECT_EQ(backoff(usual(), attempt, 0), most[attempt - 1]) << attempt;
    EXPECT_EQ(backoff(usual(), attempt, 0.5), most[attempt - 1] * 3 / 4) << attempt;
  }
  EXPECT_EQ(backoff(usual(), 1000, 0), 10s);
  RetryPolicy none = usual();
  none.backoff = 0s;
  EXPECT_EQ(backoff(none, 1000, 0.9), 0s);
}

TEST(Retry, AttemptsAddUp) {
  Outcome first = ended(Cause::failed, 3);
  first.started_at = std::chrono::system_clock::time_point(10s);
  first.resources.cpu_user = 1s;
  first.resources.cpu_system = 2s;
  first.resources.peak_memory = 700;
  first.resources.peak_source = PeakSource::process;
  first.resources.oom_kills = 1;
  first.resources.limit_hits = 5;
  first.resources.stalled_some = 3ms;
  first.resources.pressure_notices = 8;
  first.resources.peak_swap = 900;
  first.resources.major_faults = 6;
  first.resources.memory_warned_after = 7s;
  first.resources.largest = {{11, "first", 12}};
  first.streams = {test::make_stream("stdout", 100, 1), test::make_stream("stderr", 3, 0)};
  first.streams[0].lines = 3;
  first.streams[0].failure = "stdout: full";
  first.streams[1].tail = "said once";
  first.tail = "first words";
  first.reaped = 2;
  first.leftover = 3;
  first.killed = 4;
  Outcome second = ended(Cause::success, 0);
  second.started_at = std::chrono::system_clock::time_point(20s);
  second.resources.cpu_user = 10s;
  second.resources.cpu_system = 20s;
  second.resources.peak_memory = 600;
  second.resources.peak_source = PeakSource::cgroup;
  second.resources.limit_hits = 50;
  second.resources.stalled_some = 30ms;
  second.resources.pressure_notices = 80;
  second.resources.peak_swap = 800;
  second.resources.major_faults = 60;
  second.streams = {test::make_stream("stdout", 1000, 10)};
  second.streams[0].lines = 4;
  second.streams[0].tail = "again";
  second.tail = "last words";
  second.reaped = 20;
  const Outcome all = merge(first, second);
  EXPECT_EQ(all.verdict.cause, Cause::success);
  EXPECT_EQ(all.started_at, first.started_at);
  EXPECT_EQ(all.resources.cpu_user, 11s);
  EXPECT_EQ(all.resources.cpu_system, 22s);
  EXPECT_EQ(all.resources.peak_memory, 700U);
  EXPECT_EQ(all.resources.peak_source, PeakSource::process);
  EXPECT_EQ(all.resources.oom_kills, 1U);
  EXPECT_EQ(all.resources.limit_hits, 55U);
  EXPECT_EQ(all.resources.throttled, std::nullopt);
  EXPECT_EQ(all.resources.stalled_some, 33ms);
  EXPECT_EQ(all.resources.pressure_notices, 88U);
  EXPECT_EQ(all.resources.peak_swap, 900U);
  EXPECT_EQ(all.resources.major_faults, 66U);
  EXPECT_EQ(all.resources.memory_warned_after, 7s);
  EXPECT_TRUE(all.resources.largest.empty()) << "of the last attempt, as the tail is";
  ASSERT_EQ(all.streams.size(), 2U);
  EXPECT_EQ(all.streams[0].bytes, 1100U);
  EXPECT_EQ(all.streams[0].dropped, 11U);
  EXPECT_EQ(all.streams[0].lines, 7U);
  EXPECT_EQ(all.streams[0].failure, "stdout: full");
  EXPECT_EQ(all.streams[0].tail, "again");
  EXPECT_EQ(all.streams[1].name, "stderr");
  EXPECT_EQ(all.streams[1].tail, "said once");
  EXPECT_EQ(all.tail, "last words");
  EXPECT_EQ(all.reaped, 22U);
  EXPECT_EQ(all.leftover, 3U);
  EXPECT_EQ(all.killed, 4U);
}

}  // namespace
}  // namespace jobinit::supervise
