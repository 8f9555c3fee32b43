// The state of runs in a folder that outlives them (--state-dir), so that a run whose PID 1 dies without a word is
// reported all the same. A run has two files there: RUN_ID.lock, on which PID 1 holds a lock as long as it lives, and
// RUN_ID.json, what is to be told should the lock fall. No credentials are in them: whoever finds them uses sinks of
// its own.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "jobinit/kernel/cgroup.hpp"
#include "jobinit/kernel/lock.hpp"
#include "jobinit/report/report.hpp"

namespace jobinit::deliver {

class KeptState {
 public:
  // Takes the lock. The folder must be there.
  static Result<KeptState> open(const std::string& folder, const std::string& run_id);

  Result<void> keep(const report::Document& report) const;
  // Nothing is left to be told.
  void drop();

 private:
  KeptState(std::string stem, kernel::FileLock lock);

  std::string stem_;  // path without extension
  std::optional<kernel::FileLock> lock_;
  std::string oom_file_;  // empty: the kernel counts for nobody
  std::optional<std::uint64_t> oom_kills_before_;
};

// A run whose lock has fallen. It is the finder's, and nobody else's, until this is destroyed.
struct AbandonedRun {
  std::string stem;
  kernel::FileLock lock;
  report::Document report;
};

// Errors of single files are added to `problems`, and their files left alone.
std::vector<AbandonedRun> find_abandoned(const std::string& folder, std::vector<std::string>& problems);

// Once it is reported.
void remove(const AbandonedRun& run);

}  // namespace jobinit::deliver
