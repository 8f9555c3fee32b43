#include "jobinit/kernel/probe.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

namespace jobinit::kernel {

Probe::Probe(const std::string& path) : file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  Buffer buffer;
  if (file_ && ::pread(file_.get(), buffer.data(), buffer.size(), 0) < 0) {
    file_.reset();
  }
}

std::string_view Probe::look(Buffer& buffer) const {
  // From the start: the kernel makes the content anew for each read(2) there.
  const ssize_t size = file_ ? ::pread(file_.get(), buffer.data(), buffer.size(), 0) : -1;
  return {buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
}

std::optional<std::uint64_t> leading_number(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  std::uint64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  return failure == std::errc() ? std::optional(value) : std::nullopt;
}

std::optional<std::uint64_t> number_behind(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    if (text.starts_with(name)) {
      if (const auto value = leading_number(text.substr(name.size()))) {
        return value;
      }
    }
    const std::size_t end = text.find('\n');
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return std::nullopt;
}

}  // namespace jobinit::kernel
