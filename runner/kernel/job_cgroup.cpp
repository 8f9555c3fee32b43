#include "jobinit/kernel/job_cgroup.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "jobinit/base/text.hpp"

namespace jobinit::kernel {

JobCgroup& JobCgroup::operator=(JobCgroup&& other) noexcept {
  if (this != &other) {
    remove();
    tree_ = other.tree_;
    version_ = other.version_;
    folders_ = std::exchange(other.folders_, {});
    procs_ = std::exchange(other.procs_, {});
  }
  return *this;
}

std::vector<int> JobCgroup::procs_fds() const {
  std::vector<int> numbers;
  for (const Fd& file : procs_) {
    numbers.push_back(file.get());
  }
  return numbers;
}

bool JobCgroup::kill() { return version_ == 2 && tree_->write(folder() + "/cgroup.kill", "1") == 0; }

std::vector<pid_t> JobCgroup::members() const {
  std::vector<pid_t> found;
  for (const std::string& group : groups_from(folder())) {
    const std::vector<pid_t> here = processes_of(group);
    found.insert(found.end(), here.begin(), here.end());
  }
  return found;
}

bool JobCgroup::populated() const {
  if (version_ == 1) {
    return !members().empty();
  }
  const auto events = read_file(folder() + "/cgroup.events");
  const auto lines = split(events ? *events : "", "\n");
  return std::find(lines.begin(), lines.end(), "populated 1") != lines.end();
}

void JobCgroup::remove() {
  for (const std::string& folder : folders_) {
    remove_groups(*tree_, folder);
  }
}

int join_cgroups(const int* procs_fds, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    // 0 is who writes (cgroups(7)).
    ssize_t written = -1;
    do {
      written = ::write(procs_fds[i], "0", 1);
    } while (written < 0 && errno == EINTR);
    if (written < 0) {
      return errno;
    }
  }
  return 0;
}

}  // namespace jobinit::kernel
