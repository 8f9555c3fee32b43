// What is wrong with settings that are each right by themselves. Pure.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "jobinit/cli/settings.hpp"

namespace jobinit::cli {

std::vector<std::string> contradictions(const Settings& settings, std::chrono::system_clock::time_point now);

}  // namespace jobinit::cli
