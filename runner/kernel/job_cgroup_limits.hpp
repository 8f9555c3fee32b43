// Writing a job group's limits into its files.
#pragma once

#include <cstdint>
#include <string>

#include "jobinit/kernel/job_cgroup.hpp"

namespace jobinit::kernel {

// `above`: the group that was divided, whose own limits are shown to whoever reads the new one's.
Result<void> limit_v2(CgroupTree& tree, const std::string& above, const std::string& group,
                      const JobCgroupLimits& limits);
// Of the memory controller's group: memory and swap.
Result<void> limit_v1(CgroupTree& tree, const std::string& group, const JobCgroupLimits& limits);
// Of the pids controller's group; the file is the same in both versions.
Result<void> limit_processes(CgroupTree& tree, const std::string& group, std::uint64_t processes);

}  // namespace jobinit::kernel
