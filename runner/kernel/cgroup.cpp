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

// The value of "key value" in the content of a file of such lines.
std::optional<std::uint64_t> value_of(const Result<std::string>& content, std::string_view key) {
  for (const std::string& line : split(content ? *content : "", "\n")) {
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

// Other than the machine's own, whose number never changes (PROC_PID_INIT_INO, include/linux/proc_ns.h).
bool in_pid_namespace(const Root& root) {
  static constexpr std::string_view first = "pid:[4026531836]";
  std::array<char, 64> target{};
  const ssize_t size = ::readlink(root("/proc/self/ns/pid").c_str(), target.data(), target.size());
  return size > 0 && std::string_view(target.data(), static_cast<std::size_t>(size)) != first;
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

}  // namespace

std::optional<MemoryCgroup> MemoryCgroup::find(const Root& root) {
  const auto place = find_cgroup("memory", root);
  if (!place) {
    return std::nullopt;
  }
  MemoryCgroup group;
  group.version_ = place->version;
  group.root_ = root;
  std::string folder = place->folder;
  while (folder.size() > place->mount_point.size()) {
    group.folders_.push_back(folder);
    folder.resize(std::max(folder.rfind('/'), place->mount_point.size()));
  }
  group.folders_.push_back(place->mount_point);
  group.place_ = *place;
  return group;
}

MemoryCgroup MemoryCgroup::at(int version, std::string folder) {
  MemoryCgroup group;
  group.version_ = version;
  group.folders_ = {std::move(folder)};
  return group;
}

MemoryCgroup::Tightest MemoryCgroup::tightest() const {
  Tightest found{&folders_.front(), kNoLimit};
  for (const std::string& folder : folders_) {
    if (const std::uint64_t here = limit_of(folder, version_); here < found.bytes) {
      found = {&folder, here};
    }
  }
  return found;
}

std::optional<std::uint64_t> MemoryCgroup::limit() const {
  const std::uint64_t bytes = tightest().bytes;
  return bytes == kNoLimit ? std::nullopt : std::optional(bytes);
}

const std::string& MemoryCgroup::limiting_folder() const { return *tightest().folder; }

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
  const auto events = read_file(oom_file());
  MemoryCounters counters;
  counters.oom_kills = value_of(events, "oom_kill");
  if (version_ == 1) {
    // Where there is no room in swap either, it is the limit of both together that is hit.
    const auto both = number_in(folder + "/memory.memsw.failcnt");
    counters.limit_hits = number_in(folder + "/memory.failcnt");
    if (counters.limit_hits && both) {
      counters.limit_hits = *counters.limit_hits + *both;
    }
    return counters;
  }
  counters.limit_hits = value_of(events, "max");
  counters.throttled = value_of(events, "high");
  if (const auto pressure = read_file(folder + "/memory.pressure")) {
    counters.stalled_some = stalled(*pressure, "some");
    counters.stalled_full = stalled(*pressure, "full");
  }
  return counters;
}

std::optional<std::uint64_t> MemoryCgroup::peak() const {
  return number_in(folders_.front() + (version_ == 2 ? "/memory.peak" : "/memory.max_usage_in_bytes"));
}

std::optional<std::uint64_t> MemoryCgroup::peak_swap() const {
  return version_ == 2 ? number_in(folders_.front() + "/memory.swap.peak") : std::nullopt;
}

Fd MemoryCgroup::pressure_notices(const std::string& folder) const {
  if (version_ == 1) {
    return {};
  }
  Fd notices(::open((folder + "/memory.pressure").c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  // Microseconds of standing still, and the window that they are looked for in. Without CAP_SYS_RESOURCE the kernel
  // takes no window but whole multiples of two seconds, and that since 6.5. The closing NUL belongs to it.
  for (const std::string_view wish : {std::string_view("some 20000 500000\0", 18), {"some 50000 2000000\0", 19}}) {
    if (notices && ::write(notices.get(), wish.data(), wish.size()) >= 0) {
      return notices;
    }
  }
  return {};
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
  return value_of(read_file(oom_file), "oom_kill");
}

bool MemoryCgroup::exclusive(const std::set<pid_t>& known) const {
  // v1 leaves out of cgroup.procs whom our pid namespace does not know. A container's own group is the top of what is
  // mounted; any other may have strangers.
  if (version_ == 1 && folders_.size() > 1 && in_pid_namespace(root_)) {
    return false;
  }
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
