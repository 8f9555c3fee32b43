// Names under which jobinit takes another init's place: it then reads that one's flags and variables and keeps its
// habits. Pure.
#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "jobinit/base/choices.hpp"
#include "jobinit/base/happening.hpp"
#include "jobinit/cli/resolve.hpp"
#include "jobinit/kernel/signals.hpp"

namespace jobinit::cli {

// How a program was called.
struct Called {
  std::string program;  // argv[0]
  std::span<const std::string> arguments;
  std::span<const std::string> environment;
  int pid = 0;
  std::string_view version;  // jobinit's own
};

// What another init does, or does not do, and jobinit by its own name does otherwise.
struct Habits {
  Placement place = Placement::group;
  bool any_terminal = false;        // looks for the terminal at /dev/tty, not only at stdin
  bool subreaper = false;           // where it is not PID 1
  bool fresh_signals = false;       // the job starts with no signal blocked or ignored, whatever was found
  std::vector<int> blocked_in_job;  // blocked for the job, besides what was found
  std::set<int> suspends_on;        // signals with which it stops itself as well, once they are passed on
  int farewell = 0;                 // a signal to the job's group when its main process has ended
  bool leaves_folder = false;       // it goes to / while the job stays where it was started
  bool closes_descriptors = false;  // but for 0, 1 and 2, once the job has them
  bool names_listener = false;      // LISTEN_PID, where it names this process, becomes the job's
  bool pause = false;               // there is no job: reap until asked to stop
  // How much it says.
  int verbosity = 0;
  bool tells_of_reaped = false;
  std::string command;  // what it calls the job
};

// The run is over before it began: help, a version, an error.
struct Answer {
  Line line;
  int exit_code = 0;
};

struct DropIn {
  Arguments arguments;  // as parse_arguments() would give them; what is usual for the peer has Source::platform
  Habits habits;
  Lines opening;  // said before anything else
  std::optional<Answer> answer;
};

struct Peer {
  std::string_view name;
  std::span<const std::string_view> names;  // by which a program is known for it
  kernel::Reach reach;                      // the signals that it passes on
  int own_failure;                          // its exit code for those
  DropIn (*read)(const Called& called);
  Lines (*narrate)(const Habits& habits, const Happening& happening, int own_pid);
  // The exit code, and what is said, when the command cannot be started for this errno.
  int (*exec_failure)(int code);
};

// By the last part of the program's path; null: jobinit by its own name.
const Peer* find_peer(std::string_view program);

// Whether a command is jobinit itself, so that the settings in the environment are for that one.
bool is_jobinit(std::string_view command);

}  // namespace jobinit::cli
