// Podman. podman-run(1): container=podman in the environment, /run/.containerenv; --stop-timeout, default 10 s.
#include "jobinit/base/environment.hpp"
#include "jobinit/kernel/files.hpp"
#include "jobinit/platform/platform.hpp"

namespace jobinit::platform {

std::optional<Platform> detect_podman(Environment environment, const kernel::Root& root) {
  if (lookup(environment, "container") != "podman" && !kernel::read_file(root("/run/.containerenv"))) {
    return std::nullopt;
  }
  Platform platform;
  platform.name = "podman";
  platform.stop_grace = std::chrono::seconds(10);
  return platform;
}

}  // namespace jobinit::platform
