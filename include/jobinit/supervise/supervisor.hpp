// Runs a job from start to end: feeds the machine with what the kernel says and carries its actions out.
#pragma once

#include <cstddef>
#include <functional>

#include "jobinit/supervise/launch.hpp"
#include "jobinit/supervise/outcome.hpp"
#include "jobinit/supervise/retry.hpp"

namespace jobinit::supervise {

struct RunPlan {
  LaunchOptions launch;
  Policy policy;
  ExitPolicy exits;
  RetryPolicy retry;
  std::optional<std::chrono::system_clock::time_point> deadline;
  bool notify = false;                                    // give the job a $NOTIFY_SOCKET
  std::size_t tail = 0;                                   // bytes of last words to keep
  std::function<void(const std::string&)> say;            // for people, while the run goes on; must not block
  std::function<void(const Outcome&)> on_failed_attempt;  // before the wait for the next one
};

// Blocks until the job, with all its attempts, and everything it left behind is gone. Does not throw: an exception
// inside, which would be a bug or an exhausted machine, kills the tree and comes back as the cause `internal`.
Outcome supervise(const RunPlan& plan, const kernel::SignalState& signals, const kernel::Fd& signalfd);

}  // namespace jobinit::supervise
