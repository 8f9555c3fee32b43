#include "jobinit/logs/tail.hpp"

#include <algorithm>
#include <cstring>

namespace jobinit::logs {

Tail::Tail(std::size_t capacity) : capacity_(capacity), ring_(capacity) {
  ring_.touch(1);  // a short line is kept also when there is no memory left
}

void Tail::append(std::span<const char> bytes) {
  truncated_ = truncated_ || held_ + bytes.size() > capacity_;
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
  held_ = std::min(held_ + bytes.size(), capacity_);
}

void Tail::skip(std::size_t bytes) {
  if (bytes > 0) {
    truncated_ = true;
    held_ = 0;
  }
}

std::string Tail::text() const {
  if (held_ == 0) {
    return {};
  }
  const std::size_t begin = (next_ + capacity_ - held_) % capacity_;
  const std::size_t first = std::min(held_, capacity_ - begin);
  std::string text(ring_.span().data() + begin, first);
  return text.append(ring_.span().data(), held_ - first);
}

}  // namespace jobinit::logs
