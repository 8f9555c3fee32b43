#include "jobinit/kernel/cgroup_tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <ctime>
#include <memory>

#include "jobinit/base/text.hpp"
#include "jobinit/kernel/fd.hpp"
#include "jobinit/kernel/files.hpp"

namespace jobinit::kernel {
namespace {

constexpr mode_t kGroupMode = 0755;
constexpr std::size_t kMostGroups = 4096;
// As many processes as a kernel can have (4 Mi), at eight bytes a line.
constexpr std::size_t kMostBytes = 32U << 20U;
// Each round moves all that were there when it began, and their future children with them: what is left is who was
// forked while the list was read. More than a few rounds means that somebody puts processes in from outside, or that
// somebody is just ending: he is listed until he has, and to move him does nothing, successfully
// (cgroup_migrate_add_task in the kernel's cgroup.c). For him there is a pause.
constexpr int kRounds = 200;
constexpr timespec kPause{.tv_sec = 0, .tv_nsec = 1'000'000};

}  // namespace

int CgroupTree::make(const std::string& group) { return ::mkdir(group.c_str(), kGroupMode) == 0 ? 0 : errno; }

int CgroupTree::remove(const std::string& group) { return ::rmdir(group.c_str()) == 0 ? 0 : errno; }

int CgroupTree::write(const std::string& file, std::string_view text) {
  const Fd open(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (!open) {
    return errno;
  }
  ssize_t written = -1;
  do {
    written = ::write(open.get(), text.data(), text.size());
  } while (written < 0 && errno == EINTR);
  return written < 0 ? errno : 0;
}

CgroupTree& CgroupTree::real() {
  static CgroupTree tree;
  return tree;
}

std::string value_in(const std::string& file) {
  const auto content = read_file(file);
  return content ? std::string(trim(*content)) : "";
}

std::vector<std::string> groups_from(const std::string& group) {
  std::vector<std::string> groups{group};
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(groups[i].c_str()), ::closedir);
    if (folder == nullptr) {
      continue;
    }
    while (const dirent* entry = ::readdir(folder.get())) {  // NOLINT(concurrency-mt-unsafe): one thread
      const std::string_view name = entry->d_name;
      if (entry->d_type != DT_DIR || name == "." || name == "..") {
        continue;
      }
      if (groups.size() == kMostGroups) {
        return groups;
      }
      groups.push_back(fmt::format("{}/{}", groups[i], name));
    }
  }
  return groups;
}

void remove_groups(CgroupTree& tree, const std::string& group) {
  const std::vector<std::string> groups = groups_from(group);
  std::for_each(groups.rbegin(), groups.rend(), [&](const std::string& one) { tree.remove(one); });
}

std::vector<pid_t> processes_of(const std::string& group) {
  std::vector<pid_t> found;
  const auto content = read_file(group + "/cgroup.procs", kMostBytes);
  std::string_view rest = content ? std::string_view(*content) : "";
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    pid_t pid = 0;
    const auto [end, failure] = std::from_chars(line.data(), line.data() + line.size(), pid);
    if (failure == std::errc() && end == line.data() + line.size()) {
      found.push_back(pid);
    }
  }
  return found;
}

Stuck move_everybody(CgroupTree& tree, const std::string& from, const std::string& to) {
  const std::string entrance = to + "/cgroup.procs";
  std::vector<pid_t> before;
  Stuck stuck;
  for (int round = 0; round < kRounds; ++round) {
    const std::vector<pid_t> processes = processes_of(from);
    stuck = {};
    bool moved = false;
    for (const pid_t pid : processes) {
      // To write 0 would be to move ourselves (cgroups(7)).
      const int code = pid == 0 ? ESRCH : tree.write(entrance, fmt::format("{}", pid));
      if (code == 0) {
        moved = true;
      } else if (code != ESRCH || pid == 0) {
        stuck = {pid, code};
      }
    }
    if (processes.empty() || (!moved && stuck.code != 0)) {
      return stuck;
    }
    // Either some were moved, so that the next list is another one, or all of them have ended meanwhile.
    stuck = {processes.back(), EAGAIN};
    if (processes == before) {
      ::nanosleep(&kPause, nullptr);
    }
    before = processes;
  }
  return stuck;
}

}  // namespace jobinit::kernel
