#include "jobinit/kernel/memory_meter.hpp"

#include <algorithm>

#include "jobinit/base/text.hpp"

namespace jobinit::kernel {
namespace {

constexpr std::uint64_t kKiB = 1024;

std::uint64_t value_of(std::string_view text, std::string_view name) { return number_behind(text, name).value_or(0); }

std::uint64_t less(std::uint64_t a, std::uint64_t b) { return a - std::min(a, b); }

// Without what is backed by files: that is page cache, and others' as much as theirs.
std::uint64_t resident(std::string_view status) {
  return (value_of(status, "RssAnon:") + value_of(status, "RssShmem:") + value_of(status, "VmSwap:")) * kKiB;
}

std::string file_of(pid_t pid, std::string_view name, const Root& root) {
  return root(fmt::format("/proc/{}/{}", pid, name));
}

}  // namespace

std::optional<MemoryMeter> MemoryMeter::open(int version, const std::string& folder) {
  MemoryMeter meter;
  meter.version_ = version;
  const bool v2 = meter.version_ == 2;
  meter.usage_ = Probe(folder + (v2 ? "/memory.current" : "/memory.usage_in_bytes"));
  meter.stat_ = Probe(folder + "/memory.stat");
  meter.swap_ = Probe(folder + (v2 ? "/memory.swap.current" : "/memory.memsw.usage_in_bytes"));
  if (!v2) {
    meter.kernel_ = Probe(folder + "/memory.kmem.usage_in_bytes");
  }
  if (!meter.usage_ || !meter.stat_) {
    return std::nullopt;
  }
  return meter;
}

std::optional<std::uint64_t> MemoryMeter::used(std::uint64_t good_enough) const {
  Probe::Buffer buffer;
  const auto usage = leading_number(usage_.look(buffer));
  if (!usage) {
    return std::nullopt;
  }
  std::uint64_t swap = leading_number(swap_.look(buffer)).value_or(0);
  if (version_ == 1) {
    swap = less(swap, *usage);
  }
  if (*usage + swap <= good_enough) {
    return *usage + swap;
  }
  // The usage is exact; of the statistics the kernel may have the last few pages still in its per-CPU drawers. So what
  // can go is taken from the usage, instead of adding up what cannot: a job that grows is seen to.
  if (version_ == 1) {
    const std::uint64_t kernel_memory = leading_number(kernel_.look(buffer)).value_or(0);
    const std::string_view stat = stat_.look(buffer);
    const std::uint64_t cache = value_of(stat, "total_active_file ") + value_of(stat, "total_inactive_file ");
    return less(less(*usage, cache), kernel_memory) + swap;
  }
  const std::string_view stat = stat_.look(buffer);
  const std::uint64_t can_go =
      value_of(stat, "active_file ") + value_of(stat, "inactive_file ") + value_of(stat, "slab_reclaimable ");
  return less(*usage, can_go) + swap;
}

std::uint64_t memory_of(const std::vector<pid_t>& pids, std::uint64_t good_enough, const Root& root) {
  Probe::Buffer buffer;
  std::uint64_t sum = 0;
  for (const pid_t pid : pids) {
    sum += resident(Probe(file_of(pid, "status", root)).look(buffer));
  }
  if (sum <= good_enough) {
    return sum;
  }
  sum = 0;
  for (const pid_t pid : pids) {
    const std::string_view shared_out = Probe(file_of(pid, "smaps_rollup", root)).look(buffer);
    if (!shared_out.empty()) {
      const std::uint64_t parts = value_of(shared_out, "Pss_Anon:") + value_of(shared_out, "Pss_Shmem:");
      sum += (parts + value_of(shared_out, "SwapPss:")) * kKiB;
    } else {
      sum += resident(Probe(file_of(pid, "status", root)).look(buffer));
    }
  }
  return sum;
}

std::vector<ProcessMemory> largest_of(const std::vector<pid_t>& pids, std::size_t at_most, const Root& root) {
  Probe::Buffer buffer;
  std::vector<ProcessMemory> all;
  for (const pid_t pid : pids) {
    const std::string_view status = Probe(file_of(pid, "status", root)).look(buffer);
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
