// The texts of --help and `jobinit explain`, made from the settings table.
#pragma once

#include <string>

#include "jobinit/cli/resolve.hpp"

namespace jobinit::cli {

std::string help_text();

// One line a setting: its value, and where that came from. Credentials are masked.
std::string explain_text(const Resolved& resolved);

// The same for something that is no setting; `overrode`: weaker sources that would have had a value.
std::string explain_line(std::string_view name, std::string_view value, std::string_view source,
                         const std::vector<std::string>& overrode);

}  // namespace jobinit::cli
