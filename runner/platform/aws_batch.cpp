// AWS Batch. User guide, "AWS Batch job environment variables" and "Job timeouts": SIGTERM, 30 s, SIGKILL.
#include <array>

#include "jobinit/base/environment.hpp"
#include "jobinit/platform/platform.hpp"

namespace jobinit::platform {

std::optional<Platform> detect_aws_batch(Environment environment, const kernel::Root& /*root*/) {
  static constexpr std::array<std::string_view, 8> names{
      "AWS_BATCH_JOB_ID",          "AWS_BATCH_JOB_ATTEMPT",    "AWS_BATCH_JQ_NAME",        "AWS_BATCH_CE_NAME",
      "AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ARRAY_SIZE", "AWS_BATCH_JOB_NODE_INDEX", "AWS_BATCH_JOB_NUM_NODES"};
  if (!lookup(environment, "AWS_BATCH_JOB_ID")) {
    return std::nullopt;
  }
  Platform platform;
  platform.name = "aws-batch";
  platform.stop_grace = std::chrono::seconds(30);
  platform.ids = present(environment, names);
  // An array's children, or the nodes of a multi-node parallel job; both count from 0.
  platform.index = number(environment, "AWS_BATCH_JOB_ARRAY_INDEX");
  platform.count = number(environment, "AWS_BATCH_JOB_ARRAY_SIZE");
  if (!platform.index) {
    platform.index = number(environment, "AWS_BATCH_JOB_NODE_INDEX");
    platform.count = number(environment, "AWS_BATCH_JOB_NUM_NODES");
  }
  platform.attempt = number(environment, "AWS_BATCH_JOB_ATTEMPT");
  return platform;
}

}  // namespace jobinit::platform
