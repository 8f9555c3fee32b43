// Bounds on a job's log, where more than one room needs them.
#pragma once

#include <cstdint>

namespace jobinit {

// What is done with output that the log's reader does not take in time.
enum class LogOverflow {
  block,  // the job waits
  drop,   // what does not fit is left out, counted and told
};

// A second's worth; 0: no limit.
struct LogRate {
  std::uint64_t lines = 0;
  std::uint64_t bytes = 0;
  bool none() const { return lines == 0 && bytes == 0; }
  bool operator==(const LogRate&) const = default;
};

// 0 bytes: the file grows without end. Otherwise it has so many bytes at most, but for what stands there already and
// for a line that is longer, and so many older ones are kept beside it.
struct LogRotation {
  std::uint64_t bytes = 0;
  unsigned kept = 0;
  bool operator==(const LogRotation&) const = default;
};

}  // namespace jobinit
