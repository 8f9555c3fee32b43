// Kubernetes. "Pod lifecycle" (terminationGracePeriodSeconds, default 30), "Determine the reason for Pod failure"
// (terminationMessagePath), "Indexed Job" (JOB_COMPLETION_INDEX).
#include <array>

#include "jobinit/base/environment.hpp"
#include "jobinit/kernel/files.hpp"
#include "jobinit/platform/platform.hpp"

namespace jobinit::platform {

std::optional<Platform> detect_kubernetes(Environment environment, const kernel::Root& root) {
  static constexpr std::array<std::string_view, 2> names{"HOSTNAME", "JOB_COMPLETION_INDEX"};
  if (!lookup(environment, "KUBERNETES_SERVICE_HOST")) {
    return std::nullopt;
  }
  Platform platform;
  platform.name = "kubernetes";
  platform.stop_grace = std::chrono::seconds(30);
  platform.ids = present(environment, names);
  platform.index = number(environment, "JOB_COMPLETION_INDEX");  // .spec.completions is not told
  const auto space = kernel::read_file(root("/var/run/secrets/kubernetes.io/serviceaccount/namespace"), 256);
  if (space) {
    platform.ids["namespace"] = std::string(trim(*space));
  }
  // The kubelet mounts this file; without it nobody would read what is written there.
  if (kernel::read_file(root("/dev/termination-log"))) {
    platform.report_to = {"termination-log:"};
  }
  return platform;
}

}  // namespace jobinit::platform
