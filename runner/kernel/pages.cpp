#include "jobinit/kernel/pages.hpp"

#include <sys/mman.h>

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

Pages::~Pages() {
  if (!span_.empty()) {
    ::munmap(span_.data(), span_.size());
  }
}

}  // namespace jobinit::kernel
