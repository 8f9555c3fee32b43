// The memory control group that this process lives in, cgroup v1, v2 or hybrid, read only.
// Sources: Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst of the kernel, proc(5), cgroups(7).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "jobinit/kernel/cgroup_place.hpp"
#include "jobinit/kernel/fd.hpp"
#include "jobinit/kernel/files.hpp"

namespace jobinit::kernel {

// What a group has counted since it was made. nullopt: this kernel does not say.
struct MemoryCounters {
  std::optional<std::uint64_t> oom_kills;   // processes that the OOM killer has killed in it
  std::optional<std::uint64_t> limit_hits;  // times that its limit was reached and something had to be reclaimed
  std::optional<std::uint64_t> throttled;   // times that its processes were held up at memory.high (v2)
  // Time that some, or all, of its processes stood still for want of memory (v2, Documentation/accounting/psi.rst).
  std::optional<std::chrono::microseconds> stalled_some;
  std::optional<std::chrono::microseconds> stalled_full;
};

class MemoryCgroup {
 public:
  // Finds the group by /proc/self/cgroup and /proc/self/mountinfo; nullopt where there is none to be seen.
  static std::optional<MemoryCgroup> find(const Root& root = {});

  // A group that is known already: its folder, without anything above it.
  static MemoryCgroup at(int version, std::string folder);

  int version() const { return version_; }
  // Where find() found it.
  const CgroupPlace& place() const { return place_; }
  // From the innermost group outwards, as far as the mount shows.
  const std::vector<std::string>& folders() const { return folders_; }

  // The tightest limit of the group and its visible ancestors, in bytes; nullopt: none.
  std::optional<std::uint64_t> limit() const;
  // The folder with that limit; the innermost where there is none.
  const std::string& limiting_folder() const;
  // Bytes beyond the limit that the group may have in swap; 0 on a machine without.
  std::uint64_t swap_room() const;
  // Whether the OOM killer takes all of a group instead of one process (v2, memory.oom.group).
  bool kills_group() const;
  MemoryCounters counters() const;
  // The most this group has ever used, page cache included; nullopt where the kernel does not say (v2 before 5.19).
  std::optional<std::uint64_t> peak() const;
  // The most it ever had in swap, in bytes (v2 since 6.5; v1 counts only the sum with memory).
  std::optional<std::uint64_t> peak_swap() const;
  // Has an urgent condition (POLLPRI) whenever processes of the group in `folder` have begun to stand still for want of
  // memory, at most once in a window (psi.rst). Empty where the group is not ours to write to, and in v1.
  Fd pressure_notices(const std::string& folder) const;
  // How many processes of this group the OOM killer has killed; nullopt where the kernel does not say.
  std::optional<std::uint64_t> oom_kills() const;
  // Readable when something has been counted: then acknowledge() and look. Empty where nobody tells (v1; out of inotify
  // instances, of which a user has 128).
  Fd notices() const;
  static void acknowledge(const Fd& notices);
  // The file with that count, for somebody who looks when this process is gone.
  std::string oom_file() const;
  static std::optional<std::uint64_t> oom_kills_in(const std::string& oom_file);
  // True when this process, its parent and those it knows are alone in the group, so that what it counts is ours.
  bool exclusive(const std::set<pid_t>& known = {}) const;

 private:
  struct Tightest {
    const std::string* folder;
    std::uint64_t bytes;
  };
  Tightest tightest() const;

  int version_ = 2;
  std::vector<std::string> folders_;
  Root root_;
  CgroupPlace place_;
};

}  // namespace jobinit::kernel
