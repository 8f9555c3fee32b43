// Signals: blocked from the first instruction on, read from a signalfd, given back to the job as they were.
#pragma once

#include <signal.h>  // NOLINT(modernize-deprecated-headers): sigset_t is not in <csignal>

#include <vector>

#include "jobinit/base/result.hpp"
#include "jobinit/kernel/fd.hpp"

namespace jobinit::kernel {

// Which signals are read, and so can be passed on, besides the usual ones.
struct Reach {
  bool faults = false;    // SIGSEGV and its like when somebody sends them; a real fault still ends this process
  bool pipe = false;      // SIGPIPE, SIGXFSZ
  bool terminal = false;  // SIGTTIN, SIGTTOU
};

// The signal state that jobinit was started with, and that the job gets back.
struct SignalState {
  Reach reach;
  sigset_t mask{};
  sigset_t ignored{};  // those whose disposition was SIG_IGN
};

// Blocks everything that can be blocked except the faults (SIGSEGV and its like, whose default action is the right
// one), and ignores SIGPIPE, SIGXFSZ, SIGTTIN and SIGTTOU in this process; but for what `reach` names. Call first.
SignalState block_signals(Reach reach = {});

// In a child, before exec: the state as it was. Async-signal-safe.
void restore_signals(const SignalState& before);

struct ReceivedSignal {
  int number = 0;
  bool from_kernel = false;
  bool from_ourselves = false;
  // What the kernel sends a process for its own doings is not for anybody else.
  bool about_ourselves() const {
    return (from_kernel && (number == SIGXCPU || number == SIGIO)) ||
           (from_ourselves && (number == SIGPIPE || number == SIGXFSZ));
  }
};

// Every blocked signal but SIGPIPE, SIGXFSZ, SIGTTIN and SIGTTOU, or all that the reach names; non-blocking,
// close-on-exec (signalfd(2)).
Result<Fd> open_signalfd(const SignalState& state);

// Everything pending, in the kernel's order; empty when nothing is.
std::vector<ReceivedSignal> read_signals(const Fd& signalfd);

}  // namespace jobinit::kernel
