#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "job_cgroup_limits.hpp"
#include "jobinit/base/text.hpp"
#include "jobinit/kernel/cgroup_delegation.hpp"
#include "jobinit/kernel/job_cgroup.hpp"

namespace jobinit::kernel {
namespace {

// The kernel promises that no file of its own ends in such a word as "job" (cgroup-v2.rst, "Avoid Name Collisions").
constexpr std::string_view kLeaf = "jobinit.init";
constexpr std::string_view kJob = "jobinit.job";
// How often somebody may put a process into the group between its emptying and its division, as `docker exec` does.
constexpr int kRounds = 10;
// Groups that earlier attempts' leftovers live in.
constexpr int kMostJobs = 1000;

// 0: not there.
ino_t inode(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

// A group that we made. Another jobinit may have taken the name since.
struct Made {
  std::string folder;
  ino_t number = 0;
  bool is_there() const { return number != 0 && inode(folder) == number; }
};

}  // namespace

// What was done to our group, and what undoes it.
class JobCgroups::Division {
 public:
  Division(CgroupPlace place, Root root, bool asked, CgroupTree& tree)
      : place_(std::move(place)), root_(std::move(root)), asked_(asked), tree_(tree) {}
  Division(const Division&) = delete;
  Division& operator=(const Division&) = delete;
  ~Division() { undo(); }

  const CgroupPlace& place() const { return place_; }
  Result<void> divide();
  Result<JobCgroup> make(const JobCgroupLimits& limits);

 private:
  Result<void> make_leaf();
  Result<void> enable_memory();
  void enable_others();
  void undo();

  Result<std::string> make_group(const std::string& parent);
  Result<void> enter(JobCgroup& group, const std::string& parent);
  Result<void> limit_processes_v1(JobCgroup& group, std::uint64_t processes);

  std::string file(std::string_view name) const { return fmt::format("{}/{}", place_.folder, name); }
  int switch_controller(char sign, const std::string& name) {
    return tree_.write(file("cgroup.subtree_control"), fmt::format("{}{}", sign, name));
  }

