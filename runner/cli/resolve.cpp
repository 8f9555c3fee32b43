#include "jobinit/cli/resolve.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace jobinit::cli {
namespace {

constexpr std::string_view kEnvPrefix = "JOBINIT_";
// What jobinit tells its job, and what another jobinit within that job therefore finds.
constexpr std::array<std::string_view, 5> kTold{"JOBINIT_ATTEMPT", "JOBINIT_RUN_ID", "JOBINIT_CAUSE",
                                                "JOBINIT_EXIT_CODE", "JOBINIT_REPORT"};

std::string_view nearest_of(std::string_view name, std::span<const std::string> known) {
  const std::vector<std::string_view> candidates(known.begin(), known.end());
  return nearest(name, candidates);
}

std::string unknown(std::string_view what, std::string_view name, std::string_view prefix, std::string_view near) {
  if (near.empty()) {
    return fmt::format("{}{}: no such {}; see jobinit --help", prefix, name, what);
  }
  return fmt::format("{}{}: no such {}; did you mean {}{}?", prefix, name, what, prefix, near);
}

// Tells, and returns how many arguments it took: a mistyped option takes its value along, lest the value be run as the
// command and the options behind it, the report's among them, be lost.
std::size_t refuse_flag(std::string_view name, bool has_value, std::span<const std::string> rest,
                        std::vector<std::string>& problems) {
  std::vector<std::string> known{"help", "version"};
  for (const Setting& setting : settings_table()) {
    known.emplace_back(setting.flag);
  }
  const std::string_view near = nearest_of(name, known);
  problems.push_back(unknown("option", name, "--", near));
  const Setting* meant = find_by_flag(near);
  const bool takes_value = meant != nullptr && !meant->boolean() && !has_value;
  return takes_value && !rest.empty() && !rest.front().starts_with("--") ? 2 : 1;
}

std::string unknown_variable(std::string_view name) {
  std::vector<std::string> known;
  for (const Setting& setting : settings_table()) {
    known.push_back(setting.env());
  }
  return unknown("setting", name, "", nearest_of(name, known));
}

// One option at arguments[at]; returns how many arguments it took.
std::size_t parse_option(std::span<const std::string> arguments, std::size_t at, Arguments& into) {
  std::string_view name = std::string_view(arguments[at]).substr(2);
  const std::size_t equals = name.find('=');
  const bool has_value = equals != std::string_view::npos;
  std::string value = has_value ? std::string(name.substr(equals + 1)) : "";
  name = name.substr(0, equals);
  const Setting* setting = find_by_flag(name);
  bool negated = false;
  if (setting == nullptr && name.starts_with("no-")) {
    setting = find_by_flag(name.substr(3));
    negated = setting != nullptr && setting->boolean() && !has_value;
    if (!negated) {
      setting = nullptr;
    }
  }
  if (setting == nullptr) {
    return refuse_flag(name, has_value, arguments.subspan(at + 1), into.problems);
  }
  std::size_t taken = 1;
  if (!has_value) {
    if (setting->boolean()) {
      value = negated ? "false" : "true";
    } else if (at + 1 < arguments.size()) {
      value = arguments[at + 1];
      taken = 2;
    } else {
      into.problems.push_back(fmt::format("--{}: needs a value ({})", name, setting->placeholder));
      return 1;
    }
  }
  if (setting->credentials || setting->secret) {
    into.credentials.push_back({at + taken - 1, has_value ? equals + 3 : 0});  // "--", the name, "="
  }
  const auto earlier =
      std::find_if(into.given.begin(), into.given.end(), [&](const Given& given) { return given.setting == setting; });
  std::vector<std::string> texts = split_values(*setting, value);
  if (earlier == into.given.end()) {
    into.given.push_back({Source::flag, fmt::format("--{}", setting->flag), setting, std::move(texts)});
  } else if (setting->repeatable) {
    std::move(texts.begin(), texts.end(), std::back_inserter(earlier->texts));
  } else {
    earlier->texts = std::move(texts);  // given twice, the last one counts, as everywhere
  }
  return taken;
}

// Kubernetes tells every pod of a service named "jobinit-..." in variables that look like ours (Kubernetes
// documentation, "Service", "Environment variables"; docker's links had the same form): JOBINIT_X_SERVICE_HOST,
// JOBINIT_X_SERVICE_PORT_HTTP, JOBINIT_X_PORT=tcp://10.0.0.1:80, JOBINIT_X_PORT_80_TCP_ADDR.
bool is_service_link(std::string_view name, std::string_view value) {
  if (name.ends_with("_SERVICE_HOST") || name.find("_SERVICE_PORT") != std::string_view::npos) {
    return true;
  }
  const std::size_t scheme = value.find("://");
  const bool address =
      scheme != std::string_view::npos && value.find_first_of("0123456789", scheme) != std::string_view::npos;
  if (name.ends_with("_PORT") && address) {
    return true;
  }
  const std::size_t port = name.rfind("_PORT_");
  if (port == std::string_view::npos) {
    return false;
  }
  const std::string_view rest = name.substr(port + 6);
  const std::size_t digits = rest.find_first_not_of("0123456789");
  return digits != 0 && digits != std::string_view::npos && rest[digits] == '_';
}

}  // namespace

