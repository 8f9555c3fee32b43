// Bytes on their way: put in at the back, taken out at the front, and at the start again as soon as all are out.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>

#include "jobinit/kernel/pages.hpp"

namespace jobinit::logs {

class Buffer {
 public:
  explicit Buffer(std::size_t size) : pages_(size) {}

  std::span<const char> content() const { return std::span<const char>(pages_.span()).subspan(from_, to_ - from_); }
  std::span<char> room() const { return pages_.span().subspan(to_); }
  bool empty() const { return from_ == to_; }
  void put(std::size_t bytes) { to_ += bytes; }
  void take(std::size_t bytes) {
    from_ += bytes;
    if (from_ == to_) {
      from_ = to_ = 0;
    }
  }
  void clear() { from_ = to_ = 0; }
  // Makes room at the back of what has been taken at the front, if that is much.
  void compact() {
    if (from_ >= pages_.span().size() / 2) {
      std::memmove(pages_.span().data(), content().data(), to_ - from_);
      to_ -= from_;
      from_ = 0;
    }
  }
  // See kernel::Pages.
  void touch(std::size_t bytes) { pages_.touch(bytes); }

 private:
  kernel::Pages pages_;
  std::size_t from_ = 0;
  std::size_t to_ = 0;
};

}  // namespace jobinit::logs
