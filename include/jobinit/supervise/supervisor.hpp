// Runs a job from start to end: feeds the machine with what the kernel says and carries its actions out.
#pragma once

#include <cstddef>
#include <functional>
#include <set>

#include "jobinit/base/happening.hpp"
#include "jobinit/kernel/cgroup.hpp"
#include "jobinit/kernel/job_cgroup.hpp"
#include "jobinit/logs/plan.hpp"
#include "jobinit/supervise/launch.hpp"
#include "jobinit/supervise/observer.hpp"
#include "jobinit/supervise/outcome.hpp"
#include "jobinit/supervise/retry.hpp"

namespace jobinit::supervise {

struct RunPlan {
  LaunchOptions launch;
  Policy policy;
  ExitPolicy exits;
  RetryPolicy retry;
  std::optional<std::chrono::system_clock::time_point> deadline;
  std::optional<kernel::MemoryCgroup> container;  // the cgroup we are in, where there is one to be seen
  MemoryPlan memory;                              // how its limit is enforced; the policy holds what is watched
  kernel::JobCgroups* cgroups = nullptr;          // where the job's own cgroup is made, in the tier `cgroup`
  bool needs_cgroup = false;                      // it is not started without one
  bool notify = false;                            // give the job a $NOTIFY_SOCKET
  logs::LogPlan log;
  std::function<void(const std::string&)> say = [](const std::string&) {
  };  // for people, while the run goes on; must not block
  std::function<void(const Outcome&)> on_failed_attempt = [](const Outcome&) {};  // before the wait for the next one
  Observer* observer = nullptr;                                                   // may be null
  // What another init would do (cli/dropin.hpp).
  bool tells_job = true;                          // variables of ours in the job's environment
  bool passes_output = false;                     // the job has our stdout and stderr, and no log is seen
  bool leaves_folder = false;                     // for /, while the job stays
  bool closes_descriptors = false;                // the inherited ones, when the job is there
  std::set<int> suspends_on;                      // signals with which we stop too, once they are passed on
  std::function<void(const Happening&)> narrate;  // may be empty; must not block
};

// Blocks until the job, with all its attempts, and everything it left behind is gone. Does not throw: an exception
// inside, which would be a bug or an exhausted machine, kills the tree and comes back as the cause `internal`.
Outcome supervise(const RunPlan& plan, const kernel::SignalState& signals, const kernel::Fd& signalfd);

}  // namespace jobinit::supervise
