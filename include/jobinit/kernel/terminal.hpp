// The controlling terminal, and which process group has it in the foreground (termios(3), credentials(7)).
#pragma once

#include <sys/types.h>

#include "jobinit/kernel/fd.hpp"

namespace jobinit::kernel {

// Whether this is the controlling terminal of our session, and not any terminal.
bool is_controlling_terminal(int fd);

// /dev/tty, close-on-exec; empty where the session has no terminal.
Fd open_controlling_terminal();

// Whether our own process group has the terminal.
bool in_foreground(int terminal);

// Async-signal-safe. SIGTTOU must be ignored or blocked, or a background process is stopped by asking.
void give_foreground(int terminal, pid_t group);

// The terminal back to our own group, if `group` has it or one that is gone. Whoever else has it keeps it.
void take_foreground_back(int terminal, pid_t group);

// As if Ctrl-Z had been meant for us: stops our whole process group, as the kernel would have. Returns true once
// somebody has continued us; false at once where nobody could (an orphaned group, PID 1): the kernel then discards the
// signal (setpgid(2), "orphaned process group").
bool stop_own_group();

// SIGSTOP for this process alone; returns once it is continued. Does nothing as PID 1.
void stop_self();

// This session gives `terminal` up. True: we were its leader, and the kernel now sends our group SIGHUP and SIGCONT
// (ioctl_tty(2), TIOCNOTTY).
enum class Left { not_at_all, as_member, as_leader };
Left leave_terminal(int terminal);

// In a child that is a session's leader: makes `terminal` its own. Async-signal-safe.
void adopt_terminal(int terminal);

}  // namespace jobinit::kernel
