#include "jobinit/base/environment.hpp"

#include <fmt/format.h>

namespace jobinit {
namespace {

bool is_named(std::string_view entry, std::string_view name) {
  return entry.size() > name.size() && entry[name.size()] == '=' && entry.starts_with(name);
}

}  // namespace

std::optional<std::string_view> lookup(std::span<const std::string> environment, std::string_view name) {
  for (const std::string_view entry : environment) {
    if (is_named(entry, name)) {
      return entry.substr(name.size() + 1);
    }
  }
  return std::nullopt;
}

void unset_variable(std::vector<std::string>& environment, std::string_view name) {
  std::erase_if(environment, [&](const std::string& entry) { return is_named(entry, name); });
}

void set_variable(std::vector<std::string>& environment, std::string_view name, std::string_view value) {
  unset_variable(environment, name);
  environment.push_back(fmt::format("{}={}", name, value));
}

}  // namespace jobinit
