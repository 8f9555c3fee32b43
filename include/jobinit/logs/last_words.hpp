// The last words of a job: of each of its streams, and of all of them in the order they were read.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <span>
#include <string>

#include "jobinit/kernel/fd.hpp"
#include "jobinit/logs/tail.hpp"

namespace jobinit::logs {

// How much of them is kept; 0 bytes: nothing. 0 lines: as many as there are in so many bytes.
struct TailLimits {
  std::size_t bytes = 0;
  std::size_t lines = 0;
};

// Streams are numbered in the order of add_stream(). What is passed on within the kernel is not read for this: copies
// of the pages that may turn out to be the last are held in a pipe, and only read when something else comes after them.
class LastWords {
 public:
  explicit LastWords(TailLimits limits) : limits_(limits), all_(limits.bytes) {}

  std::size_t add_stream();
  std::size_t capacity() const { return limits_.bytes; }

  void append(std::size_t stream, std::span<const char> bytes);
  // The first of the bytes in this pipe, `most` at most, will be moved on unread: how many of them were taken down; 0
  // when they have to be read after all.
  std::size_t note(std::size_t stream, const kernel::Fd& pipe, std::size_t most);
  // So many were moved on, and are followed by as many as are kept.
  void skip(std::size_t stream, std::size_t bytes);

  struct Words {
    std::string text;
    bool truncated = false;  // there was more
  };
  // The newest of all streams, in the order they were read.
  Words all();
  Words of(std::size_t stream);

 private:
  bool open_side();
  void settle();
  void forget(std::size_t bytes);
  Words cut(const Tail& tail) const;

  TailLimits limits_;
  Tail all_;
  std::deque<Tail> streams_;
  std::optional<kernel::Pipe> side_;  // empty pipe: there is none to be had
  kernel::Fd null_device_;
  std::size_t held_ = 0;    // bytes in it
  std::size_t holder_ = 0;  // whose they are
};

}  // namespace jobinit::logs
