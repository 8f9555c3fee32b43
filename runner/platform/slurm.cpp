// Slurm. sbatch(1), "OUTPUT ENVIRONMENT VARIABLES"; slurm.conf(5), KillWait, default 30 s.
#include <array>

#include "jobinit/base/environment.hpp"
#include "jobinit/platform/platform.hpp"

namespace jobinit::platform {

namespace {

// An array such as 10-50:10 becomes 0 to 4; of one that is a list, like 1,3,7, only Slurm knows which task is which.
void take_array(Environment environment, Platform& platform) {
  const auto id = number(environment, "SLURM_ARRAY_TASK_ID");
  const auto first = number(environment, "SLURM_ARRAY_TASK_MIN");
  const auto last = number(environment, "SLURM_ARRAY_TASK_MAX");
  const std::uint64_t step = number(environment, "SLURM_ARRAY_TASK_STEP").value_or(1);
  const auto count = number(environment, "SLURM_ARRAY_TASK_COUNT");
  if (!id || !first || !last || step == 0 || *id < *first || *last < *first || *id > *last) {
    return;
  }
  const bool even = (*id - *first) % step == 0 && (!count || (*last - *first) / step + 1 == *count);
  if (even) {
    platform.index = (*id - *first) / step;
    platform.count = count ? count : (*last - *first) / step + 1;
  }
}

}  // namespace

std::optional<Platform> detect_slurm(Environment environment, const kernel::Root& /*root*/) {
  static constexpr std::array<std::string_view, 6> names{"SLURM_JOB_ID",        "SLURM_JOB_NAME",
                                                         "SLURM_ARRAY_JOB_ID",  "SLURM_ARRAY_TASK_ID",
                                                         "SLURM_RESTART_COUNT", "SLURM_CLUSTER_NAME"};
  if (!lookup(environment, "SLURM_JOB_ID")) {
    return std::nullopt;
  }
  Platform platform;
  platform.name = "slurm";
  platform.job_name = lookup(environment, "SLURM_JOB_NAME").value_or("");
  platform.stop_grace = std::chrono::seconds(30);
  platform.ids = present(environment, names);
  take_array(environment, platform);
  if (const auto restarts = number(environment, "SLURM_RESTART_COUNT")) {
    platform.attempt = *restarts + 1;
  }
  return platform;
}

}  // namespace jobinit::platform
