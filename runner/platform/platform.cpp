#include "jobinit/platform/platform.hpp"

#include <array>

#include "jobinit/base/environment.hpp"

namespace jobinit::platform {

Platform detect(Environment environment, const kernel::Root& root) {
  static constexpr std::array<Detector, 8> detectors{
      detect_aws_batch, detect_ecs,   detect_cloud_run, detect_kubernetes,
      detect_nomad,     detect_slurm, detect_podman,    detect_docker,
  };
  for (const Detector detector : detectors) {
    if (auto found = detector(environment, root)) {
      return std::move(*found);
    }
  }
  return {};
}

std::map<std::string, std::string> present(Environment environment, std::span<const std::string_view> names) {
  std::map<std::string, std::string> found;
  for (const std::string_view name : names) {
    if (const auto value = lookup(environment, name); value && !value->empty()) {
      found.emplace(name, *value);
    }
  }
  return found;
}

}  // namespace jobinit::platform
