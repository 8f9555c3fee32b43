#include "jobinit/kernel/memory_meter.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "jobinit/base/text.hpp"

namespace jobinit::kernel {
namespace {

// memory.stat is the longest of these files, with 1.5 to 2 KiB.
using Buffer = std::array<char, 8192>;
constexpr std::uint64_t kKiB = 1024;

Fd open_file(const std::string& path) { return Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)); }

// From its start: kernfs makes the content anew for each read(2) there.
std::string_view read_again(const Fd& file, Buffer& buffer) {
  const ssize_t size = file ? ::pread(file.get(), buffer.data(), buffer.size(), 0) : -1;
  return {buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
}

std::optional<std::uint64_t> leading_number(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  std::uint64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  return failure == std::errc() ? std::optional(value) : std::nullopt;
}

// The number behind a name that begins a line; 0 where there is none.
std::uint64_t value_of(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    if (text.starts_with(name)) {
      if (const auto value = leading_number(text.substr(name.size()))) {
        return *value;
      }
    }
    const std::size_t end = text.find('\n');
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return 0;
}

std::uint64_t less(std::uint64_t a, std::uint64_t b) { return a - std::min(a, b); }

// Without what is backed by files: that is page cache, and others' as much as theirs.
std::uint64_t resident(std::string_view status) {
  return (value_of(status, "RssAnon:") + value_of(status, "RssShmem:") + value_of(status, "VmSwap:")) * kKiB;
}

std::string file_of(pid_t pid, std::string_view name, const Root& root) {
  return root(fmt::format("/proc/{}/{}", pid, name));
}

}  // namespace

std::optional<MemoryMeter> MemoryMeter::open(const MemoryCgroup& group) {
  const std::string& folder = group.limiting_folder();
  MemoryMeter meter;
  meter.version_ = group.version();
  const bool v2 = meter.version_ == 2;
  meter.usage_ = open_file(folder + (v2 ? "/memory.current" : "/memory.usage_in_bytes"));
  meter.stat_ = open_file(folder + "/memory.stat");
  meter.swap_ = open_file(folder + (v2 ? "/memory.swap.current" : "/memory.memsw.usage_in_bytes"));
  if (!v2) {
    meter.kernel_ = open_file(folder + "/memory.kmem.usage_in_bytes");
  }
  if (!meter.usage_ || !meter.stat_) {
    return std::nullopt;
  }
  return meter;
}

std::optional<std::uint64_t> MemoryMeter::used(std::uint64_t good_enough) const {
  Buffer buffer;
  const auto usage = leading_number(read_again(usage_, buffer));
  if (!usage) {
    return std::nullopt;
  }
  std::uint64_t swap = leading_number(read_again(swap_, buffer)).value_or(0);
  if (version_ == 1) {
    swap = less(swap, *usage);
  }
  if (*usage + swap <= good_enough) {
    return *usage + swap;
  }
  // The usage is exact; of the statistics the kernel may have the last few pages still in its per-CPU drawers. So what
  // can go is taken from the usage, instead of adding up what cannot: a job that grows is seen to.
  if (version_ == 1) {
    const std::uint64_t kernel_memory = leading_number(read_again(kernel_, buffer)).value_or(0);
    const std::string_view stat = read_again(stat_, buffer);
    const std::uint64_t cache = value_of(stat, "total_active_file ") + value_of(stat, "total_inactive_file ");
    return less(less(*usage, cache), kernel_memory) + swap;
  }
  const std::string_view stat = read_again(stat_, buffer);
  const std::uint64_t can_go =
      value_of(stat, "active_file ") + value_of(stat, "inactive_file ") + value_of(stat, "slab_reclaimable ");
  return less(*usage, can_go) + swap;
}

std::uint64_t memory_of(const std::vector<pid_t>& pids, std::uint64_t good_enough, const Root& root) {
  Buffer buffer;
  std::uint64_t sum = 0;
  for (const pid_t pid : pids) {
    sum += resident(read_again(open_file(file_of(pid, "status", root)), buffer));
  }
  if (sum <= good_enough) {
    return sum;
  }
  sum = 0;
  for (const pid_t pid : pids) {
    const std::string_view shared_out = read_again(open_file(file_of(pid, "smaps_rollup", root)), buffer);
    if (!shared_out.empty()) {
      const std::uint64_t parts = value_of(shared_out, "Pss_Anon:") + value_of(shared_out, "Pss_Shmem:");
      sum += (parts + value_of(shared_out, "SwapPss:")) * kKiB;
    } else {
      sum += resident(read_again(open_file(file_of(pid, "status", root)), buffer));
    }
  }
  return sum;
}

std::vector<ProcessMemory> largest_of(const std::vector<pid_t>& pids, std::size_t at_most, const Root& root) {
  Buffer buffer;
  std::vector<ProcessMemory> all;
  for (const pid_t pid : pids) {
    const std::string_view status = read_again(open_file(file_of(pid, "status", root)), buffer);
    if (const std::uint64_t bytes = resident(status); bytes > 0) {
      static constexpr std::string_view name = "Name:\t";
      const std::string_view line = status.substr(0, status.find('\n'));
      all.push_back({pid, std::string(line.starts_with(name) ? line.substr(name.size()) : ""), bytes});
    }
  }
  const auto end = all.begin() + static_cast<std::ptrdiff_t>(std::min(at_most, all.size()));
  std::partial_sort(all.begin(), end, all.end(), [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
  all.erase(end, all.end());
  return all;
}

}  // namespace jobinit::kernel
