// Which platform runs this container, and what it tells about the run. From the environment and local files only.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "jobinit/base/text.hpp"
#include "jobinit/kernel/files.hpp"

namespace jobinit::platform {

struct Platform {
  std::string name = "none";
  std::string job_name;                    // what the platform calls the job; empty where it does not say
  std::optional<Duration> stop_grace;      // its default time between stop signal and SIGKILL
  std::map<std::string, std::string> ids;  // of the run, in the platform's own words
  std::optional<std::uint64_t> index;      // which task this is of those that share the work, from 0
  std::optional<std::uint64_t> count;      // how many they are
  std::optional<std::uint64_t> attempt;    // how often the platform has started it, this time included
  std::vector<std::string> report_to;      // sinks that are usual there
};

using Environment = std::span<const std::string>;

// The most specific platform that can be recognised: AWS Batch before the ECS it runs on, Kubernetes before its
// runtime.
Platform detect(Environment environment, const kernel::Root& root = {});

// One of these a platform, each in a file of its own; nullopt: not this one.
using Detector = std::optional<Platform> (*)(Environment environment, const kernel::Root& root);
std::optional<Platform> detect_aws_batch(Environment environment, const kernel::Root& root);
std::optional<Platform> detect_ecs(Environment environment, const kernel::Root& root);
std::optional<Platform> detect_cloud_run(Environment environment, const kernel::Root& root);
std::optional<Platform> detect_kubernetes(Environment environment, const kernel::Root& root);
std::optional<Platform> detect_nomad(Environment environment, const kernel::Root& root);
std::optional<Platform> detect_slurm(Environment environment, const kernel::Root& root);
std::optional<Platform> detect_podman(Environment environment, const kernel::Root& root);
std::optional<Platform> detect_docker(Environment environment, const kernel::Root& root);

// For detectors: the number that a variable holds; nullopt: it holds none.
std::optional<std::uint64_t> number(Environment environment, std::string_view name);

// For detectors: those of `names` that are set and not empty.
std::map<std::string, std::string> present(Environment environment, std::span<const std::string_view> names);

}  // namespace jobinit::platform
