// What happens during a run, for whoever tells of it while it goes on.
#pragma once

#include <string>
#include <vector>

namespace jobinit {

struct Happening {
  enum What {
    no_reaper,        // not PID 1 and no subreaper: orphans go elsewhere
    left_terminal,    // given up, so that the job's session can have it; number: 0, or 1 as its session's leader
    kept_terminal,    // it could not be given up; number: errno
    started,          // pid
    could_not_start,  // number: errno
    children_ended,   // some are there to be reaped
    reaped,           // pid, main, signaled, number
    signal_arrived,   // number
    ignored,          // number: what the kernel sent for the terminal's sake
    rewritten,        // number, into
    forwarded,        // number, reached
    dropped,
    suspended,  // and continued
    ended,      // signaled, number: the run is over
  };
  What what = started;
  int pid = 0;
  int number = 0;  // a signal, an exit code or errno
  int into = 0;
  bool main = false;
  bool signaled = false;
  bool reached = true;
};

// A text for a descriptor, with its end of line.
struct Line {
  int fd = 2;
  std::string text;
  bool operator==(const Line&) const = default;
};
using Lines = std::vector<Line>;

}  // namespace jobinit
