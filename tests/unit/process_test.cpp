#include "jobinit/kernel/process.hpp"

#include <gtest/gtest.h>

#include <csignal>

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

}  // namespace
}  // namespace jobinit::kernel
