#include "jobinit/logs/tail.hpp"

#include <algorithm>
#include <cstring>

namespace jobinit::logs {

Tail::Tail(std::size_t capacity) : capacity_(capacity), ring_(capacity) {
  ring_.touch(1);  // a short line is kept also when there is no memory left
}

void Tail::append(std::span<const char> bytes) {
  seen_ += bytes.size();
  if (capacity_ == 0) {
    return;
  }
  if (bytes.size() > capacity_) {
    bytes = bytes.last(capacity_);
  }
  const std::size_t first = std::min(bytes.size(), capacity_ - next_);
  std::memcpy(ring_.span().data() + next_, bytes.data(), first);
  std::memcpy(ring_.span().data(), bytes.data() + first, bytes.size() - first);
  next_ = (next_ + bytes.size()) % capacity_;
}

std::string Tail::text() const {
  if (capacity_ == 0) {
    return {};
  }
  if (seen_ < capacity_) {
    return {ring_.span().data(), seen_};
  }
  std::string text(ring_.span().data() + next_, capacity_ - next_);
  return text.append(ring_.span().data(), next_);
}

}  // namespace jobinit::logs
