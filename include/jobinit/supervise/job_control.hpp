// A job on a terminal: who has the terminal, and what happens when the job is stopped.
#pragma once

#include <optional>

#include "jobinit/kernel/process.hpp"
#include "jobinit/supervise/launch.hpp"

namespace jobinit::supervise {

// The job is a process group of its own in our session, so that Ctrl-C and Ctrl-Z reach it and not us. A shell that
// started us sees us only: when the job is stopped we stop too, and when the shell continues us we continue the job.
class JobControl {
 public:
  explicit JobControl(const LaunchOptions& options);

  // Whether the job is to be started in the foreground: only if it is ours to give.
  bool has_turn() const { return has_turn_; }

  void started(pid_t job);
  // After a SIGCHLD: was the job stopped? Blocks for as long as we are stopped with it.
  void look();
  // After a SIGCONT: true when the job has it, or is to go on without.
  bool continued();
  // The job has ended, or was never there.
  void give_back() const;

 private:
  bool active() const { return terminal_ >= 0 && job_ > 0; }
  void give();

  int terminal_;
  bool has_turn_;
  pid_t job_ = 0;
  bool suspended_ = false;
};

}  // namespace jobinit::supervise
