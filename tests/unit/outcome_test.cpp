// From facts to a verdict: exactly one cause, the first true one, and the exit code that goes with it.
#include "jobinit/supervise/outcome.hpp"

#include <gtest/gtest.h>

#include <csignal>

#include "support.hpp"

namespace jobinit::supervise {
namespace {

kernel::WaitStatus exited(int code) { return {false, code, false}; }
kernel::WaitStatus killed_by(int signal) { return {true, signal, false}; }

constexpr auto kNobody = std::nullopt;
constexpr auto kTimeout = Intent::timeout;
constexpr auto kStop = Intent::stop;

struct Row {
  const char* name;
  Facts facts;
  Cause cause;
  int exit_code;
  std::optional<int> job_exit_code;
  std::optional<int> signal;
  ExitPolicy policy = {};
  friend void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }
};

class Judgement : public testing::TestWithParam<Row> {};

TEST_P(Judgement, IsTrue) {
  const Row& row = GetParam();
  const Verdict verdict = judge(row.facts, row.policy);
  EXPECT_EQ(cause_name(verdict.cause), cause_name(row.cause));
  EXPECT_EQ(verdict.exit_code, row.exit_code);
  EXPECT_EQ(verdict.job_exit_code, row.job_exit_code);
  EXPECT_EQ(verdict.signal, row.signal);
}

// Facts: {status, intent, forwarded, unkillable, oom_kills, oom_kills_at_end}.
INSTANTIATE_TEST_SUITE_P(
    ByItself, Judgement,
    testing::Values(
        Row{"exit 0", {exited(0), kNobody, {}, false, 0}, Cause::success, 0, 0, {}},
        Row{"exit 1", {exited(1), kNobody, {}, false, 0}, Cause::failed, 1, 1, {}},
        Row{"exit 137 after the kernel killed a child",
            {exited(137), kNobody, {}, false, 1},
            Cause::oom_killed,
            137,
            137,
            {}},
        Row{"exit 255", {exited(255), kNobody, {}, false, 0}, Cause::failed, 255, 255, {}},
        Row{"exit 137 is the jobs own word", {exited(137), kNobody, {}, false, 0}, Cause::failed, 137, 137, {}},
        Row{"exit 124 is no timeout", {exited(124), kNobody, {}, false, 0}, Cause::failed, 124, 124, {}},
        Row{"segmentation fault", {killed_by(SIGSEGV), kNobody, {}, false, 0}, Cause::signaled, 139, {}, SIGSEGV},
        Row{"sigterm from elsewhere", {killed_by(SIGTERM), kNobody, {}, false, 0}, Cause::signaled, 143, {}, SIGTERM},
        Row{"real-time signal", {killed_by(SIGRTMAX), kNobody, {}, false, 0}, Cause::signaled, 192, {}, SIGRTMAX}),
    test::kRowName);

INSTANTIATE_TEST_SUITE_P(
    ByUs, Judgement,
    testing::Values(
        Row{"timeout by sigterm", {killed_by(SIGTERM), kTimeout, {}, false, 0}, Cause::timeout, 124, {}, SIGTERM},
        Row{"timeout by sigkill", {killed_by(SIGKILL), kTimeout, {}, false, 0}, Cause::timeout, 124, {}, SIGKILL},
        Row{"timeout and a clean exit", {exited(0), kTimeout, {}, false, 0}, Cause::timeout, 124, 0, {}},
        Row{"idle timeout",
            {killed_by(SIGTERM), Intent::idle_timeout, {}, false, 0},
            Cause::idle_timeout,
            124,
            {},
            SIGTERM},
        Row{"deadline", {exited(0), Intent::deadline, {}, false, 0}, Cause::timeout, 124, 0, {}},
        Row{"attempt timeout", {exited(0), Intent::attempt_timeout, {}, false, 0}, Cause::timeout, 124, 0, {}},
        Row{"start timeout", {exited(0), Intent::start_timeout, {}, false, 0}, Cause::timeout, 124, 0, {}},
        Row{"watchdog", {killed_by(SIGABRT), Intent::watchdog, {}, false, 0}, Cause::watchdog, 124, {}, SIGABRT},
        Row{"cpu limit", {killed_by(SIGTERM), Intent::cpu_limit, {}, false, 0}, Cause::cpu_limit, 124, {}, SIGTERM},
        Row{"memory limit",
            {killed_by(SIGTERM), Intent::memory_limit, {}, false, 0},
            Cause::memory_limit,
            137,
            {},
            SIGTERM},
        Row{"memory limit and a clean exit",
            {exited(0), Intent::memory_limit, {}, false, 0},
            Cause::memory_limit,
            137,
            0,
            {}},
        Row{"memory limit, and the kernel was there before the grace was over",
            {killed_by(SIGKILL), Intent::memory_limit, {}, false, 1},
            Cause::memory_limit,
            137,
            {},
            SIGKILL},
        Row{"timeout then a stop request", {exited(1), kTimeout, {SIGTERM}, false, 0}, Cause::timeout, 124, 1, {}},
        Row{"stopped by sigterm", {killed_by(SIGTERM), kStop, {SIGTERM}, false, 0}, Cause::stopped, 143, {}, SIGTERM},
        Row{"stopped by sigkill", {killed_by(SIGKILL), kStop, {SIGTERM}, false, 0}, Cause::stopped, 137, {}, SIGKILL},
        Row{"stopped and a clean exit", {exited(0), kStop, {SIGTERM}, false, 0}, Cause::stopped, 0, 0, {}},
        Row{"stopped and a code of its own", {exited(3), kStop, {SIGTERM}, false, 0}, Cause::stopped, 3, 3, {}},
        Row{"a forwarded signal that kills",
            {killed_by(SIGUSR1), kNobody, {SIGUSR1}, false, 0},
            Cause::stopped,
            128 + SIGUSR1,
            {},
            SIGUSR1},
        Row{"another signal than the forwarded one",
            {killed_by(SIGSEGV), kNobody, {SIGUSR1}, false, 0},
            Cause::signaled,
            139,
            {},
            SIGSEGV},
        Row{"a forwarded signal that was handled", {exited(0), kNobody, {SIGHUP}, false, 0}, Cause::success, 0, 0, {}}),
    test::kRowName);

INSTANTIATE_TEST_SUITE_P(
    Memory, Judgement,
    testing::Values(
        Row{"the kernels sigkill", {killed_by(SIGKILL), kNobody, {}, false, 1}, Cause::oom_killed, 137, {}, SIGKILL},
        Row{"a strangers sigkill", {killed_by(SIGKILL), kNobody, {}, false, 0}, Cause::signaled, 137, {}, SIGKILL},
        Row{"the kernels sigkill, as it died",
            {killed_by(SIGKILL), kNobody, {}, false, 2, 1},
            Cause::oom_killed,
            137,
            {},
            SIGKILL},
        Row{"a strangers sigkill, when the kernel had taken a child long before",
            {killed_by(SIGKILL), kNobody, {}, false, 1, 0},
            Cause::signaled,
            137,
            {},
            SIGKILL},
        Row{"a shells 137, however long before",
            {exited(137), kNobody, {}, false, 1, 0},
            Cause::oom_killed,
            137,
            137,
            {}},
        // A helper was taken, the main process lived on and said how it ended.
        Row{"a child was taken, exit 1", {exited(1), kNobody, {}, false, 1}, Cause::failed, 1, 1, {}},
        Row{"a child was taken, exit 0", {exited(0), kNobody, {}, false, 2}, Cause::success, 0, 0, {}},
        Row{"a child was taken, sigterm",
            {killed_by(SIGTERM), kNobody, {}, false, 1},
            Cause::signaled,
            143,
            {},
            SIGTERM},
        // The first reason stands: the end was on its way already.
        Row{"out of memory in the grace",
            {killed_by(SIGKILL), kTimeout, {}, false, 1},
            Cause::timeout,
            124,
            {},
            SIGKILL},
        Row{"out of memory while stopping",
            {killed_by(SIGKILL), kStop, {SIGTERM}, false, 1},
            Cause::stopped,
            137,
            {},
            SIGKILL}),
    test::kRowName);

INSTANTIATE_TEST_SUITE_P(
    WithoutAStatus, Judgement,
    testing::Values(
        Row{"astray", {kNobody, kNobody, {}, false, 0}, Cause::internal, 125, {}, {}},
        Row{"astray after a timeout", {kNobody, kTimeout, {}, false, 0}, Cause::internal, 125, {}, {}},
        Row{"unkillable after a timeout", {kNobody, kTimeout, {}, true, 0}, Cause::timeout, 124, {}, {}},
        Row{"unkillable after a stop request", {kNobody, kStop, {SIGTERM}, true, 0}, Cause::stopped, 137, {}, {}},
        Row{"only a leftover is unkillable", {exited(0), kNobody, {}, true, 0}, Cause::success, 0, 0, {}}),
    test::kRowName);

ExitPolicy success_codes(std::set<int> codes) { return {std::move(codes), {}, {}}; }
ExitPolicy by_cause(std::map<std::string, int> codes) { return {{0}, std::move(codes), {}}; }
ExitPolicy remap(std::map<int, int> codes) { return {{0}, {}, std::move(codes)}; }

INSTANTIATE_TEST_SUITE_P(ByPolicy, Judgement,
                         testing::Values(Row{"a success code keeps its number",
                                             {exited(3), kNobody, {}, false, 0},
                                             Cause::success,
                                             3,
                                             3,
                                             {},
                                             success_codes({0, 3})},
                                         Row{"zero need not be success",
                                             {exited(0), kNobody, {}, false, 0},
                                             Cause::failed,
                                             0,
                                             0,
                                             {},
                                             success_codes({3})},
                                         Row{"no success code excuses a signal",
                                             {killed_by(SIGTERM), kNobody, {}, false, 0},
                                             Cause::signaled,
                                             143,
                                             {},
                                             SIGTERM,
                                             success_codes({0, 143})},
                                         Row{"a code for the cause",
                                             {killed_by(SIGKILL), kTimeout, {}, false, 0},
                                             Cause::timeout,
                                             75,
                                             {},
                                             SIGKILL,
                                             by_cause({{"timeout", 75}})},
                                         Row{"a code for another cause",
                                             {exited(1), kNobody, {}, false, 0},
                                             Cause::failed,
                                             1,
                                             1,
                                             {},
                                             by_cause({{"timeout", 75}})},
                                         Row{"a code for going astray",
                                             {kNobody, kNobody, {}, false, 0},
                                             Cause::internal,
                                             99,
                                             {},
                                             {},
                                             by_cause({{"internal", 99}})},
                                         Row{"remap changes the number, not the cause",
                                             {killed_by(SIGTERM), kStop, {SIGTERM}, false, 0},
                                             Cause::stopped,
                                             0,
                                             {},
                                             SIGTERM,
                                             remap({{143, 0}})},
                                         Row{"remap is not repeated",
                                             {exited(1), kNobody, {}, false, 0},
                                             Cause::failed,
                                             2,
                                             1,
                                             {},
                                             remap({{1, 2}, {2, 3}})},
                                         Row{"remap is last of all, after the cause's code",
                                             {exited(1), kTimeout, {}, false, 0},
                                             Cause::timeout,
                                             0,
                                             1,
                                             {},
                                             ExitPolicy{{0}, {{"timeout", 75}}, {{75, 0}}}},
                                         Row{"remap does not see what the cause's code replaced",
                                             {exited(1), kTimeout, {}, false, 0},
                                             Cause::timeout,
                                             75,
                                             1,
                                             {},
                                             ExitPolicy{{0}, {{"timeout", 75}}, {{124, 0}}}}),
                         test::kRowName);

TEST(Outcome, EndingsWithoutARunFollowThePolicyToo) {
  for (const Cause cause : {Cause::rejected, Cause::not_started, Cause::internal}) {
    const Verdict plain = judge(cause, 127, {});
    EXPECT_EQ(plain.cause, cause);
    EXPECT_EQ(plain.exit_code, 127);
    EXPECT_EQ(plain.job_exit_code, std::nullopt);
    EXPECT_EQ(plain.signal, std::nullopt);
    EXPECT_EQ(judge(cause, 127, by_cause({{std::string(cause_name(cause)), 64}})).exit_code, 64);
    EXPECT_EQ(judge(cause, 127, remap({{127, 1}})).exit_code, 1);
  }
}

TEST(Outcome, CauseNamesGoBothWays) {
  for (const std::string_view name : cause_names()) {
    const auto cause = cause_from_name(name);
    ASSERT_TRUE(cause) << name;
    EXPECT_EQ(cause_name(*cause), name);
  }
  EXPECT_EQ(cause_from_name("Timeout"), std::nullopt);
  EXPECT_EQ(cause_from_name(""), std::nullopt);
}

TEST(Judgement, SaysWhatAnOomKillIsToldBy) {
  const auto told_by = [](const Facts& facts) { return judge(facts, {}).oom_evidence; };
  EXPECT_EQ(told_by({killed_by(SIGKILL), kNobody, {}, false, 1, 1}), OomEvidence::at_end);
  EXPECT_EQ(told_by({killed_by(SIGKILL), kNobody, {}, false, 1, std::nullopt}), OomEvidence::during_run);
  EXPECT_EQ(told_by({exited(137), kNobody, {}, false, 1, 1}), OomEvidence::exit_code);
  EXPECT_EQ(told_by({killed_by(SIGKILL), kNobody, {}, false, 1, 0}), OomEvidence::none);
  EXPECT_EQ(told_by({killed_by(SIGKILL), kStop, {}, false, 1, 1}), OomEvidence::none) << "it was ours";
  EXPECT_EQ(told_by({exited(1), kNobody, {}, false, 1, 1}), OomEvidence::none);
}

}  // namespace
}  // namespace jobinit::supervise
