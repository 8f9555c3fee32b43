#include "jobinit/kernel/process.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <csignal>
#include <map>
#include <memory>
#include <unordered_map>

#include "jobinit/base/text.hpp"

namespace jobinit::kernel {
namespace {

constexpr std::uint64_t kKilobyte = 1024;

std::chrono::microseconds microseconds(const timeval& value) {
  return std::chrono::seconds(value.tv_sec) + std::chrono::microseconds(value.tv_usec);
}

// The fields of /proc/PID/stat from the third on, after a blank; the second, the name, may itself hold blanks and
// parentheses (proc(5)). Empty where there are none.
std::string_view behind_name(std::string_view stat) {
  const std::size_t name_end = stat.rfind(')');
  return name_end == std::string_view::npos ? std::string_view() : stat.substr(name_end + 1);
}

// The fourth field: the third is one letter.
pid_t parent_of(std::string_view stat) {
  static constexpr std::size_t start = 3;
  const std::string_view fields = behind_name(stat);
  pid_t parent = 0;
  if (fields.size() > start) {
    std::from_chars(fields.data() + start, fields.data() + fields.size(), parent);
  }
  return parent;
}

}  // namespace

Look look_for_dead_child() {
  siginfo_t info{};
  for (;;) {
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0) {
      return info.si_pid == 0 ? Look{Children::alive, 0} : Look{Children::one_dead, info.si_pid};
    }
    if (errno != EINTR) {
      return {Children::none, 0};
    }
  }
}

std::optional<Reaped> reap(pid_t pid) {
  siginfo_t info{};
  rusage usage{};
  long result = -1;
  do {
    // The system call, unlike glibc's waitid(), hands out the resources used (waitid(2), NOTES).
    result = ::syscall(SYS_waitid, P_PID, pid, &info, WEXITED | WNOHANG, &usage);
  } while (result < 0 && errno == EINTR);
  if (result < 0 || info.si_pid != pid) {
    return std::nullopt;
  }
  Reaped reaped;
  reaped.pid = pid;
  reaped.status.signaled = info.si_code != CLD_EXITED;
  reaped.status.value = info.si_status;
  reaped.status.core_dumped = info.si_code == CLD_DUMPED;
  reaped.usage.user = microseconds(usage.ru_utime);
  reaped.usage.system = microseconds(usage.ru_stime);
  reaped.usage.max_resident = static_cast<std::uint64_t>(usage.ru_maxrss) * kKilobyte;
  reaped.usage.major_faults = static_cast<std::uint64_t>(usage.ru_majflt);
  reaped.usage.minor_faults = static_cast<std::uint64_t>(usage.ru_minflt);
  return reaped;
}

std::size_t reap_dead() {
  std::size_t count = 0;
  for (Look look = look_for_dead_child(); look.children == Children::one_dead; look = look_for_dead_child()) {
    count += reap(look.pid) ? 1U : 0U;
  }
  return count;
}

void wait_for_children(std::chrono::milliseconds at_most) {
  sigset_t child;
  ::sigemptyset(&child);
  ::sigaddset(&child, SIGCHLD);
  const auto until = std::chrono::steady_clock::now() + at_most;
  for (;;) {
    reap_dead();
    const Look look = look_for_dead_child();
    const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(until - std::chrono::steady_clock::now());
    if (look.children == Children::none || left.count() <= 0) {
      return;
    }
    const auto whole = std::chrono::duration_cast<std::chrono::seconds>(left);
    const timespec pause{.tv_sec = whole.count(), .tv_nsec = (left - whole).count()};
    ::sigtimedwait(&child, nullptr, &pause);
  }
}

void wait_for(pid_t pid) {
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

std::optional<int> stopped_by(pid_t pid) {
  siginfo_t info{};
  const auto id = static_cast<id_t>(pid);
  if (::waitid(P_PID, id, &info, WSTOPPED | WNOHANG) != 0 || info.si_pid != pid) {
    return std::nullopt;
  }
  return info.si_status;
}

Result<void> die_with_parent(int signal, pid_t parent) {
  if (::prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0) != 0) {
    return system_error(errno, "asking for a signal when the parent ends");
  }
  if (::getppid() != parent) {
    ::kill(::getpid(), signal);
  }
  return {};
}

Result<void> become_subreaper() {
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) {
    return system_error(errno, "becoming a subreaper");
  }
  return {};
}

bool is_subreaper() {
  int set = 0;
  return ::prctl(PR_GET_CHILD_SUBREAPER, &set, 0, 0, 0) == 0 && set != 0;
}

void hide_memory(bool hidden) { ::prctl(PR_SET_DUMPABLE, hidden ? 0 : 1, 0, 0, 0); }

namespace {

std::optional<pid_t> as_pid(std::string_view text) {
  pid_t pid = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), pid);
  return failure == std::errc() && end == text.data() + text.size() ? std::optional(pid) : std::nullopt;
}

