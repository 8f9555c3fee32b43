// AWS Batch. User guide, "AWS Batch job environment variables" and "Job timeouts": SIGTERM, 30 s, SIGKILL.
#include <array>

#include "jobinit/base/environment.hpp"
#include "jobinit/platform/platform.hpp"

namespace jobinit::platform {

std::optional<Platform> detect_aws_batch(Environment environment, const kernel::Root& /*root*/) {
  static constexpr std::array<std::string_view, 6> names{"AWS_BATCH_JOB_ID",          "AWS_BATCH_JOB_ATTEMPT",
                                                         "AWS_BATCH_JQ_NAME",         "AWS_BATCH_CE_NAME",
                                                         "AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_NODE_INDEX"};
  if (!lookup(environment, "AWS_BATCH_JOB_ID")) {
    return std::nullopt;
  }
  Platform platform;
  platform.name = "aws-batch";
  platform.stop_grace = std::chrono::seconds(30);
  platform.ids = present(environment, names);
  return platform;
}

}  // namespace jobinit::platform
