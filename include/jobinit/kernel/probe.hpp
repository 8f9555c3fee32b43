// A small file of the kernel's (in /proc, in a cgroup) that is looked at again and again, also when there is no memory
// left: it is opened and read once beforehand, and after that a look allocates nothing, not even in the kernel, which
// keeps a file's buffer as long as the file is open (Documentation/filesystems/seq_file.rst). What it allocated would
// be charged to our cgroup, and where that is full the OOM killer would strike again.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "jobinit/kernel/fd.hpp"

namespace jobinit::kernel {

class Probe {
 public:
  // The longest of these files, memory.stat, has 1.5 to 2 KiB.
  using Buffer = std::array<char, 8192>;

  Probe() = default;
  // Empty where the file cannot be opened or read.
  explicit Probe(const std::string& path);

  explicit operator bool() const { return static_cast<bool>(file_); }
  // As the file is now, in the buffer; empty where it cannot be read.
  std::string_view look(Buffer& buffer) const;

 private:
  Fd file_;
};

// The number that a text begins with, blanks aside.
std::optional<std::uint64_t> leading_number(std::string_view text);
// The number behind a name that begins a line.
std::optional<std::uint64_t> number_behind(std::string_view text, std::string_view name);

}  // namespace jobinit::kernel