std::uint64_t as_number(std::string_view text, int base) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, base);
  return value;
}

// The names in a folder that are numbers; none where there is no such folder.
std::vector<pid_t> numbers_in(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), ::closedir);
  std::vector<pid_t> found;
  if (folder == nullptr) {
    return found;
  }
  while (const dirent* entry = ::readdir(folder.get())) {  // NOLINT(concurrency-mt-unsafe): one thread
    if (const auto number = as_pid(entry->d_name)) {
      found.push_back(*number);
    }
  }
  return found;
}

}  // namespace

std::vector<pid_t> descendants(pid_t ancestor, const Root& root, const std::set<pid_t>& except) {
  std::unordered_multimap<pid_t, pid_t> children;
  for (const pid_t pid : numbers_in(root("/proc"))) {
    if (const auto stat = read_file(root(fmt::format("/proc/{}/stat", pid)))) {
      children.emplace(parent_of(*stat), pid);
    }
  }
  std::vector<pid_t> found;
  std::vector<pid_t> open{ancestor};
  while (!open.empty()) {
    const pid_t parent = open.back();
    open.pop_back();
    const auto [first, last] = children.equal_range(parent);
    for (auto child = first; child != last; ++child) {
      if (except.contains(child->second)) {
        continue;
      }
      found.push_back(child->second);
      open.push_back(child->second);
    }
  }
  return found;
}

std::vector<pid_t> descendants_at_a_glance(pid_t ancestor, const Root& root, const std::set<pid_t>& except) {
  std::vector<pid_t> found;
  std::vector<pid_t> open{ancestor};
  bool told = false;
  while (!open.empty()) {
    const pid_t parent = open.back();
    open.pop_back();
    // By thread: each has the children that it has started.
    const std::string threads = root(fmt::format("/proc/{}/task", parent));
    for (const pid_t thread : numbers_in(threads)) {
      const auto list = read_file(fmt::format("{}/{}/children", threads, thread));
      told = told || list;
      for (const std::string& word : split(list ? *list : "", " ")) {
        if (const auto child = as_pid(word); child && !except.contains(*child)) {
          found.push_back(*child);
          open.push_back(*child);
        }
      }
    }
  }
  return told ? found : descendants(ancestor, root, except);
}

bool is_dying(std::string_view stat) {
  // PF_EXITING and PF_SIGNALED, include/linux/sched.h.
  static constexpr std::uint64_t going = 0x4U | 0x400U;
  static constexpr std::uint64_t sigkill = std::uint64_t{1} << (SIGKILL - 1);
  // State, flags and pending signals are the fields 3, 9 and 31; the third is the first behind the name.
  static constexpr std::size_t first = 3;
  std::string_view rest = trim(behind_name(stat));
  for (std::size_t field = first; !rest.empty() && field <= 31; ++field) {
    const std::string_view word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(word.size() + 1, rest.size()));
    if (field == first && (word == "Z" || word == "X")) {
      return true;
    }
    if ((field == 9 && (as_number(word, 10) & going) != 0) || (field == 31 && (as_number(word, 10) & sigkill) != 0)) {
      return true;
    }
  }
  return false;
}

std::string stat_file(pid_t pid) { return fmt::format("/proc/{}/stat", pid); }

bool has_procfs() { return ::access("/proc/self/stat", R_OK) == 0; }

std::chrono::microseconds cpu_time(const std::vector<pid_t>& pids, const Root& root) {
  // utime, stime, cutime and cstime: the fields 14 to 17, of which the third is the first behind the name.
  static constexpr std::size_t first = 14 - 3;
  std::uint64_t ticks = 0;
  for (const pid_t pid : pids) {
    const auto stat = read_file(root(fmt::format("/proc/{}/stat", pid)));
    const std::vector<std::string> fields = split(stat ? behind_name(*stat) : "", " ");
    for (std::size_t i = first; i < first + 4 && i < fields.size(); ++i) {
      std::uint64_t value = 0;
      std::from_chars(fields[i].data(), fields[i].data() + fields[i].size(), value);
      ticks += value;
    }
  }
  return std::chrono::microseconds(ticks * 1'000'000 / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK)));
}

int available_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return ::sched_getaffinity(0, sizeof(set), &set) == 0 ? std::max(1, CPU_COUNT(&set)) : 1;
}

bool signal_group(pid_t leader, int signal) { return leader > 1 && ::kill(-leader, signal) == 0; }

bool signal_process(pid_t pid, int signal) { return pid > 1 && ::kill(pid, signal) == 0; }

