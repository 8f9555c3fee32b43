// How a run ended: facts in, one cause and one exit code out. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "jobinit/base/cause.hpp"
#include "jobinit/base/choices.hpp"
#include "jobinit/kernel/memory_meter.hpp"
#include "jobinit/supervise/machine.hpp"

namespace jobinit::supervise {

struct ExitPolicy {
  std::set<int> success_codes{0};
  std::map<std::string, int> by_cause;
  std::map<int, int> remap;
};

// What an OOM kill is told by.
enum class OomEvidence {
  none,
  at_end,      // the kernel counted it as the main process died
  during_run,  // it counted one at some time of the run, and nobody can say when: most likely this one
  exit_code,   // it counted one, and the main process exited as a shell does whose child was killed
};

struct Verdict {
  Cause cause = Cause::internal;
  int exit_code = 125;               // what jobinit exits with
  std::optional<int> job_exit_code;  // set when the main process exited by itself
  std::optional<int> signal;         // set when a signal killed it
  OomEvidence oom_evidence = OomEvidence::none;
};

// What is known when everything is over.
struct Facts {
  std::optional<kernel::WaitStatus> status;  // nullopt: it could not even be killed, or its status went astray
  std::optional<Intent> intent;
  std::set<int> forwarded;
  bool unkillable = false;
  std::uint64_t oom_kills = 0;  // that the cgroup counted during the run
  // Of these, since the main process was seen to have outlived the others; nullopt: nobody can say when they were.
  std::optional<std::uint64_t> oom_kills_at_end = std::nullopt;
};

Verdict judge(const Facts& facts, const ExitPolicy& policy);
// For an ending without a run: rejected, not_started, internal.
Verdict judge(Cause cause, int exit_code, const ExitPolicy& policy);

// Where a memory figure comes from.
enum class PeakSource {
  none,
  cgroup,   // the whole container, page cache included
  process,  // the largest single process that was waited for
};

struct Resources {
  std::chrono::microseconds cpu_user{};
  std::chrono::microseconds cpu_system{};
  std::optional<std::uint64_t> peak_memory;  // bytes
  PeakSource peak_source = PeakSource::none;
  std::optional<std::uint64_t> peak_swap;     // bytes
  std::optional<std::uint64_t> memory_limit;  // bytes
  MemoryTier memory_tier = MemoryTier::off;   // who enforced it; off: the kernel at the container's limit
  std::optional<std::uint64_t> oom_kills;
  // Of the cgroup during the run (kernel::MemoryCounters).
  std::optional<std::uint64_t> limit_hits;
  std::optional<std::uint64_t> throttled;
  std::optional<std::chrono::microseconds> stalled_some;
  std::optional<std::chrono::microseconds> stalled_full;
  std::optional<std::uint64_t> pressure_notices;  // how often the kernel woke the guard; nullopt: it does not do that
  std::uint64_t major_faults = 0;  // of what was reaped: pages that had to be read in, and those that had not
  std::uint64_t minor_faults = 0;
  std::optional<Duration> memory_warned_after;  // from the start, when --memory-warn was reached
  std::vector<kernel::ProcessMemory> largest;   // who used the memory when the guard ended the job
};

struct StreamLog {
  std::string name;                     // "stdout", "stderr", or "output" when both went to the same place
  std::uint64_t bytes = 0;              // read from the job
  std::uint64_t dropped = 0;            // of those, never written
  std::uint64_t suppressed = 0;         // beyond the rate
  std::optional<std::uint64_t> lines;   // line ends; nullopt: some passed unread
  std::optional<Duration> first_after;  // from the start to the first byte
  std::string failure;                  // why some could not be written; empty: all could
  std::string tail;
  bool tail_truncated = false;
};

// --log-file, over all attempts.
struct LogFileUse {
  std::string path;
  std::uint64_t bytes = 0;    // written
  std::uint64_t dropped = 0;  // bytes
  std::uint64_t rotations = 0;
  std::string failure;  // the first thing that went wrong
};

// One of several goes at a job.
struct Attempt {
  Verdict verdict;
  std::optional<Intent> limit;
  std::chrono::system_clock::time_point started_at;
  Duration duration{};
};

// What the job said of itself (sd_notify(3)).
struct SelfReport {
  std::optional<Duration> ready_after;  // from its start to READY=1
  bool stopping = false;                // STOPPING=1
  std::string status;                   // the last STATUS=
};

// All that is known about a run once it is over.
struct Outcome {
  Verdict verdict;
  std::optional<Intent> limit;  // which one was reached, if that ended it
  Duration limit_value{};       // what it was set to; 0 for a deadline
  std::vector<Attempt> attempts;
  SelfReport self_report;
  std::vector<std::string> problems;  // why it was refused, or could not be started
  int start_failure = 0;              // errno, when it could not be started
  std::chrono::system_clock::time_point started_at;
  std::chrono::system_clock::time_point ended_at;
  Duration duration{};
  Resources resources;
  std::vector<StreamLog> streams;  // empty when the job had jobinit's own stdout and stderr
  std::optional<LogFileUse> log_file;
  std::string tail;  // of all streams, in the order they were read
  bool tail_truncated = false;
  std::uint64_t reaped = 0;    // orphans, the main process not counted
  std::uint64_t leftover = 0;  // processes that were alive when the main process ended
  std::uint64_t killed = 0;    // of the tree, by jobinit's SIGKILL
  bool unkillable = false;
  std::optional<TimePoint> platform_kill_at;  // when the platform's SIGKILL is due, once it has asked for the end
};

}  // namespace jobinit::supervise
