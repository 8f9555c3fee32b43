// Drives what filters and formats a stream, cut into inputs as a fuzzer's bytes say.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "jobinit/logs/encoder.hpp"
#include "properties.hpp"

namespace jobinit::fuzz {

// All that comes out. `cuts` are sizes of inputs, taken in turn; 0 is one of 4096.
inline std::string drive(logs::Transform& transform, std::string_view input, std::string_view cuts) {
  std::string all;
  std::vector<char> room(logs::Transform::kLeastRoom);
  std::size_t turn = 0;
  const auto size_of_next = [&] {
    const auto size = cuts.empty() ? 0U : static_cast<unsigned char>(cuts[turn++ % cuts.size()]);
    return size == 0 ? std::size_t{4096} : std::size_t{size};
  };
  while (!input.empty()) {
    const std::string_view piece = input.substr(0, size_of_next());
    input.remove_prefix(piece.size());
    const std::vector<char> given(piece.begin(), piece.end());
    std::span<const char> rest(given);
    while (!rest.empty()) {
      const auto step = transform.step(rest, room, {}, false);
      require(step.taken <= rest.size() && step.made <= room.size(), "no more than there is");
      require(step.taken + step.made > 0, "a step gets somewhere");
      all.append(room.data(), step.made);
      rest = rest.subspan(step.taken);
    }
  }
  for (;;) {
    const auto step = transform.step({}, room, {}, true);
    all.append(room.data(), step.made);
    if (step.made == 0) {
      return all;
    }
  }
}

}  // namespace jobinit::fuzz
