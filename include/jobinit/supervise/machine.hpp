// The heart of supervision: a pure function (state, event) -> (state, actions) with absolute deadlines. It reads no
// clock and calls no kernel, so that every race of exit, timeout and stop signal is a row in a test's table.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "jobinit/base/choices.hpp"
#include "jobinit/base/text.hpp"
#include "jobinit/kernel/process.hpp"
#include "jobinit/supervise/memory_guard.hpp"
#include "jobinit/supervise/notification.hpp"

namespace jobinit::supervise {

// CLOCK_MONOTONIC: steps of the wall clock do not move a deadline; time that the machine sleeps does not count.
using TimePoint = std::chrono::steady_clock::time_point;

// Between jobinit's last act and the platform's SIGKILL.
inline constexpr Duration kLastBreath = std::chrono::milliseconds(200);

// Why jobinit itself ended the run; the first reason stands. All but the last are clocks, if only of when to look, and
// of several that are due the one that was due first counts, in a tie the one that stands first here.
enum class Intent {
  timeout,
  deadline,
  attempt_timeout,
  start_timeout,
  watchdog,
  idle_timeout,
  cpu_limit,
  memory_limit,
  stop
};

// Told to the job some time before the wall clock ends it.
struct Warning {
  Duration before{};
  int signal = 0;  // 0: none, only words on stderr
};

struct Policy {
  // Limits; 0: none.
  Duration timeout{};          // of the run, with all its attempts
  Duration attempt_timeout{};  // of this attempt
  Duration start_timeout{};    // until the job says READY=1
  Duration watchdog{};         // from one WATCHDOG=1 to the next, once the job is ready
  Duration idle_timeout{};     // without output
  Duration cpu_timeout{};      // CPU time of the whole tree
  int cpus = 1;                // how many seconds of it can pass in one
  MemoryWatch memory;          // what is watched of it
  bool memory_kills = false;   // at the memory limit there is no grace
  int memory_signal = 0;       // what is sent then; 0: the stop signal
  std::vector<Warning> warnings;
  Forward forward = Forward::group;
  std::map<int, int> rewrite;  // a signal that arrives, and what is passed on in its stead; 0: nothing
  Leftovers leftovers = Leftovers::kill;
  int stop_signal = 0;        // what a timeout sends
  bool patient = false;       // a stop request is passed on, and nothing more comes of it
  int farewell = 0;           // what the job's group gets when the main process has ended; 0: nothing
  bool interactive = false;   // a terminal: SIGINT is the job's own business there
  Duration stop_grace{};      // from a stop request to the platform's own SIGKILL
  Duration report_reserve{};  // the part of it that is kept for the report
  Duration leftover_grace{};  // from the main process' end to SIGKILL for what it left
  Duration drain_timeout{};   // how long the log reader may stand still at the end

