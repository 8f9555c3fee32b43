// Slurm. sbatch(1), "OUTPUT ENVIRONMENT VARIABLES"; slurm.conf(5), KillWait, default 30 s.
#include <array>

#include "jobinit/base/environment.hpp"
#include "jobinit/platform/platform.hpp"

namespace jobinit::platform {

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
  return platform;
}

}  // namespace jobinit::platform