// Sinks are URLs, in which a comma is a letter like any other; codes may be separated by either.
std::vector<std::string> split_values(const Setting& setting, std::string_view text) {
  if (!setting.repeatable) {
    return {std::string(text)};
  }
  return split(text, setting.credentials ? " \t\r\n" : ", \t\r\n");
}

Arguments parse_arguments(std::span<const std::string> arguments) {
  Arguments parsed;
  std::size_t at = 0;
  while (at < arguments.size()) {
    const std::string& argument = arguments[at];
    if (argument == "--") {
      ++at;
      break;
    }
    if (!argument.starts_with('-') || argument == "-") {
      break;
    }
    if (argument == "-h" || argument == "--help") {
      parsed.help = true;
      ++at;
    } else if (argument == "-V" || argument == "--version") {
      parsed.version = true;
      ++at;
    } else if (argument.starts_with("--")) {
      at += parse_option(arguments, at, parsed);
    } else {
      parsed.problems.push_back(fmt::format("{}: no such option; see jobinit --help", argument));
      ++at;
    }
  }
  parsed.operands.assign(arguments.begin() + static_cast<std::ptrdiff_t>(at), arguments.end());
  return parsed;
}

Parsed parse_environment(std::span<const std::string> environment) {
  Parsed parsed;
  std::set<std::string> seen;
  for (const std::string& entry : environment) {
    if (!entry.starts_with(kEnvPrefix)) {
      continue;
    }
    const std::size_t equals = std::min(entry.find('='), entry.size());
    const std::string name = entry.substr(0, equals);
    if (!seen.insert(name).second) {
      continue;
    }  // the first counts, as getenv(3) has it
    const std::string value = entry.substr(std::min(equals + 1, entry.size()));
    const Setting* setting = find_by_env(name);
    if (setting == nullptr) {
      const bool told = std::find(kTold.begin(), kTold.end(), name) != kTold.end();
      if (!told && !is_service_link(name, value)) {
        parsed.problems.push_back(unknown_variable(name));
      }
    } else if (!value.empty()) {  // set but empty is how many schedulers say "not set"
      parsed.given.push_back({Source::environment, name, setting, split_values(*setting, value)});
    }
  }
  return parsed;
}

Resolved resolve(std::vector<Given> given) {
  Resolved resolved;
  for (const Setting& setting : settings_table()) {
    if (!setting.default_value.empty()) {
      given.push_back({Source::builtin, "default", &setting, split_values(setting, setting.default_value)});
    }
  }
  std::stable_sort(given.begin(), given.end(), [](const Given& a, const Given& b) { return a.source < b.source; });
  for (const Given& one : given) {
    Settings tried = resolved.settings;
    bool good = true;
    one.setting->clear(tried);
    for (const std::string& text : one.texts) {
      if (const auto assigned = one.setting->assign(tried, text); !assigned) {
        resolved.problems.push_back(fmt::format("{}: {}", one.where, assigned.failure().message));
        good = false;
      }
    }
    // The run is refused, but the refusal is still to be reported: by the best settings that there are.
    if (!good) {
      continue;
    }
    resolved.settings = std::move(tried);
    Given& origin = resolved.origin[one.setting->flag];
    if (origin.setting != nullptr && origin.source != Source::builtin) {
      auto& overrode = resolved.overrode[one.setting->flag];
      overrode.insert(overrode.begin(), std::move(origin));
    }
    origin = one;
  }
  return resolved;
}

}  // namespace jobinit::cli
