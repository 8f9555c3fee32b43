// Amazon ECS, on Fargate and EC2. Developer guide, "Task metadata endpoint version 4", "stopTimeout" (default 30 s).
#include <array>

#include "jobinit/base/environment.hpp"
#include "jobinit/platform/platform.hpp"

namespace jobinit::platform {

std::optional<Platform> detect_ecs(Environment environment, const kernel::Root& /*root*/) {
  // The metadata URI holds the container's id, but reads like a URL to whoever sees the report; the region is enough
  // until deliver asks the endpoint itself.
  static constexpr std::array<std::string_view, 2> names{"AWS_EXECUTION_ENV", "AWS_REGION"};
  const auto execution = lookup(environment, "AWS_EXECUTION_ENV");
  if (!lookup(environment, "ECS_CONTAINER_METADATA_URI_V4") && !(execution && execution->starts_with("AWS_ECS"))) {
    return std::nullopt;
  }
  Platform platform;
  platform.name = "ecs";
  platform.stop_grace = std::chrono::seconds(30);
  platform.ids = present(environment, names);
  return platform;
}

}  // namespace jobinit::platform
