// The memory control group that this process lives in, cgroup v1, v2 or hybrid, read only.
// Sources: Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst of the kernel, proc(5), cgroups(7).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "jobinit/kernel/files.hpp"

namespace jobinit::kernel {

class MemoryCgroup {
 public:
  // Finds the group by /proc/self/cgroup and /proc/self/mountinfo; nullopt where there is none to be seen.
  static std::optional<MemoryCgroup> find(const Root& root = {});

  int version() const { return version_; }
  // From the innermost group outwards, as far as the mount shows.
  const std::vector<std::string>& folders() const { return folders_; }

  // The tightest limit of the group and its visible ancestors, in bytes; nullopt: none.
  std::optional<std::uint64_t> limit() const;
  // The most this group has ever used, page cache included; nullopt where the kernel does not say (v2 before 5.19).
  std::optional<std::uint64_t> peak() const;
  // How many processes of this group the OOM killer has killed; nullopt where the kernel does not say.
  std::optional<std::uint64_t> oom_kills() const;
  // The file with that count, for somebody who looks when this process is gone.
  std::string oom_file() const;
  static std::optional<std::uint64_t> oom_kills_in(const std::string& oom_file);
  // True when this process, its parent and those it knows are alone in the group, so that what it counts is ours.
  bool exclusive(const std::set<pid_t>& known = {}) const;

 private:
  int version_ = 2;
  std::vector<std::string> folders_;
  Root root_;
};

}  // namespace jobinit::kernel