  CgroupPlace place_;
  Root root_;
  bool asked_;
  CgroupTree& tree_;
  std::string leaf_;                  // empty: not made by us
  std::vector<std::string> enabled_;  // controllers that were not before
  std::vector<Made> made_;            // some may be there still
};

// v1 hierarchies have processes anywhere: nobody has to move.
Result<void> JobCgroups::Division::divide() {
  if (place_.version == 1) {
    return {};
  }
  if (auto made = make_leaf(); !made) {
    return made;
  }
  if (auto enabled = enable_memory(); !enabled) {
    return enabled;
  }
  enable_others();
  return {};
}

Result<void> JobCgroups::Division::make_leaf() {
  const std::string leaf = file(kLeaf);
  const int code = tree_.make(leaf);  // of two that start at once, one makes it
  if (code == EEXIST) {
    return error("{} is there already: another jobinit divides this group, or was killed while it did", leaf);
  }
  if (code != 0) {
    return system_error(code, fmt::format("making the group {}", leaf));
  }
  leaf_ = leaf;
  return {};
}

Result<void> JobCgroups::Division::enable_memory() {
  int code = EBUSY;
  for (int round = 0; round < kRounds && code == EBUSY; ++round) {
    const Stuck stuck = move_everybody(tree_, place_.folder, leaf_);
    if (stuck.code != 0 && stuck.pid == 0) {
      return error("a process of another pid namespace lives in {}, and cannot be moved from here", place_.folder);
    }
    if (stuck.code != 0) {
      return system_error(stuck.code, fmt::format("moving the process {} to {}", stuck.pid, leaf_));
    }
    code = switch_controller('+', "memory");
  }
  if (code != 0) {
    return system_error(code, fmt::format("enabling the memory controller below {}", place_.folder));
  }
  enabled_.emplace_back("memory");
  return {};
}

// A program looks for its limits in its own group's files: without the cpu controller a JVM there would see no cpu.max.
void JobCgroups::Division::enable_others() {
  const auto before = split(value_in(file("cgroup.subtree_control")), " ");
  for (const std::string& name : split(value_in(file("cgroup.controllers")), " ")) {
    const bool is_on = std::find(before.begin(), before.end(), name) != before.end();
    if (!is_on && switch_controller('+', name) == 0) {
      enabled_.push_back(name);
    }
  }
}

// In this order: no process can come back to a group that has controllers enabled.
void JobCgroups::Division::undo() {
  for (const Made& group : made_) {
    if (group.is_there()) {
      remove_groups(tree_, group.folder);
    }
  }
  std::for_each(enabled_.rbegin(), enabled_.rend(), [this](const std::string& name) { switch_controller('-', name); });
  if (!leaf_.empty()) {
    move_everybody(tree_, leaf_, place_.folder);
    tree_.remove(leaf_);
  }
}

Result<std::string> JobCgroups::Division::make_group(const std::string& parent) {
  std::erase_if(made_, [](const Made& group) { return !group.is_there(); });
  for (int number = 1; number <= kMostJobs; ++number) {
    const std::string group =
        number == 1 ? fmt::format("{}/{}", parent, kJob) : fmt::format("{}/{}.{}", parent, kJob, number);
    const int code = tree_.make(group);
    if (code == 0) {
      made_.push_back({group, inode(group)});
      return group;
    }
    if (code != EEXIST) {
      return system_error(code, fmt::format("making the group {}", group));
    }
  }
  return error("{} has {} groups of earlier jobs", parent, kMostJobs);
}

// The new group becomes the JobCgroup's, which removes it when anything fails after that.
Result<void> JobCgroups::Division::enter(JobCgroup& group, const std::string& parent) {
  auto folder = make_group(parent);
  if (!folder) {
    return folder.failure();
  }
  group.folders_.push_back(*folder);
  const std::string procs = *folder + "/cgroup.procs";
  Fd file(::open(procs.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file) {
    return system_error(errno, fmt::format("opening {}", procs));
  }
  group.procs_.push_back(std::move(file));
  return {};
}

Result<JobCgroup> JobCgroups::Division::make(const JobCgroupLimits& limits) {
  JobCgroup group(tree_, place_.version);
  auto done = enter(group, place_.folder);
  if (done) {
    done = place_.version == 2 ? limit_v2(tree_, place_.folder, group.folder(), limits)
                               : limit_v1(tree_, group.folder(), limits);
  }
  if (done && place_.version == 1 && limits.processes) {
    done = limit_processes_v1(group, *limits.processes);
  }
  if (!done) {
    return done.failure();
  }
  return group;
}

Result<void> JobCgroups::Division::limit_processes_v1(JobCgroup& group, std::uint64_t processes) {
  const auto pids = find_cgroup("pids", root_);
  if (!pids) {
    return pids.failure();
  }
  if (pids->folder != place_.folder) {  // else both controllers are mounted as one hierarchy
    if (auto reason = why_not_ours(*pids, asked_, root_)) {
      return *reason;
    }
    if (auto done = enter(group, pids->folder); !done) {
      return done;
    }
  }
  return limit_processes(tree_, group.folders_.back(), processes);
}

Result<JobCgroups> JobCgroups::open(bool asked, const Root& root, CgroupTree& tree) {
  auto place = find_cgroup("memory", root);
  if (!place) {
    return place.failure();
  }
  if (auto reason = why_not_ours(*place, asked, root)) {
    return *reason;
  }
  auto division = std::make_unique<Division>(*place, root, asked, tree);
  if (auto divided = division->divide(); !divided) {
    return divided.failure();
  }
  return JobCgroups(std::move(division));
}

JobCgroups::JobCgroups(std::unique_ptr<Division> division) : division_(std::move(division)) {}
JobCgroups::~JobCgroups() = default;
JobCgroups::JobCgroups(JobCgroups&&) noexcept = default;
JobCgroups& JobCgroups::operator=(JobCgroups&&) noexcept = default;

int JobCgroups::version() const { return division_->place().version; }
const std::string& JobCgroups::folder() const { return division_->place().folder; }
Result<JobCgroup> JobCgroups::make(const JobCgroupLimits& limits) { return division_->make(limits); }

}  // namespace jobinit::kernel
