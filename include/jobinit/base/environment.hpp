// Looking things up in an environment that is held as NAME=value texts, as execve(2) takes it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace jobinit {

// The first entry of that name counts, as getenv(3) sees it. The view points into `environment`.
std::optional<std::string_view> lookup(std::span<const std::string> environment, std::string_view name);

// Sets it, in place of every entry of that name.
void set_variable(std::vector<std::string>& environment, std::string_view name, std::string_view value);
void unset_variable(std::vector<std::string>& environment, std::string_view name);

}  // namespace jobinit
