#include "jobinit/job/job_spec.hpp"

#include "jobinit/cli/table.hpp"

namespace jobinit::job {
namespace {

bool carries_credentials(std::string_view entry) {
  const cli::Setting* setting = cli::find_by_env(entry.substr(0, entry.find('=')));
  return setting != nullptr && setting->credentials;
}

}  // namespace

std::string job_name(const cli::Settings& settings, const std::string& platform_name) {
  if (!settings.name.empty()) {
    return settings.name;
  }
  if (!platform_name.empty()) {
    return platform_name;
  }
  if (settings.command.empty()) {
    return "job";
  }
  const std::string& program = settings.command.front();
  const std::string name = program.substr(program.rfind('/') + 1);
  return name.empty() ? "job" : name;
}

JobSpec make_job_spec(const cli::Settings& settings, std::span<const std::string> environment,
                      const std::string& platform_name) {
  JobSpec spec{job_name(settings, platform_name), settings.command, {}};
  for (const std::string& entry : environment) {
    if (!carries_credentials(entry)) {
      spec.environment.push_back(entry);
    }
  }
  return spec;
}

}  // namespace jobinit::job
