#include "jobinit/job/job_spec.hpp"

#include <algorithm>
#include <set>

#include "jobinit/base/environment.hpp"
#include "jobinit/base/printable.hpp"
#include "jobinit/cli/table.hpp"

namespace jobinit::job {
namespace {

bool carries_credentials(std::string_view name) {
  const cli::Setting* setting = cli::find_by_env(name);
  return setting != nullptr && (setting->credentials || setting->secret);
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

constexpr std::string_view kFileWay = "file:";

// CUSTOMER_ID -> customer-id
std::string option_name(std::string_view name) {
  std::string option(name);
  std::transform(option.begin(), option.end(), option.begin(), [](char c) {
    return c == '_' ? '-' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return option;
}

// A member's name as a part of a variable's: itemId -> ITEMID, unit-price -> UNIT_PRICE
std::string variable_part(std::string_view name) {
  std::string part(name);
  std::transform(part.begin(), part.end(), part.begin(), [](char c) {
    const bool digit = c >= '0' && c <= '9';
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : digit || (c >= 'A' && c <= 'Z') ? c : '_';
  });
  return part;
}

// A variable for each text, number and boolean in it. JSON is read no deeper than 64 levels, which bounds this, too.
void flatten(const Json& value, const std::string& name, Handover& into) {  // NOLINT(misc-no-recursion)
  std::size_t index = 0;
  for (const auto& [member, inner] : value.items()) {
    const std::string full =
        fmt::format("{}_{}", name, value.is_array() ? fmt::format("{}", index++) : variable_part(member));
    if (inner.is_structured()) {
      flatten(inner, full, into);
    } else if (!inner.is_null()) {
      into.add(full, inner.is_string() ? inner.get<std::string>() : inner.dump());
    }
  }
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

Handover hand_over(const Assignments& parameters, std::span<const std::string> ways,
                   std::vector<std::string>& problems) {
  const auto asked = [&](std::string_view way) { return std::find(ways.begin(), ways.end(), way) != ways.end(); };
  Handover handover;
  handover.to_stdin = asked("stdin");
  for (const std::string& way : ways) {
    if (way.starts_with(kFileWay)) {
      handover.file = way.substr(kFileWay.size());
    }
  }
  Json document = Json::object();
  for (const Assigned& one : parameters.all) {
    if (!one.value) {
      continue;
    }
    const Parameter& parameter = *one.parameter;
    if (asked("env")) {
      handover.add(parameter.name, one.value->text);
      if (parameter.flatten) {
        flatten(typed(parameter, *one.value), parameter.name, handover);
      }
    }
    if (asked("argv")) {
      if (parameter.secret && !parameter.allow_in_argv) {
        problems.push_back(
            fmt::format("{}: is a secret, and --params-to argv would show it to every process in the "
                        "container; \"allow_in_argv\": true allows it",
                        parameter.name));
      }
      handover.arguments.push_back(fmt::format("--{}={}", option_name(parameter.name), one.value->text));
    }
    document[parameter.name] = typed(parameter, *one.value);
  }
  std::set<std::string_view> names;
  for (const auto& [name, value] : handover.variables) {
    if (value.find('\0') != std::string::npos) {
      problems.push_back(fmt::format("{}: its value has a NUL byte, which no variable can hold", name));
    }
    if (!names.insert(name).second) {
      problems.push_back(fmt::format("{}: two parameters would be this variable: one of them by \"flatten\"", name));
    }
  }
  if (handover.to_stdin || !handover.file.empty()) {
    handover.document = document.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
  }
  return handover;
}

JobSpec make_job_spec(const cli::Settings& settings, std::span<const std::string> environment,
                      const std::string& platform_name, const Identity& identity, const Handover& handover,
                      std::vector<std::string> secrets) {
  JobSpec spec{job_name(settings, platform_name), settings.command, job_environment(settings, environment, identity),
               std::move(secrets)};
  for (const auto& [name, value] : handover.variables) {
    set_variable(spec.environment, name, value);
  }
  spec.argv.insert(spec.argv.end(), handover.arguments.begin(), handover.arguments.end());
  return spec;
}

std::vector<std::string> too_long(const JobSpec& spec, const kernel::ExecLimits& limits) {
  static constexpr std::size_t reserve = 4096;  // the program's name, the auxiliary vector, jobinit's own variables
  std::vector<std::string> problems;
  std::size_t all = reserve;
  const auto add = [&](const std::string& text, std::string_view what) {
    all += text.size() + 1 + sizeof(char*);
    if (text.size() + 1 > limits.one) {
      problems.push_back(
          fmt::format("{} has {} bytes, and the kernel takes at most {} in one argument or variable; "
                      "--params-to stdin or file:PATH hands over more",
                      what, text.size(), limits.one - 1));
    }
  };
  for (std::size_t i = 0; i < spec.argv.size(); ++i) {
    add(spec.argv[i], fmt::format("argument {} of the command", i));
  }
  for (const std::string& entry : spec.environment) {
    add(entry, fmt::format("the variable {}", printable(std::string_view(entry).substr(0, entry.find('=')))));
  }
  if (all > limits.all) {
    problems.push_back(
        fmt::format("arguments and variables have {} bytes together, and the kernel takes at most {}; "
                    "--params-to stdin or file:PATH hands over more",
                    all, limits.all));
  }
  return problems;
}

}  // namespace jobinit::job
