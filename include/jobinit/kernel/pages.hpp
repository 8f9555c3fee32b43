// Memory that costs nothing until it is written to: whole pages from mmap(2), not from the heap, where a large buffer
// would keep the pages around its ends alive in a process that mostly sleeps.
#pragma once

#include <cstddef>
#include <span>

namespace jobinit::kernel {

class Pages {
 public:
  // Throws std::bad_alloc, as new does. A size of 0 is an empty span.
  explicit Pages(std::size_t size);
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  ~Pages();

  std::span<char> span() const { return span_; }
  // Makes this much of it cost what it would: these pages are there from now on, also when there is no memory left.
  void touch(std::size_t bytes);

 private:
  std::span<char> span_;
};

}  // namespace jobinit::kernel
