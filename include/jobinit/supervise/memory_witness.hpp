// What the kernel says of a job's memory: counters before it, for telling the job's part of them at the end, and how
// much it uses now.
#pragma once

#include <optional>
#include <set>

#include "jobinit/kernel/cgroup.hpp"
#include "jobinit/kernel/job_cgroup.hpp"
#include "jobinit/kernel/memory_meter.hpp"
#include "jobinit/kernel/probe.hpp"
#include "jobinit/supervise/memory_guard.hpp"
#include "jobinit/supervise/outcome.hpp"

namespace jobinit::supervise {

// What there is to enforce a limit with. `group` is the container's, where there is one; `wished`: the user wants a
// limit; `asked`: a cgroup for the job.
MemoryFacts look_at_container(const std::optional<kernel::MemoryCgroup>& group, bool wished, bool asked);

class MemoryWitness {
 public:
  // `known`: processes that are not strangers in the group, though they are not the job's.
  MemoryWitness(std::optional<kernel::MemoryCgroup> group, const std::set<pid_t>& known);
  // Of a group that only the job will ever be in.
  explicit MemoryWitness(const kernel::JobCgroup& group);

  // As far as they can only have been the job's: in a group shared with strangers a kill may be theirs.
  std::uint64_t own_oom_kills() const { return exclusive_ ? resources_.oom_kills.value_or(0) : 0; }

  // Readable when the group may have counted something (kernel::MemoryCgroup), until that is acknowledged.
  const kernel::Fd& notices() const { return notices_; }
  void acknowledge() const { kernel::MemoryCgroup::acknowledge(notices_); }
  void watch_for_kills();
  // Whether the OOM killer has struck since the last call.
  bool see_whether_killed();
  bool has_seen_kills() const { return seen_ > before_.oom_kills.value_or(0); }
  // What was counted so far has not been the main process.
  void main_process_lives() { outlived_ = seen_; }
  // When the main process' status is known: how many there were since; nullopt where nobody was told when they were.
  std::optional<std::uint64_t> kills_at_end();

  // Opens what used() needs. `by_job`: what is watched is the job's own use, not the container's.
  void prepare_to_measure(bool by_job);
  // Has an urgent condition when memory has become scarce where it is measured: a good time to look. May be empty.
  kernel::Fd pressure_notices(bool by_job) const;
  // Bytes that cannot be reclaimed; up to `good_enough` the answer may be too high. `tree`: the job's processes, asked
  // for only where no cgroup answers for them.
  template <typename Tree>
  std::optional<std::uint64_t> used(std::uint64_t good_enough, const Tree& tree) const {
    return meter_ ? meter_->used(good_enough) : kernel::memory_of(tree(), good_enough);
  }

  // Once the job is reaped: the counter has moved before its status could be read.
  void look();
  // What a process that was reaped has used.
  void add(const kernel::Usage& usage);

  const Resources& resources() const { return resources_; }

 private:
  // Where memory is measured; null where no cgroup says how much the job uses.
  const std::string* measured_folder(bool by_job) const;

  std::optional<kernel::MemoryCgroup> group_;
  std::optional<kernel::MemoryMeter> meter_;
  kernel::MemoryCounters before_;
  std::optional<std::uint64_t> peak_before_;
  std::optional<std::uint64_t> swap_before_;
  kernel::Fd notices_;
  kernel::Probe kills_;
  std::uint64_t seen_ = 0;      // kills that were counted when last looked
  std::uint64_t outlived_ = 0;  // of these, by the main process
  std::chrono::steady_clock::time_point looked_;
  bool exclusive_ = false;
  Resources resources_;
};

}  // namespace jobinit::supervise
