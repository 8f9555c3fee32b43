#include "jobinit/kernel/cgroup.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "jobinit/base/text.hpp"

namespace jobinit::kernel {
namespace {

// v1 says "none" by the largest multiple of the page size that fits (9223372036854771712 with 4 KiB pages); no machine
// has a limit near it.
constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 62U;

std::optional<std::uint64_t> number(std::string_view text) {
  text = trim(text);
  std::uint64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || failure != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

std::optional<std::uint64_t> number_in(const std::string& path) {
  const auto content = read_file(path);
  return content ? number(*content) : std::nullopt;
}

// The value of "key value" in a file of such lines.
std::optional<std::uint64_t> value_in(const std::string& path, std::string_view key) {
  const auto content = read_file(path);
  if (!content) {
    return std::nullopt;
  }
  for (const std::string& line : split(*content, "\n")) {
    if (line.size() > key.size() && line.starts_with(key) && line[key.size()] == ' ') {
      return number(std::string_view(line).substr(key.size()));
    }
  }
  return std::nullopt;
}

std::uint64_t limit_of(const std::string& folder, int version) {
  // v2 writes "max", which is no number.
  return std::min(number_in(folder + (version == 2 ? "/memory.max" : "/memory.limit_in_bytes")).value_or(kNoLimit),
                  kNoLimit);
}

// "SwapTotal:        2097148 kB" (proc(5)), in bytes.
std::uint64_t total_swap(const std::string& meminfo) {
  for (const std::string& line : split(meminfo, "\n")) {
    const auto words = split(line, " ");
    if (words.size() > 1 && words[0] == "SwapTotal:") {
      return number(words[1]).value_or(0) * 1024;
    }
  }
  return 0;
}

// "some avg10=0.00 avg60=0.00 avg300=0.00 total=12345", in microseconds.
std::optional<std::chrono::microseconds> stalled(const std::string& pressure, std::string_view kind) {
  static constexpr std::string_view total = "total=";
  for (const std::string& line : split(pressure, "\n")) {
    const std::size_t at = line.find(total);
    if (line.starts_with(kind) && at != std::string::npos) {
      if (const auto value = number(std::string_view(line).substr(at + total.size()))) {
        return std::chrono::microseconds(*value);
      }
    }
  }
  return std::nullopt;
}

struct Membership {
  int version = 0;
  std::string path;
};

// Lines "ID:controllers:path" (cgroups(7)). The memory controller sits in v1 or in v2, never in both, also when both
// are mounted (hybrid): a v1 line that names it wins.
std::optional<Membership> membership(const std::string& content) {
  std::optional<Membership> found;
  for (const std::string& line : split(content, "\n")) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) {
      continue;
    }
    const auto controllers = split(line.substr(first + 1, second - first - 1), ",");
    if (std::find(controllers.begin(), controllers.end(), "memory") != controllers.end()) {
      return Membership{1, line.substr(second + 1)};
    }
    if (controllers.empty() && line.starts_with("0:")) {
      found = Membership{2, line.substr(second + 1)};
    }
  }
  return found;
}

struct Mount {
  std::string root;   // which folder of the hierarchy is mounted
  std::string point;  // where
};

// Lines "ID parent major:minor root point options [optional...] - type source super-options" (proc(5)).
std::optional<Mount> find_mount(const std::string& content, int version) {
  std::string_view rest = content;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    // Most lines are other file systems', and taking them apart would be a good part of the time to start.
    const std::size_t dash = line.find(" - cgroup");
    if (dash == std::string_view::npos) {
      continue;
    }
    const auto before = split(line.substr(0, dash), " ");
    const auto after = split(line.substr(dash + 3), " ");
    if (before.size() < 5 || after.size() < 3) {
      continue;
    }
    const auto options = split(after[2], ",");
    const bool memory = std::find(options.begin(), options.end(), "memory") != options.end();
    if ((version == 2 && after[0] == "cgroup2") || (version == 1 && after[0] == "cgroup" && memory)) {
      return Mount{before[3], before[4]};
    }
  }
  return std::nullopt;
}

// The part of `path` below the mounted folder. Docker without a private cgroup namespace mounts the group itself, while
// /proc/self/cgroup shows the host's path to it; a path outside of the mount means that the mount's top is all we see.
std::string below_mount(const std::string& path, const std::string& mounted) {
  if (mounted == "/") {
    return path == "/" || path.starts_with("/..") ? "" : path;
  }
  if (path.starts_with(mounted) && (path.size() == mounted.size() || path[mounted.size()] == '/')) {
    return path.substr(mounted.size());
  }
  return "";
}

}  // namespace

