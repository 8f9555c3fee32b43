// The time of a record, in RFC 3339 and UTC, without the allocation and the locale of the library's formatting.
#pragma once

#include <chrono>
#include <cstddef>
#include <span>

#include "jobinit/base/choices.hpp"

namespace jobinit::logs {

constexpr std::size_t kLongestTimestamp = 27;  // 2026-11-26T21:30:00.123456Z

// How much of `into` it is; 0 with LogTime::none. Years outside of 0 to 9999 are written modulo 10000.
std::size_t write_timestamp(std::chrono::system_clock::time_point when, LogTime precision,
                            std::span<char, kLongestTimestamp> into);

}  // namespace jobinit::logs
