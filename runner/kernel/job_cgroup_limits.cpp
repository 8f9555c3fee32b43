#include "job_cgroup_limits.hpp"

#include <algorithm>
#include <cerrno>

#include "jobinit/base/text.hpp"

namespace jobinit::kernel {
namespace {

Result<void> set(CgroupTree& tree, const std::string& file, std::string_view value) {
  const int code = tree.write(file, value);
  return code == 0 ? Result<void>() : system_error(code, fmt::format("writing \"{}\" to {}", value, file));
}

// The file is not there without CONFIG_SWAP, or with swapaccount=0: then there is nothing to be limited.
Result<void> set_swap(CgroupTree& tree, const std::string& file, std::uint64_t bytes) {
  auto done = set(tree, file, fmt::format("{}", bytes));
  return !done && done.failure().code == ENOENT ? Result<void>() : done;
}

}  // namespace

Result<void> limit_processes(CgroupTree& tree, const std::string& group, std::uint64_t processes) {
  return set(tree, group + "/pids.max", fmt::format("{}", processes));
}

Result<void> limit_v2(CgroupTree& tree, const std::string& above, const std::string& group,
                      const JobCgroupLimits& limits) {
  Result<void> done;
  // A program reads its own group's limit, not those above.
  const std::string memory = limits.memory ? fmt::format("{}", *limits.memory) : value_in(above + "/memory.max");
  if (!memory.empty()) {
    done = set(tree, group + "/memory.max", memory);
  }
  if (done && limits.swap) {
    done = set_swap(tree, group + "/memory.swap.max", *limits.swap);
  }
  if (done && limits.processes) {
    done = limit_processes(tree, group, *limits.processes);
  }
  // Who set the container up wanted all of its processes killed at once, or not; what hits the job's own limit looks
  // only at the job's group ("memory.oom.group").
  if (done && value_in(above + "/memory.oom.group") == "1") {
    done = set(tree, group + "/memory.oom.group", "1");
  }
  // The quota holds from above anyway. This is for who reads it, such as a JVM that counts its threads by it.
  if (const std::string quota = value_in(above + "/cpu.max"); done && !quota.empty() && !quota.starts_with("max")) {
    tree.write(group + "/cpu.max", quota);
  }
  return done;
}

Result<void> limit_v1(CgroupTree& tree, const std::string& group, const JobCgroupLimits& limits) {
  if (!limits.memory) {
    return {};
  }
  auto done = set(tree, group + "/memory.limit_in_bytes", fmt::format("{}", *limits.memory));
  if (done && limits.swap) {
    // Memory and swap together; never below the limit of memory alone, which therefore comes first.
    const std::uint64_t both = *limits.memory + std::min(*limits.swap, ~*limits.memory);
    done = set_swap(tree, group + "/memory.memsw.limit_in_bytes", both);
  }
  return done;
}

}  // namespace jobinit::kernel
