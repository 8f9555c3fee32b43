// What several fuzzers need: how to say that a property does not hold, and the properties that all settings have.
#pragma once

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "jobinit/cli/help.hpp"
#include "jobinit/cli/resolve.hpp"

namespace jobinit::fuzz {

// libFuzzer keeps the input of a run that aborts.
inline void require(bool holds, std::string_view property) {
  if (holds) {
    return;
  }
  std::fprintf(stderr, "property does not hold: %.*s\n", static_cast<int>(property.size()), property.data());
  std::abort();
}

inline std::string_view as_text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// Splits at NUL, empty pieces included, as /proc/PID/environ and cmdline hold them.
inline std::vector<std::string> pieces_of(std::string_view text) {
  std::vector<std::string> pieces;
  for (std::size_t end = text.find('\0'); end != std::string_view::npos; end = text.find('\0')) {
    pieces.emplace_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  pieces.emplace_back(text);
  return pieces;
}

inline void require_code(int code) { require(code >= 0 && code <= 255, "an exit code is 0 to 255"); }

// Whatever was given, what comes into force can be carried out: the supervisor does not check again.
inline void require_sane(const cli::Resolved& resolved) {
  const cli::Settings& settings = resolved.settings;
  constexpr Duration longest = std::chrono::hours(24) * 36600;
  for (const Duration duration : {settings.timeout, settings.stop_grace, settings.report_reserve,
                                  settings.leftover_grace, settings.drain_timeout, settings.report_timeout}) {
    require(duration >= Duration::zero() && duration <= longest, "a duration is 0 to 100 years");
  }
  require(settings.stop_signal.number >= 1 && settings.stop_signal.number <= SIGRTMAX, "a signal is 1 to SIGRTMAX");
  require(settings.oom_score_adj >= -1000 && settings.oom_score_adj <= 1000, "oom_score_adj is -1000 to 1000");
  for (const int code : settings.success_codes) {
    require_code(code);
  }
  for (const auto& [cause, code] : settings.exit_code) {
    require_code(code);
  }
  for (const auto& [from, to] : settings.remap_exit) {
    require_code(from);
    require_code(to);
  }
  for (const auto& [flag, given] : resolved.origin) {
    require(given.setting != nullptr && given.setting->flag == flag, "an origin is its setting's own");
  }
  require(!cli::explain_text(resolved).empty(), "explain has something to say");
}

}  // namespace jobinit::fuzz
