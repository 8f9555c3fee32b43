// Google Cloud Run jobs. "Container runtime contract": SIGTERM comes 10 s before SIGKILL.
#include <array>

#include "jobinit/base/environment.hpp"
#include "jobinit/platform/platform.hpp"

namespace jobinit::platform {

std::optional<Platform> detect_cloud_run(Environment environment, const kernel::Root& /*root*/) {
  static constexpr std::array<std::string_view, 5> names{"CLOUD_RUN_JOB", "CLOUD_RUN_EXECUTION", "CLOUD_RUN_TASK_INDEX",
                                                         "CLOUD_RUN_TASK_COUNT", "CLOUD_RUN_TASK_ATTEMPT"};
  const auto job = lookup(environment, "CLOUD_RUN_JOB");
  if (!job) {
    return std::nullopt;
  }
  Platform platform;
  platform.name = "cloud-run";
  platform.job_name = *job;
  platform.stop_grace = std::chrono::seconds(10);
  platform.ids = present(environment, names);
  platform.index = number(environment, "CLOUD_RUN_TASK_INDEX");
  platform.count = number(environment, "CLOUD_RUN_TASK_COUNT");
  if (const auto retries = number(environment, "CLOUD_RUN_TASK_ATTEMPT")) {  // 0 the first time
    platform.attempt = *retries + 1;
  }
  return platform;
}

}  // namespace jobinit::platform
