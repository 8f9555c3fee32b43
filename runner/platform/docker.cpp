// Docker. docker run --stop-timeout, default 10 s; dockerd leaves /.dockerenv in every container it makes.
#include "jobinit/base/environment.hpp"
#include "jobinit/kernel/files.hpp"
#include "jobinit/platform/platform.hpp"

namespace jobinit::platform {

std::optional<Platform> detect_docker(Environment /*environment*/, const kernel::Root& root) {
  if (!kernel::read_file(root("/.dockerenv"))) {
    return std::nullopt;
  }
  Platform platform;
  platform.name = "docker";
  platform.stop_grace = std::chrono::seconds(10);
  return platform;
}

}  // namespace jobinit::platform
