// Starting a process: in a session of its own, with the signal state, descriptors and OOM score it should have.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "jobinit/base/cause.hpp"
#include "jobinit/base/choices.hpp"
#include "jobinit/kernel/signals.hpp"
#include "jobinit/supervise/setup.hpp"

namespace jobinit::supervise {

struct LaunchOptions {
  std::vector<std::string> argv;         // argv[0] is looked up in `environment`'s PATH when it has no slash
  std::vector<std::string> environment;  // NAME=value
  int stdin_fd = 0;                      // what becomes 0, 1 and 2; inherited as they are by default
  int stdout_fd = 1;
  int stderr_fd = 2;
  std::optional<int> oom_score_adj;
  const kernel::Fd* own_oom_score_adj = nullptr;  // kernel::open_own_oom_score_adj(); for who is not root
  std::vector<int> cgroups;                       // the job's own (kernel::JobCgroup::procs_fds())
  ProcessSetup setup;
  Placement place = Placement::session;
  int terminal = -1;              // our controlling terminal, where it is to be shared; -1: none
  bool in_foreground = false;     // the new group is to have it from the start
  int folder = -1;                // where it is started, if not where we are
  bool scripts_by_shell = false;  // a file that is no program is run by /bin/sh, as execvp(3) does
  bool names_listener = false;    // LISTEN_PID, where it names this process, names the new one (sd_listen_fds(3))
  bool hides_memory = true;       // whether this process keeps its own closed to others
  std::optional<std::string> executable;  // run this file, whatever argv[0] says
};

struct LaunchFailure {
  int exit_code = 127;  // 127 not found, 126 found but not executable, 125 it did not come to that
  Cause cause = Cause::not_started;
  Error error;
};

// The new process' pid, which is also its process group; it is the caller's to wait for. Returns when the
// program runs, or has failed to.
std::variant<pid_t, LaunchFailure> launch(const LaunchOptions& options, const kernel::SignalState& signals);

}  // namespace jobinit::supervise
