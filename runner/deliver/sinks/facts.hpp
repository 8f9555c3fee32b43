// What sinks read from a report. It may be one that somebody has edited, or one of a run that has only begun: nothing
// here throws for what is missing or of another kind.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "jobinit/report/report.hpp"

namespace jobinit::deliver {

// "outcome.cause", "attempts.0.cause"; null where there is no such thing.
const report::Document* find(const report::Document& report, std::string_view path);

std::string text_at(const report::Document& report, std::string_view path);  // empty when it is no text
std::optional<double> number_at(const report::Document& report, std::string_view path);
std::optional<std::int64_t> integer_at(const report::Document& report, std::string_view path);
// Milliseconds since the epoch of an RFC 3339 time.
std::optional<std::int64_t> epoch_milliseconds_at(const report::Document& report, std::string_view path);

// Why the run was refused or could not be started, a line each.
std::string problem_lines(const report::Document& report);

bool succeeded(const report::Document& report);
std::string run_id(const report::Document& report);

}  // namespace jobinit::deliver
