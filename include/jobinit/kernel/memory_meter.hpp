// How much memory is in use that the kernel cannot reclaim: of a cgroup, or of processes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "jobinit/kernel/cgroup.hpp"
#include "jobinit/kernel/probe.hpp"

namespace jobinit::kernel {

// Of a cgroup; looking allocates nothing.
class MemoryMeter {
 public:
  // nullopt where its usage cannot be read.
  static std::optional<MemoryMeter> open(int version, const std::string& folder);

  // Bytes in use without what the kernel can take back: clean and dirty page cache, dentries and inodes (v1: all of the
  // kernel's own, of which it does not say how much could go). Memory in swap is in use. Up to `good_enough` the answer
  // may be too high: it is then the sum with the cache, which costs a small part of the exact one. nullopt: unreadable.
  std::optional<std::uint64_t> used(std::uint64_t good_enough) const;

 private:
  int version_ = 2;
  Probe usage_;
  Probe stat_;
  Probe swap_;    // v2; v1: the sum of memory and swap
  Probe kernel_;  // v1
};

// Of these processes together. What several share counts once where the kernel says so (smaps_rollup(5), for the owner
// or with CAP_SYS_PTRACE), which is asked only where the cheap sum of their resident sizes exceeds `good_enough`.
std::uint64_t memory_of(const std::vector<pid_t>& pids, std::uint64_t good_enough, const Root& root = {});

struct ProcessMemory {
  pid_t pid = 0;
  std::string name;         // as the kernel keeps it, at most 15 bytes: arguments may hold what is nobody's business
  std::uint64_t bytes = 0;  // resident and swapped, without files
};

// The largest first, at most so many.
std::vector<ProcessMemory> largest_of(const std::vector<pid_t>& pids, std::size_t at_most, const Root& root = {});

}  // namespace jobinit::kernel
