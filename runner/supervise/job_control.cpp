#include "jobinit/supervise/job_control.hpp"

#include <csignal>

#include "jobinit/kernel/terminal.hpp"

namespace jobinit::supervise {

JobControl::JobControl(const LaunchOptions& options)
    : terminal_(options.place == Placement::group ? options.terminal : -1),
      has_turn_(terminal_ >= 0 && kernel::in_foreground(terminal_)) {}

void JobControl::started(pid_t job) { job_ = job; }

void JobControl::look() {
  if (!active()) {
    return;
  }
  const std::optional<int> by = kernel::stopped_by(job_);
  if (!by) {
    return;
  }
  if ((*by == SIGTTIN || *by == SIGTTOU) && kernel::in_foreground(terminal_)) {
    // A shell's `fg` for what already ran: it has put us in the foreground, and told nobody.
    give();
    kernel::signal_group(job_, SIGCONT);
    return;
  }
  if (kernel::stop_own_group()) {
    suspended_ = true;
    return;
  }
  if (*by == SIGTSTP) {
    // No shell is there that could ever continue it. The kernel discards Ctrl-Z for whoever has no such parent; the job
    // has one, but only for being our child.
    kernel::signal_group(job_, SIGCONT);
  }
}

bool JobControl::continued() {
  if (!active()) {
    return false;
  }
  // `fg`; after `bg` the terminal is the shell's.
  if (kernel::in_foreground(terminal_)) {
    give();
  }
  if (!suspended_) {
    return false;
  }
  suspended_ = false;
  kernel::signal_group(job_, SIGCONT);
  return true;
}

void JobControl::give() {
  kernel::give_foreground(terminal_, job_);
  has_turn_ = true;
}

void JobControl::give_back() const {
  if (has_turn_) {
    kernel::take_foreground_back(terminal_, job_);
  }
}

}  // namespace jobinit::supervise