std::size_t kill_tree(Leader leader, const std::set<pid_t>& except) {
  const pid_t self = ::getpid();
  std::vector<pid_t> seen = descendants(self, {}, except);
  std::size_t sent = seen.size();
  if (leader.lives || seen.empty()) {
    signal_group(leader.pid, SIGKILL);
  }
  if (self == 1 && except.empty()) {
    // One call reaches everyone in the namespace, and a child that is being forked meanwhile does not come into being.
    ::kill(-1, SIGKILL);
    return sent;
  }
  // A process that forks between the snapshot and its SIGKILL leaves a child behind; the next snapshot shows it. What
  // forks faster than this loop is met again at the caller's next call.
  static constexpr int rounds = 8;
  for (int round = 0; round < rounds && !seen.empty(); ++round) {
    for (const pid_t pid : seen) {
      signal_process(pid, SIGKILL);
    }
    const std::size_t before = seen.size();
    seen = descendants(self, {}, except);
    sent = std::max(sent, seen.size());
    if (seen.size() <= before && round > 0) {
      break;
    }  // only the dying are left
  }
  return sent;
}

namespace {

constexpr int kNeverTaken = -1000;  // proc(5), oom_score_adj

std::optional<int> own_oom_score_adj() {
  const auto text = read_file("/proc/self/oom_score_adj");
  const auto value = text ? parse_integer(*text, kNeverTaken, -kNeverTaken) : error("");
  return value ? std::optional(static_cast<int>(*value)) : std::nullopt;
}

}  // namespace

void set_own_oom_score_adj(int value) {
  const int file = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (file < 0) {
    return;
  }
  std::array<char, 8> text{};
  const auto [end, failure] = std::to_chars(text.data(), text.data() + text.size(), value);
  if (failure == std::errc()) {
    // Lowering is refused without CAP_SYS_RESOURCE; the inherited value then stays.
    [[maybe_unused]] const ssize_t written = ::write(file, text.data(), static_cast<std::size_t>(end - text.data()));
  }
  ::close(file);
}

Fd open_own_oom_score_adj() { return Fd(::open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC)); }

std::optional<int> exchange_oom_score_adj(const Fd& own, int value) {
  std::array<char, 16> text{};
  const ssize_t size = own ? ::pread(own.get(), text.data(), text.size(), 0) : -1;
  const auto before =
      parse_integer({text.data(), size > 0 ? static_cast<std::size_t>(size) : 0}, kNeverTaken, -kNeverTaken);
  const std::string wanted = fmt::format("{}", value);
  if (!before || ::pwrite(own.get(), wanted.data(), wanted.size(), 0) != static_cast<ssize_t>(wanted.size())) {
    return std::nullopt;
  }
  return static_cast<int>(*before);
}

std::optional<int> ask_to_be_spared_by_oom_killer(const Fd& own) { return exchange_oom_score_adj(own, kNeverTaken); }

bool is_spared_by_oom_killer() { return own_oom_score_adj() == kNeverTaken; }

bool is_root() { return ::geteuid() == 0; }

std::string own_executable() {
  if (::access("/proc/self/exe", X_OK) == 0) {
    return "/proc/self/exe";
  }
  // Without /proc: the path that execve(2) was given (getauxval(3)), made absolute by the caller's folder.
  const auto* const path = reinterpret_cast<const char*>(::getauxval(AT_EXECFN));  // NOLINT(performance-no-int-to-ptr)
  if (path == nullptr || *path == '/') {
    return path == nullptr ? "" : path;
  }
  std::array<char, PATH_MAX> folder{};
  return ::getcwd(folder.data(), folder.size()) == nullptr ? path : fmt::format("{}/{}", folder.data(), path);
}

std::string make_uuid_v7() {
  std::array<unsigned char, 16> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), GRND_NONBLOCK) != static_cast<ssize_t>(bytes.size())) {
    // Early at boot only. Unique is what it must be, not secret.
    const auto ticks = static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
    for (std::size_t i = 0; i < 8; ++i) {
      bytes.at(8 + i) = static_cast<unsigned char>(ticks >> (8 * i));
    }
    bytes[7] = static_cast<unsigned char>(::getpid());
  }
  const auto now =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  for (std::size_t i = 0; i < 6; ++i) {
    bytes.at(i) = static_cast<unsigned char>(static_cast<std::uint64_t>(now) >> (8 * (5 - i)));
  }
  bytes[6] = static_cast<unsigned char>(0x70U | (bytes[6] & 0x0FU));  // version 7
  bytes[8] = static_cast<unsigned char>(0x80U | (bytes[8] & 0x3FU));  // variant
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) {
      text += '-';
    }
    text += fmt::format("{:02x}", bytes.at(i));
  }
  return text;
}

double random_fraction() {
  std::uint32_t bits = 0;
  if (::getrandom(&bits, sizeof(bits), GRND_NONBLOCK) != static_cast<ssize_t>(sizeof(bits))) {
    return 0;
  }
  return static_cast<double>(bits) / 4294967296.0;
}

std::string host_name() {
  utsname names{};
  return ::uname(&names) == 0 ? names.nodename : "";
}

void give_back_memory() { ::malloc_trim(0); }

pid_t own_pid() { return ::getpid(); }

pid_t parent_pid() { return ::getppid(); }

void exit_now(int code) { ::_exit(code); }

}  // namespace jobinit::kernel
