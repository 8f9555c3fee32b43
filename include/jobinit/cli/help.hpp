// The texts of --help and `jobinit explain`, made from the settings table.
#pragma once

#include <string>

#include "jobinit/cli/resolve.hpp"

namespace jobinit::cli {

std::string help_text();

// One line a setting: its value, and where that came from. Credentials are masked.
std::string explain_text(const Resolved& resolved);

}  // namespace jobinit::cli
