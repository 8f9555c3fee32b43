#include "jobinit/kernel/signals.hpp"

#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace jobinit::kernel {
namespace {

// Blocking these would turn a bug into a hang: the kernel kills the process anyway, but only after unblocking.
constexpr std::array kFaults{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};
constexpr std::array kIgnored{SIGPIPE, SIGXFSZ, SIGTTIN, SIGTTOU};

bool read_too(Reach reach, int number) { return number == SIGPIPE || number == SIGXFSZ ? reach.pipe : reach.terminal; }

sigset_t blocked_set(Reach reach) {
  sigset_t set;
  ::sigfillset(&set);
  if (!reach.faults) {
    for (const int fault : kFaults) {
      ::sigdelset(&set, fault);
    }
  }
  return set;
}

}  // namespace

SignalState block_signals(Reach reach) {
  SignalState before;
  before.reach = reach;
  const sigset_t blocked = blocked_set(reach);
  ::sigprocmask(SIG_SETMASK, &blocked, &before.mask);
  ::sigemptyset(&before.ignored);
  for (int number = 1; number <= SIGRTMAX; ++number) {
    struct sigaction action {};
    if (::sigaction(number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN) {
      ::sigaddset(&before.ignored, number);
      // An ignored SIGCHLD would make the kernel reap children behind our back (sigaction(2), NOTES), and an ignored
      // signal never reaches a signalfd.
      struct sigaction standard {};
      standard.sa_handler = SIG_DFL;
      ::sigaction(number, &standard, nullptr);
    }
  }
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  for (const int number : kIgnored) {
    if (!read_too(reach, number)) {
      ::sigaction(number, &ignore, nullptr);
    }
  }
  return before;
}

void restore_signals(const SignalState& before) {
  for (const int number : kIgnored) {
    struct sigaction standard {};
    standard.sa_handler = SIG_DFL;
    ::sigaction(number, &standard, nullptr);
  }
  for (int number = 1; number <= SIGRTMAX; ++number) {
    if (::sigismember(&before.ignored, number) == 1) {
      struct sigaction ignore {};
      ignore.sa_handler = SIG_IGN;
      ::sigaction(number, &ignore, nullptr);
    }
  }
  ::sigprocmask(SIG_SETMASK, &before.mask, nullptr);
}

Result<Fd> open_signalfd(const SignalState& state) {
  sigset_t set = blocked_set(state.reach);
  for (const int number : kIgnored) {
    if (!read_too(state.reach, number)) {
      ::sigdelset(&set, number);
    }
  }
  Fd fd(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!fd) {
    return system_error(errno, "opening a signalfd");
  }
  return fd;
}

std::vector<ReceivedSignal> read_signals(const Fd& signalfd) {
  std::vector<ReceivedSignal> received;
  std::array<signalfd_siginfo, 16> batch{};
  for (;;) {
    const ssize_t got = ::read(signalfd.get(), batch.data(), sizeof(batch));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      return received;
    }
    const std::size_t count = static_cast<std::size_t>(got) / sizeof(batch[0]);
    for (std::size_t i = 0; i < count; ++i) {
      received.push_back({static_cast<int>(batch.at(i).ssi_signo), batch.at(i).ssi_code == SI_KERNEL,
                          batch.at(i).ssi_pid == static_cast<std::uint32_t>(::getpid())});
    }
    // A sender that never stops must not keep us here for ever; the loop comes back for the rest.
    if (received.size() >= 256) {
      return received;
    }
  }
}

}  // namespace jobinit::kernel
