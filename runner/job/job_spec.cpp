#include "jobinit/job/job_spec.hpp"

#include <algorithm>

#include "jobinit/base/environment.hpp"
#include "jobinit/cli/table.hpp"

namespace jobinit::job {
namespace {

bool carries_credentials(std::string_view name) {
  const cli::Setting* setting = cli::find_by_env(name);
  return setting != nullptr && setting->credentials;
}

bool is_kept(const cli::Settings& settings, std::string_view name) {
  const auto& patterns = settings.env_keep;
  return !settings.env_clear || std::any_of(patterns.begin(), patterns.end(),
                                            [&](const std::string& pattern) { return matches(name, pattern); });
}

// What becomes of one variable where the user changes; nullopt: it goes.
std::optional<std::string> for_new_user(const std::string& entry, const Identity& identity) {
  const std::size_t equals = std::min(entry.find('='), entry.size());
  const std::string_view name = std::string_view(entry).substr(0, equals);
  const std::string_view value = std::string_view(entry).substr(std::min(equals + 1, entry.size()));
  if (name == "HOME" && (value == identity.own.home || value.empty())) {
    return "HOME=" + identity.job.home;
  }
  if ((name == "USER" || name == "LOGNAME") && !value.empty() && value == identity.own.name) {
    return identity.job.name.empty() ? std::nullopt : std::optional(fmt::format("{}={}", name, identity.job.name));
  }
  return entry;
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

std::vector<std::string> job_environment(const cli::Settings& settings, std::span<const std::string> environment,
                                         const Identity& identity) {
  std::vector<std::string> kept;
  for (const std::string& entry : environment) {
    const std::string_view name = std::string_view(entry).substr(0, entry.find('='));
    if (carries_credentials(name) || !is_kept(settings, name)) {
      continue;
    }
    if (!identity.user) {
      kept.push_back(entry);
    } else if (auto changed = for_new_user(entry, identity)) {
      kept.push_back(std::move(*changed));
    }
  }
  if (identity.user && !lookup(kept, "HOME")) {
    kept.push_back("HOME=" + identity.job.home);
  }
  return kept;
}

JobSpec make_job_spec(const cli::Settings& settings, std::span<const std::string> environment,
                      const std::string& platform_name, const Identity& identity) {
  return {job_name(settings, platform_name), settings.command, job_environment(settings, environment, identity)};
}

}  // namespace jobinit::job
