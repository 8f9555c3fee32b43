// Time zones of parameters: UTC, fixed offsets, and those of the image's own /usr/share/zoneinfo. The C library reads
// that one; a static program without tzdata beside it knows no other.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "jobinit/base/result.hpp"
#include "jobinit/kernel/files.hpp"

namespace jobinit::job {

class Zone {
 public:
  Zone() = default;  // UTC

  // "UTC", "Z", "+02:00", "-05:30", "Europe/Berlin". Errors: no such zone, or the image has no zones at all.
  static Result<Zone> find(std::string_view name, const kernel::Root& root = {});

  // How far local time is ahead of UTC at that moment.
  std::chrono::seconds offset_at(std::chrono::sys_seconds moment) const;
  std::chrono::local_seconds local(std::chrono::sys_seconds moment) const;
  // The moment at which clocks show that; the first of two when they are put back, nullopt when they skip it.
  std::optional<std::chrono::sys_seconds> moment(std::chrono::local_seconds local) const;

 private:
  std::chrono::seconds offset_{};
  std::string file_;  // empty: the offset
};

// Whether it can be one by its name alone; whether this image has it is another matter.
bool is_zone_name(std::string_view name);

}  // namespace jobinit::job
