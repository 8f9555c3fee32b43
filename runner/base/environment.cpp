#include "jobinit/base/environment.hpp"

namespace jobinit {

std::optional<std::string_view> lookup(std::span<const std::string> environment, std::string_view name) {
  for (const std::string_view entry : environment) {
    if (entry.size() > name.size() && entry[name.size()] == '=' && entry.starts_with(name)) {
      return entry.substr(name.size() + 1);
    }
  }
  return std::nullopt;
}

}  // namespace jobinit
