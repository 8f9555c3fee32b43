// Moments as parameters hold them, and regular expressions (ECMA 262, as JSON Schema has it) of texts that
// other rooms read, for the published JSON Schema.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "jobinit/base/result.hpp"
#include "jobinit/job/zone.hpp"

namespace jobinit::job {

using Instant = std::chrono::sys_time<std::chrono::milliseconds>;

// "2024-04-01T06:00:00Z", "2024-04-01 06:00+02:00" (RFC 3339; seconds may be left out), without a zone as the clocks of
// `zone` show it, "@1711951200" (seconds since the epoch), "now", "now-3h", "now+15m".
Result<Instant> parse_datetime(std::string_view text, Instant now, const Zone& zone);

// RFC 3339, with the zone's offset then: "2024-04-01T06:00:00+02:00", "...Z" where it is none.
std::string datetime_text(Instant moment, const Zone& zone);

// Whether it is one whatever the zone.
bool is_datetime(std::string_view text);
std::string_view datetime_pattern();

// What parse_duration() and parse_size() read; how much is too much, they do not know.
std::string_view duration_pattern();
std::string_view size_pattern();

}  // namespace jobinit::job
