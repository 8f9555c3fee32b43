// A control group of its own for the job, where the cgroup tree is ours to divide: the kernel's OOM killer then strikes
// in there, and never PID 1.
// Sources: Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst of the kernel, cgroups(7),
// https://systemd.io/CGROUP_DELEGATION.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "jobinit/kernel/cgroup_place.hpp"
#include "jobinit/kernel/cgroup_tree.hpp"
#include "jobinit/kernel/fd.hpp"

namespace jobinit::kernel {

// What is unset is limited by the groups above alone.
struct JobCgroupLimits {
  // Bytes, page cache and kernel memory included. Well below the limit of the group above, which also counts ours: what
  // hits that one is not the job's affair alone, and where memory.oom.group is set, PID 1 dies of it too.
  std::optional<std::uint64_t> memory;
  std::optional<std::uint64_t> swap;       // bytes beyond `memory`; 0: none. Ignored where the kernel counts no swap
  std::optional<std::uint64_t> processes;  // threads included, as the kernel counts
};

// One group that a job lives in. It goes with the object, and with it those that the job made below it; what somebody
// lives in still is left behind.
class JobCgroup {
 public:
  JobCgroup(JobCgroup&&) noexcept = default;
  JobCgroup& operator=(JobCgroup&& other) noexcept;
  JobCgroup(const JobCgroup&) = delete;
  JobCgroup& operator=(const JobCgroup&) = delete;
  ~JobCgroup() { remove(); }

  int version() const { return version_; }
  // Where the memory controller's files of the group are.
  const std::string& folder() const { return folders_.front(); }

  // What the job's first process gives to join_cgroups() before exec. Owned by this object, close-on-exec.
  std::vector<int> procs_fds() const;

  // SIGKILL to everybody in the group and below it, also to who is being forked (cgroup.kill, Linux 5.14). False where
  // the kernel cannot do that.
  bool kill();
  // Everybody in the group and below it, zombies not included. Bounded, not cheap: a file a group.
  std::vector<pid_t> members() const;
  // Whether members() has anybody, for the price of one file where the kernel says so (v2).
  bool populated() const;

 private:
  friend class JobCgroups;
  JobCgroup(CgroupTree& tree, int version) : tree_(&tree), version_(version) {}
  void remove();

  CgroupTree* tree_;
  int version_;
  std::vector<std::string> folders_;  // the first is that of the memory controller; in v1 a second for pids
  std::vector<Fd> procs_;
};

// In the job's first process: it moves there, and what it starts is born there. 0 or an errno value.
// Async-signal-safe, also after vfork(2).
int join_cgroups(const int* procs_fds, std::size_t count);

// Where job groups are made; one for a run. With cgroup v2 this process and all others of its group live in a leaf as
// long as this object does, since a group with processes of its own cannot divide its memory ("no internal processes").
class JobCgroups {
 public:
  // The error says in words why it cannot be done; then nothing has changed. `asked`: the user says that the group is
  // ours to divide (see why_not_ours()). `tree` outlives all of it.
  static Result<JobCgroups> open(bool asked, const Root& root = {}, CgroupTree& tree = CgroupTree::real());

  // Undoes what open() did, as far as the kernel lets it: what a job left behind may keep it from that.
  ~JobCgroups();
  JobCgroups(JobCgroups&&) noexcept;
  JobCgroups& operator=(JobCgroups&&) noexcept;
  JobCgroups(const JobCgroups&) = delete;
  JobCgroups& operator=(const JobCgroups&) = delete;

  int version() const;
  // The group that was divided: this process' own, before.
  const std::string& folder() const;

  // A new, empty group. To be destroyed before this object.
  Result<JobCgroup> make(const JobCgroupLimits& limits);

 private:
  class Division;
  explicit JobCgroups(std::unique_ptr<Division> division);
  std::unique_ptr<Division> division_;
};

}  // namespace jobinit::kernel
