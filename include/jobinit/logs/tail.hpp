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
  // So many went by unseen: what came before them is not the end any more.
  void skip(std::size_t bytes);
  std::size_t capacity() const { return capacity_; }
  // Oldest first.
  std::string text() const;
  // True when older bytes had to give way.
  bool truncated() const { return truncated_; }

 private:
  std::size_t capacity_;
  kernel::Pages ring_;
  std::size_t next_ = 0;  // where the next byte goes
  std::size_t held_ = 0;  // bytes in the ring
  bool truncated_ = false;
};

}  // namespace jobinit::logs
