#include "jobinit/platform/platform.hpp"

#include <array>
#include <limits>

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

std::optional<std::uint64_t> number(Environment environment, std::string_view name) {
  const auto text = lookup(environment, name);
  const auto value = parse_integer(text.value_or(""), 0, std::numeric_limits<std::int64_t>::max());
  return value ? std::optional(static_cast<std::uint64_t>(*value)) : std::nullopt;
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
