// What the cgroup says of a job: its counters before, for telling the job's part of them at the end.
#pragma once

#include <optional>
#include <set>

#include "jobinit/kernel/cgroup.hpp"
#include "jobinit/supervise/outcome.hpp"

namespace jobinit::supervise {

class MemoryWitness {
 public:
  // `known`: processes that are not strangers in the group, though they are not the job's.
  explicit MemoryWitness(const std::set<pid_t>& known);

  // As far as they can only have been the job's: in a group shared with strangers a kill may be theirs.
  std::uint64_t own_oom_kills() const { return exclusive_ ? resources_.oom_kills.value_or(0) : 0; }

  // Once the job is reaped: the counter has moved before its status could be read.
  void look();
  // What a process that was reaped has used.
  void add(const kernel::Usage& usage);

  const Resources& resources() const { return resources_; }

 private:
  std::optional<kernel::MemoryCgroup> group_;
  std::optional<std::uint64_t> oom_kills_before_;
  std::optional<std::uint64_t> peak_before_;
  bool exclusive_ = false;
  Resources resources_;
};

}  // namespace jobinit::supervise
