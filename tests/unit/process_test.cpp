#include "jobinit/kernel/process.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "jobinit/kernel/probe.hpp"
#include "support.hpp"

namespace jobinit::kernel {
namespace {

bool pending(int signal) {
  sigset_t set;
  return ::sigpending(&set) == 0 && ::sigismember(&set, signal) == 1;
}

// In a process of its own: what is asked for lasts.
int with_parent(pid_t parent) {
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_BLOCK, &all, nullptr);
  const bool done = static_cast<bool>(die_with_parent(SIGUSR1, parent));
  return done ? static_cast<int>(pending(SIGUSR1)) : 2;
}

TEST(DieWithParent, SaysNothingWhileTheParentLives) {
  EXPECT_EXIT(exit_now(with_parent(parent_pid())), testing::ExitedWithCode(0), "");
}

// The race: it ended after it had started us and before we could ask.
TEST(DieWithParent, SignalsAtOnceWhenTheParentHasEnded) {
  EXPECT_EXIT(exit_now(with_parent(parent_pid() + 1)), testing::ExitedWithCode(1), "");
}

TEST(DieWithParent, TellsWhatCannotBe) {
  EXPECT_EXIT(exit_now(die_with_parent(-1, parent_pid()) ? 0 : 3), testing::ExitedWithCode(3), "");
}

// Two trees side by side; 5 has two threads, each of which has started somebody.
const test::Tree kFamily{
    {"/proc/1/stat", "1 (init) S 0 1 1"},    {"/proc/1/task/1/children", "5 9 \n"},
    {"/proc/5/stat", "5 (a (b) c) S 1 5 5"}, {"/proc/5/task/5/children", "6 \n"},
    {"/proc/5/task/50/children", "7 \n"},    {"/proc/6/stat", "6 (d) S 5 5 5"},
    {"/proc/6/task/6/children", ""},         {"/proc/7/stat", "7 (e) S 5 5 5"},
    {"/proc/7/task/7/children", "8 "},       {"/proc/8/stat", "8 (f) Z 7 5 5"},
    {"/proc/9/stat", "9 (g) S 1 9 9"},       {"/proc/9/task/9/children", ""},
    {"/proc/self/stat", "1 (init) S 0 1 1"},
};

TEST(Descendants, AreFoundBothWays) {
  const test::Machine machine(kFamily);
  for (const auto& [ancestor, except, expected] :
       {std::tuple<pid_t, std::set<pid_t>, std::vector<pid_t>>{1, {}, {5, 6, 7, 8, 9}},
        {1, {5}, {9}},
        {1, {7}, {5, 6, 9}},
        {5, {}, {6, 7, 8}},
        {8, {}, {}},
        {99, {}, {}}}) {
    EXPECT_THAT(descendants(ancestor, machine.root(), except), testing::UnorderedElementsAreArray(expected));
    EXPECT_THAT(descendants_at_a_glance(ancestor, machine.root(), except),
                testing::UnorderedElementsAreArray(expected));
  }
}

TEST(Descendants, AreFoundWhereTheKernelKeepsNoListOfChildren) {
  test::Tree without;
  for (const auto& [path, content] : kFamily) {
    if (!path.ends_with("children")) {
      without.emplace(path, content);
    }
  }
  const test::Machine machine(without);
  EXPECT_THAT(descendants_at_a_glance(1, machine.root()), testing::UnorderedElementsAre(5, 6, 7, 8, 9));
}

TEST(Dying, IsWhoHasEndedIsEndingOrHasASigkillComing) {
  const auto stat = [](char state, unsigned flags, unsigned pending) {
    return fmt::format("7 (a) b) {} 1 7 7 0 -1 {} 81 0 0 0 4 5 0 0 20 0 1 0 99 4096 200 1 2 3 4 5 6 {} 0 0 0 0", state,
                       flags, pending);
  };
  EXPECT_FALSE(is_dying(stat('S', 0x400000, 0)));
  EXPECT_FALSE(is_dying(stat('R', 0x400000, 1U << 14U))) << "a SIGTERM it may handle";
  EXPECT_TRUE(is_dying(stat('Z', 0x400000, 0)));
  EXPECT_TRUE(is_dying(stat('R', 0x400004, 0))) << "PF_EXITING";
  EXPECT_TRUE(is_dying(stat('R', 0x400400, 0))) << "PF_SIGNALED";
  EXPECT_TRUE(is_dying(stat('S', 0x400000, 1U << 8U))) << "a SIGKILL";
  EXPECT_FALSE(is_dying(""));
  EXPECT_FALSE(is_dying("7 (a"));
  // The real thing, which is this process.
  Probe::Buffer buffer;
  EXPECT_FALSE(is_dying(Probe(stat_file(own_pid())).look(buffer)));
}

}  // namespace
}  // namespace jobinit::kernel
