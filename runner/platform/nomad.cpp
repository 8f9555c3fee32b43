// HashiCorp Nomad. "Runtime environment settings"; kill_timeout, default 5 s.
#include <array>

#include "jobinit/base/environment.hpp"
#include "jobinit/platform/platform.hpp"

namespace jobinit::platform {

std::optional<Platform> detect_nomad(Environment environment, const kernel::Root& /*root*/) {
  static constexpr std::array<std::string_view, 7> names{"NOMAD_JOB_ID",      "NOMAD_JOB_NAME",   "NOMAD_ALLOC_ID",
                                                         "NOMAD_ALLOC_INDEX", "NOMAD_GROUP_NAME", "NOMAD_TASK_NAME",
                                                         "NOMAD_NAMESPACE"};
  if (!lookup(environment, "NOMAD_ALLOC_ID")) {
    return std::nullopt;
  }
  Platform platform;
  platform.name = "nomad";
  platform.job_name = lookup(environment, "NOMAD_JOB_NAME").value_or("");
  platform.stop_grace = std::chrono::seconds(5);
  platform.ids = present(environment, names);
  platform.index = number(environment, "NOMAD_ALLOC_INDEX");  // the group's count is not told
  return platform;
}

}  // namespace jobinit::platform
