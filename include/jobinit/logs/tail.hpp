// The last words: a ring that keeps the newest bytes of what went through it.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "jobinit/kernel/pages.hpp"

namespace jobinit::logs {

class Tail {
 public:
  // Keeps at most `capacity` bytes; 0 keeps nothing. The memory is reserved here, so that append() never allocates.
  explicit Tail(std::size_t capacity);

  void append(std::span<const char> bytes);
  // Oldest first.
  std::string text() const;
  // True when older bytes had to give way.
  bool truncated() const { return seen_ > capacity_; }

 private:
  std::size_t capacity_;
  kernel::Pages ring_;
  std::size_t next_ = 0;  // where the next byte goes
  std::size_t seen_ = 0;  // bytes ever appended
};

}  // namespace jobinit::logs
