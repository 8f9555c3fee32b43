// What will be started, once every setting is known to be good.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "jobinit/cli/settings.hpp"
#include "jobinit/job/identity.hpp"

namespace jobinit::job {

struct JobSpec {
  std::string name;
  std::vector<std::string> argv;
  std::vector<std::string> environment;  // NAME=value, without jobinit's own credentials
};

// `platform_name`: what the platform calls the job, empty if it does not.
JobSpec make_job_spec(const cli::Settings& settings, std::span<const std::string> environment,
                      const std::string& platform_name, const Identity& identity);

// jobinit's environment without its credentials; with --env-clear only what --env-keep names. Where the user changes,
// HOME, USER and LOGNAME follow as far as they spoke of jobinit's own user (docker sets HOME so); what somebody else
// set them to stays. HOME is set where it is not, as docker does it; the others are not.
std::vector<std::string> job_environment(const cli::Settings& settings, std::span<const std::string> environment,
                                         const Identity& identity);

// The name for reports and metrics: the setting, the platform's, the command's file name, "job".
std::string job_name(const cli::Settings& settings, const std::string& platform_name);

}  // namespace jobinit::job
