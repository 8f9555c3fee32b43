#include "jobinit/kernel/terminal.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace jobinit::kernel {

bool is_controlling_terminal(int fd) {
  const pid_t session = ::tcgetsid(fd);  // fails for a terminal that is not ours
  return session >= 0 && session == ::getsid(0);
}

Fd open_controlling_terminal() { return Fd(::open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC)); }

bool in_foreground(int terminal) { return ::tcgetpgrp(terminal) == ::getpgrp(); }

void give_foreground(int terminal, pid_t group) { ::tcsetpgrp(terminal, group); }

void take_foreground_back(int terminal, pid_t group) {
  const pid_t now = ::tcgetpgrp(terminal);
  const bool gone = now > 0 && ::kill(-now, 0) != 0 && errno == ESRCH;
  if (now == group || gone) {
    ::tcsetpgrp(terminal, ::getpgrp());
  }
}

bool stop_own_group() {
  sigset_t stop;
  ::sigemptyset(&stop);
  ::sigaddset(&stop, SIGTSTP);
  sigset_t before;
  ::sigprocmask(SIG_UNBLOCK, &stop, &before);
  ::kill(0, SIGTSTP);  // which also forgets a SIGCONT that was pending (signal(7))
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  sigset_t pending;
  return ::sigpending(&pending) == 0 && ::sigismember(&pending, SIGCONT) == 1;
}

void stop_self() { ::kill(::getpid(), SIGSTOP); }

Left leave_terminal(int terminal) {
  if (::ioctl(terminal, TIOCNOTTY) != 0) {
    return Left::not_at_all;
  }
  return ::getsid(0) == ::getpid() ? Left::as_leader : Left::as_member;
}

void adopt_terminal(int terminal) { ::ioctl(terminal, TIOCSCTTY, 0); }

}  // namespace jobinit::kernel
