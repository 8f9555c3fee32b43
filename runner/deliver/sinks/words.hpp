// What sinks for people say about an event.
#pragma once

#include <cstddef>
#include <string>

#include "jobinit/deliver/event.hpp"

namespace jobinit::deliver {

// One sentence: "nightly failed: exit 3 after 12m04s, peak memory 412 MiB of 512 MiB", "nightly has started on host-7".
std::string headline(const Event& event);

// The headline, why the run was rejected if it was, and the newest of the log that still fits into `limit` bytes.
std::string message_with_tail(const Event& event, std::size_t limit);

}  // namespace jobinit::deliver
