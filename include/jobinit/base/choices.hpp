// Settings that are one of a few words, where more than one room needs them. The words are in runner/cli/table.cpp, in
// the order of the enums.
#pragma once

namespace jobinit {

// Where the job is put.
enum class Placement {
  session,           // a session and process group of its own, without a terminal
  group,             // a process group of its own in our session, and so at our terminal
  terminal_session,  // a session of its own that takes over the terminal at stdin
  ours,              // where we are
};

// Whom a signal that jobinit gets is passed on to.
enum class Forward {
  group,  // the job's process group
  child,  // the main process alone
  none,   // nobody; a stop request still ends the job, by the stop signal
};

// What becomes of processes that outlive the main process.
enum class Leftovers {
  kill,    // stop signal, grace, SIGKILL
  wait,    // they are part of the job: the run ends with the last of them
  ignore,  // the run ends with the main process
};

// By what means the job is kept to its memory limit.
enum class MemoryTier {
  automatic,  // the best of the others that the container gives, where there is a need
  cgroup,     // the kernel does, in a cgroup that only the job is in
  guard,      // PID 1 watches, and ends the job before the kernel's OOM killer would strike
  off,        // nobody but the kernel at the container's limit
};

// What the job's output looks like when it comes out again.
enum class LogFormat {
  raw,   // as it came
  text,  // a line is a line, with time and stream before it
  json,  // a line is an object
};

// What a line of the log tells, in text and json.
enum class LogField {
  time,
  stream,
  msg,
  job,
  run_id,
};

// How exact the time is.
enum class LogTime {
  microseconds,
  milliseconds,
  seconds,
  none,  // it is left out
};

// When colours are used.
enum class Colours {
  automatic,  // on a terminal
  always,
  never,
};

}  // namespace jobinit
