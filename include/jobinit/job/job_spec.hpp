// What will be started, once every setting and parameter is known to be good.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "jobinit/cli/settings.hpp"
#include "jobinit/job/identity.hpp"
#include "jobinit/job/parameters.hpp"
#include "jobinit/kernel/paths.hpp"

namespace jobinit::job {

// How the job gets its parameters.
struct Handover {
  std::vector<std::pair<std::string, std::string>> variables;  // name and value
  std::vector<std::string> arguments;                          // behind its own
  std::string document;                                        // a JSON object, where one of the next two is asked for
  bool to_stdin = false;
  std::string file;  // empty: none

  void add(std::string name, std::string value) { variables.emplace_back(std::move(name), std::move(value)); }
};

// By the ways of --params-to. What cannot be handed over so (a secret as an argument, two variables of one name) is
// added to `problems`.
Handover hand_over(const Assignments& parameters, std::span<const std::string> ways,
                   std::vector<std::string>& problems);

struct JobSpec {
  std::string name;
  std::vector<std::string> argv;
  std::vector<std::string> environment;  // NAME=value, without jobinit's own credentials
  std::vector<std::string> secrets;      // what must not be seen in its log, nor anywhere else
};

// `platform_name`: what the platform calls the job, empty if it does not. Parameters are stronger than variables of the
// same name, and there also with --env-clear.
JobSpec make_job_spec(const cli::Settings& settings, std::span<const std::string> environment,
                      const std::string& platform_name, const Identity& identity, const Handover& handover = {},
                      std::vector<std::string> secrets = {});

// What of it execve(2) would not take; empty: nothing. Each is named by what it is, not by its content.
std::vector<std::string> too_long(const JobSpec& spec, const kernel::ExecLimits& limits);

// jobinit's environment without its credentials; with --env-clear only what --env-keep names. Where the user changes,
// HOME, USER and LOGNAME follow as far as they spoke of jobinit's own user (docker sets HOME so); what somebody else
// set them to stays. HOME is set where it is not, as docker does it; the others are not.
std::vector<std::string> job_environment(const cli::Settings& settings, std::span<const std::string> environment,
                                         const Identity& identity);

// The name for reports and metrics: the setting, the platform's, the command's file name, "job".
std::string job_name(const cli::Settings& settings, const std::string& platform_name);

}  // namespace jobinit::job