std::optional<MemoryCgroup> MemoryCgroup::find(const Root& root) {
  const auto cgroups = read_file(root("/proc/self/cgroup"));
  const auto mounts = read_file(root("/proc/self/mountinfo"));
  if (!cgroups || !mounts) {
    return std::nullopt;
  }
  const auto member = membership(*cgroups);
  const auto mount = member ? find_mount(*mounts, member->version) : std::nullopt;
  if (!mount) {
    return std::nullopt;
  }
  MemoryCgroup group;
  group.version_ = member->version;
  group.root_ = root;
  std::string below = below_mount(member->path, mount->root);
  while (!below.empty()) {
    group.folders_.push_back(root(mount->point + below));
    const std::size_t slash = below.rfind('/');
    below.resize(slash == std::string::npos ? 0 : slash);
  }
  group.folders_.push_back(root(mount->point));
  return group;
}

MemoryCgroup MemoryCgroup::at(int version, std::string folder) {
  MemoryCgroup group;
  group.version_ = version;
  group.folders_ = {std::move(folder)};
  return group;
}

std::optional<std::uint64_t> MemoryCgroup::limit() const {
  const std::uint64_t tightest = limit_of(limiting_folder(), version_);
  return tightest == kNoLimit ? std::nullopt : std::optional(tightest);
}

const std::string& MemoryCgroup::limiting_folder() const {
  return *std::min_element(folders_.begin(), folders_.end(), [this](const std::string& a, const std::string& b) {
    return limit_of(a, version_) < limit_of(b, version_);
  });
}

std::uint64_t MemoryCgroup::swap_room() const {
  const auto meminfo = read_file(root_("/proc/meminfo"));
  std::uint64_t room = meminfo ? total_swap(*meminfo) : 0;
  for (const std::string& folder : folders_) {
    if (version_ == 2) {
      room = std::min(room, number_in(folder + "/memory.swap.max").value_or(kNoLimit));
      continue;
    }
    // v1 limits the sum of both, where it accounts for swap at all.
    const auto sum = number_in(folder + "/memory.memsw.limit_in_bytes");
    if (sum && *sum < kNoLimit) {
      const std::uint64_t memory = limit_of(folder, version_);
      room = std::min(room, *sum - std::min(*sum, memory));
    }
  }
  return room;
}

bool MemoryCgroup::kills_group() const {
  return std::any_of(folders_.begin(), folders_.end(),
                     [](const std::string& folder) { return number_in(folder + "/memory.oom.group") == 1; });
}

MemoryCounters MemoryCgroup::counters() const {
  const std::string& folder = folders_.front();
  MemoryCounters counters;
  counters.oom_kills = oom_kills();
  if (version_ == 1) {
    counters.limit_hits = number_in(folder + "/memory.failcnt");
    return counters;
  }
  counters.limit_hits = value_in(folder + "/memory.events", "max");
  counters.throttled = value_in(folder + "/memory.events", "high");
  if (const auto pressure = read_file(folder + "/memory.pressure")) {
    counters.stalled_some = stalled(*pressure, "some");
    counters.stalled_full = stalled(*pressure, "full");
  }
  return counters;
}

std::optional<std::uint64_t> MemoryCgroup::peak() const {
  return number_in(folders_.front() + (version_ == 2 ? "/memory.peak" : "/memory.max_usage_in_bytes"));
}

std::optional<std::uint64_t> MemoryCgroup::oom_kills() const { return oom_kills_in(oom_file()); }

Fd MemoryCgroup::notices() const {
  if (version_ == 1) {
    return {};
  }
  Fd notices(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  // The kernel says so for cgroup v2's files (cgroup-v2.rst, "[Un]populated Notification" and memory.events).
  if (notices && ::inotify_add_watch(notices.get(), oom_file().c_str(), IN_MODIFY) < 0) {
    notices.reset();
  }
  return notices;
}

void MemoryCgroup::acknowledge(const Fd& notices) {
  std::array<char, 4096> ignored{};
  while (::read(notices.get(), ignored.data(), ignored.size()) > 0) {
  }
}

std::string MemoryCgroup::oom_file() const {
  return folders_.front() + (version_ == 2 ? "/memory.events" : "/memory.oom_control");
}

std::optional<std::uint64_t> MemoryCgroup::oom_kills_in(const std::string& oom_file) {
  return value_in(oom_file, "oom_kill");
}

bool MemoryCgroup::exclusive(const std::set<pid_t>& known) const {
  const auto members = read_file(folders_.front() + "/cgroup.procs");
  if (!members) {
    return false;
  }
  const auto self = static_cast<std::uint64_t>(::getpid());
  const auto parent = static_cast<std::uint64_t>(::getppid());
  const auto pids = split(*members, "\n");
  // A parent in the same group is what `docker run --init` and a shell entrypoint look like; 0 is a process of another
  // pid namespace, which we know nothing of.
  // And a list without ourselves is not the list of our group.
  bool found_self = false;
  const bool only_ours = std::all_of(pids.begin(), pids.end(), [&](const std::string& pid) {
    const auto value = number(pid);
    found_self = found_self || value == self;
    return value && *value != 0 && (*value == self || *value == parent || known.contains(static_cast<pid_t>(*value)));
  });
  return only_ours && found_self;
}

}  // namespace jobinit::kernel
