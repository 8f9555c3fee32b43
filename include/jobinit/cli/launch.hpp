// The texts of the launch settings: limits, capabilities, umask, names of variables. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "jobinit/base/result.hpp"
#include "jobinit/kernel/credentials.hpp"
#include "jobinit/kernel/limits.hpp"

namespace jobinit::cli {

using Limits = std::map<std::string, kernel::Limit>;  // by name

// "nofile=1024:4096", "core=0", "stack=unlimited", "as=2G", "cpu=1h" into its place. One value is both limits.
Result<void> add_limit(std::string_view text, Limits& into);

// "ALL", "CAP_NET_RAW", "net_raw".
Result<kernel::Capabilities> parse_capability(std::string_view text);

// "022", "0027", "77".
Result<unsigned> parse_umask(std::string_view text);

// The name of an environment variable, in which * and ? stand for letters.
Result<std::string> parse_variable_pattern(std::string_view text);

}  // namespace jobinit::cli
