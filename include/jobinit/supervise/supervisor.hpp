// Runs a job from start to end: feeds the machine with what the kernel says and carries its actions out.
#pragma once

#include <cstddef>

#include "jobinit/supervise/launch.hpp"
#include "jobinit/supervise/outcome.hpp"

namespace jobinit::supervise {

struct RunPlan {
  LaunchOptions launch;
  Policy policy;
  ExitPolicy exits;
  std::size_t tail = 0;  // bytes of last words to keep
};

// Blocks until the job and everything it left behind is gone. Does not throw: an exception inside, which would be a bug
// or an exhausted machine, kills the tree and comes back as the cause `internal`.
Outcome supervise(const RunPlan& plan, const kernel::SignalState& signals, const kernel::Fd& signalfd);

}  // namespace jobinit::supervise
