#include "jobinit/kernel/pages.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <new>

namespace jobinit::kernel {

Pages::Pages(std::size_t size) {
  if (size == 0) {
    return;
  }
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    throw std::bad_alloc();
  }
  span_ = {static_cast<char*>(memory), size};
}

void Pages::touch(std::size_t bytes) {
  static constexpr std::size_t page = 4096;
  for (std::size_t at = 0; at < std::min(bytes, span_.size()); at += page) {
    *static_cast<volatile char*>(&span_[at]) = 1;
  }
}

Pages::~Pages() {
  if (!span_.empty()) {
    ::munmap(span_.data(), span_.size());
  }
}

}  // namespace jobinit::kernel
