// The version of this build.
#pragma once

#include <string_view>

namespace jobinit::report {

// From CMakeLists.txt's project().
extern const std::string_view kVersion;

}  // namespace jobinit::report