  // From the stop signal to jobinit's own SIGKILL. Never the whole grace: the report needs its part of it.
  Duration grace() const;
  // What a clock is set to; 0 for those that are not a duration.
  Duration limit(Intent clock) const;
};

// The phases of a run, in the order they can follow each other.
enum class Phase {
  running,   // the main process runs
  stopping,  // the stop signal is out, the grace runs
  killing,   // SIGKILL is out, repeated until nobody is left
  settling,  // the main process has ended, what it left behind was told to stop
  draining,  // nobody is left, the last of the log is on its way
  finished,
};

// Events.
struct MainEnded {
  kernel::WaitStatus status;
};
struct TreeEmpty {};  // no child is left, and so no descendant
struct SignalArrived {
  int number = 0;
};
struct LogsMoved {};  // a byte of the log went out
struct LogsDone {};   // all of it has
struct DeadlineAt {   // where the absolute deadline is on the monotonic clock, told anew when the wall clock is set
  TimePoint when;
};
struct CpuUsed {  // the answer to MeasureCpu
  Duration used{};
};
struct MemoryUsed {  // the answer to MeasureMemory
  std::uint64_t bytes = 0;
  Duration cost{};  // how long it took to find out
};
struct TreeKilled {};  // KillTree is done, which takes its time where there are many processes
struct Tick {};        // time has passed
using Event = std::variant<MainEnded, TreeEmpty, SignalArrived, LogsMoved, LogsDone, Notification, DeadlineAt, CpuUsed,
                           MemoryUsed, TreeKilled, Tick>;

// Actions.
struct SignalJob {  // to the job's process group, or to the main process alone
  int number = 0;
  bool group = true;
};
struct SignalGroup {  // to what is left of the job's process group
  int number = 0;
};
struct SignalLeftovers {  // to every descendant
  int number = 0;
};
struct KillTree {};       // SIGKILL to every descendant
struct FinishLogs {};     // read what is left in the pipes, wait for no end of file
struct DropLogs {};       // give the rest up
struct MeasureCpu {};     // what the tree has used so far
struct MeasureMemory {};  // what the job uses now
struct NameProcesses {};  // note who uses the memory, before they are gone
struct WarnMemory {       // the job has come near its limit
  std::uint64_t bytes = 0;
};
struct Warn {  // the wall clock ends the job soon
  Duration left{};
};
using Action = std::variant<SignalJob, SignalGroup, SignalLeftovers, KillTree, FinishLogs, DropLogs, MeasureCpu,
                            MeasureMemory, NameProcesses, WarnMemory, Warn>;

struct State {
  Phase phase = Phase::running;
  std::optional<Intent> intent;
  std::optional<kernel::WaitStatus> main_status;
  std::set<int> forwarded;  // signals that were passed on to the job
  bool logs_done = false;
  bool unkillable = false;  // SIGKILL did not empty the tree: a process hangs in the kernel
  // When each limit is reached; for idle_timeout, cpu_limit and memory_limit, when to look whether it is.
  std::map<Intent, TimePoint> clocks;
  TimePoint last_output;            // or the start
  std::optional<Duration> warned;   // the last warning given, by how long it is before the end
  Duration watchdog{};              // the policy's, or what the job has set in its stead
  bool ready = false;               // the job has said READY=1
  std::optional<MemoryUse> memory;  // as it was seen last
  bool memory_warned = false;
  bool memory_named = false;                  // NameProcesses was acted
  std::optional<TimePoint> kill_at;           // stopping, settling: SIGKILL
  std::optional<TimePoint> rekill_at;         // killing: the next round
  std::optional<TimePoint> give_up_at;        // killing: no more rounds
  std::optional<TimePoint> drain_until;       // draining: when a standing reader is given up
  std::optional<TimePoint> platform_kill_at;  // after a stop request: when the platform's SIGKILL is due

  // When the wall clock ends the job; nullopt: it does not.
  std::optional<TimePoint> wall_end() const;
};

// The next moment at which a Tick is due; nullopt: nothing to wait for, and the process sleeps without a timer.
std::optional<TimePoint> next_deadline(const Policy& policy, const State& state);

struct Step {
  State state;
  std::vector<Action> actions;
};

State start(const Policy& policy, TimePoint now);

// Rules for what happens at once:
//  - the main process' end beats a stop signal or a timeout that is handled in the same turn of the loop: the caller
//    feeds MainEnded first, and a run that has ended cannot be stopped any more;
//  - the first intent stands: a stop request during a timeout's grace leaves the cause `timeout`, but its deadline
//    counts;
//  - a second stop request halves what is left of the grace, and so does each one after it;
//  - of two limits that are due in the same turn, the one that was due first is the cause;
//  - whatever ends the job, memory is watched until it is gone: near the container's limit there is no grace;
//  - EXTEND_TIMEOUT_USEC moves the timeouts of the run, the attempt, the start and the grace, never the deadline, and
//    never beyond what the platform leaves.
Step step(const Policy& policy, State state, const Event& event, TimePoint now);

// Signals by which a platform or a person asks for the end: SIGTERM, the stop signal, and SIGINT but on a terminal.
// Every other one is passed on and changes nothing; SIGQUIT, say, asks a JVM for a thread dump.
bool is_stop_request(const Policy& policy, int signal);
// The same of a signal as it arrives, before it is rewritten; one that is dropped asks for nothing.
bool asks_to_stop(const Policy& policy, int arrived);

}  // namespace jobinit::supervise
