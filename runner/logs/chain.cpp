#include "jobinit/logs/chain.hpp"

#include <algorithm>

namespace jobinit::logs {
namespace {

constexpr std::size_t kBetween = 65536;

// What waits for the earlier of the two is asked for then.
template <typename Time>
std::optional<Time> earlier(const std::optional<Time>& a, const std::optional<Time>& b) {
  return a && b ? std::min(a, b) : a ? a : b;
}

}  // namespace

Chain::Chain(std::unique_ptr<Transform> first, std::unique_ptr<Transform> second)
    : first_(std::move(first)), second_(std::move(second)), between_(kBetween) {}

Transform::Step Chain::step(std::span<const char> input, std::span<char> out, const Instant& now, bool last) {
  Step all;
  for (;;) {
    std::optional<std::chrono::steady_clock::time_point> first_holds;
    bool first_moved = false;
    if (from_ == to_) {
      const Step step = first_->step(input.subspan(all.taken), between_.span(), now, last);
      all.taken += step.taken;
      from_ = 0;
      to_ = step.made;
      first_holds = step.hold_until;
      first_moved = step.taken > 0 || step.made > 0;
      first_done_ = last && !first_moved;
    }
    const std::span<const char> between = between_.span().subspan(from_, to_ - from_);
    const Step step = second_->step(between, out.subspan(all.made), now, first_done_);
    from_ += step.taken;
    all.made += step.made;
    all.hold_until = earlier(first_holds, step.hold_until);
    const bool moved = first_moved || step.taken > 0 || step.made > 0;
    if (!moved) {
      return all;
    }
    if (out.size() - all.made < kLeastRoom) {
      all.hold_until = now.monotonic;  // there may be more
      return all;
    }
  }
}

std::unique_ptr<Transform> chain(std::unique_ptr<Transform> first, std::unique_ptr<Transform> second) {
  if (first == nullptr || second == nullptr) {
    return first == nullptr ? std::move(second) : std::move(first);
  }
  return std::make_unique<Chain>(std::move(first), std::move(second));
}

}  // namespace jobinit::logs
