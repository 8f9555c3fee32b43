#include "jobinit/kernel/cgroup_delegation.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include "jobinit/base/text.hpp"
#include "jobinit/kernel/cgroup_tree.hpp"
#include "jobinit/kernel/fd.hpp"

namespace jobinit::kernel {
namespace {

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

// Opening these files for writing changes nothing, and asks the kernel what access(2) cannot: the effective user, a
// read-only mount, a security module.
std::optional<Error> why_not_writable(const std::string& path) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return file ? std::nullopt : std::optional(system_error(errno, fmt::format("writing to {}", path)));
}

// systemd sets trusted.delegate, which only CAP_SYS_ADMIN can read, and since 251 user.delegate too (systemd's pull
// request 22768; its own cg_is_delegated() asks for the same two). Groups have user.* attributes since Linux 5.7.
bool is_marked(const std::string& folder) {
  return std::ranges::any_of(std::array{"user.delegate", "trusted.delegate"}, [&](const char* name) {
    char value = 0;
    return ::getxattr(folder.c_str(), name, &value, 1) == 1 && value == '1';
  });
}

std::optional<uid_t> owner(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? std::optional(status.st_uid) : std::nullopt;
}

bool given_to_our_user(const CgroupPlace& place) {
  const uid_t self = ::geteuid();
  if (self == 0 || owner(place.folder) != self) {
    return false;
  }
  return place.is_top() || owner(place.folder.substr(0, place.folder.rfind('/'))) != self;
}

// The first word of /proc/self/stat. Where /proc is another namespace's, we are not its PID 1.
bool is_pid_1(const Root& root) {
  const auto stat = read_file(root("/proc/self/stat"));
  return stat && stat->starts_with("1 ");
}

std::optional<Error> why_not_v2(const CgroupPlace& place, bool asked, const Root& root) {
  const std::string& folder = place.folder;
  // The root of the hierarchy has no cgroup.type, that of a namespace has (cgroup-v2.rst, "Core Interface Files").
  const std::string type = value_in(folder + "/cgroup.type");
  if (type.empty()) {
    return error("{} is the root of the machine's own tree, which is not for a job to divide", folder);
  }
  if (type != "domain") {
    return error("{} is a threaded group (its cgroup.type says \"{}\"), below which memory cannot be limited", folder,
                 type);
  }
  const std::string controllers = value_in(folder + "/cgroup.controllers");
  const auto names = split(controllers, " ");
  if (std::find(names.begin(), names.end(), "memory") == names.end()) {
    return error(
        "{} has no memory controller (its cgroup.controllers says \"{}\"): the group above does not pass it on, or the "
        "kernel has none",
        folder, controllers);
  }
  // Another than PID 1 is one of several in there, such as a cron job beside its cron.
  const bool namespace_root = place.path == "/" && place.mounted == "/" && is_pid_1(root);
  if (!asked && !namespace_root && !is_marked(folder) && !given_to_our_user(place)) {
    return error(
        "{} is not delegated: it is not that of PID 1 at the root of a cgroup namespace, has no attribute "
        "user.delegate "
        "or trusted.delegate (systemd's Delegate=yes sets them), and was not given to a user other than root",
        folder);
  }
  return why_not_writable(folder + "/cgroup.subtree_control");
}

std::optional<Error> why_not_v1(const CgroupPlace& place, bool asked, const Root& root) {
  const std::string& folder = place.folder;
  // Only the root of a v1 hierarchy has this file (cgroups(7), "Cgroups v1 release notification").
  const bool machine_root = exists(folder + "/release_agent");
  if (!asked && (!is_pid_1(root) || !place.is_top() || machine_root)) {
    return error(
        "{} is not ours: cgroup v1 knows no delegation, and this is not PID 1 of a container that shows nothing but "
        "its "
        "own group",
        folder);
  }
  // Before Linux 5.11 a group could be told not to count for the one above (cgroup-v1/memory.rst, "Hierarchy support").
  if (!machine_root && value_in(folder + "/memory.use_hierarchy") == "0") {
    return error("{} does not count what the groups below it use (memory.use_hierarchy is 0): its limit would not hold",
                 folder);
  }
  return std::nullopt;
}

}  // namespace

std::optional<Error> why_not_ours(const CgroupPlace& place, bool asked, const Root& root) {
  if (place.read_only) {
    return error("{} is mounted read-only, as container engines do unless told otherwise", place.mount_point);
  }
  if (!place.shown) {
    return error("the group of this process, {}, is not in the part of the tree that is mounted on {}", place.path,
                 place.mount_point);
  }
  if (place.folder.ends_with("/jobinit.init")) {
    return error("another jobinit has divided the group above {}", place.folder);
  }
  const auto members = processes_of(place.folder);
  if (std::find(members.begin(), members.end(), ::getpid()) == members.end()) {
    return error("{}/cgroup.procs does not list this process: it is not the group that /proc/self/cgroup means",
                 place.folder);
  }
  if (auto reason = place.version == 2 ? why_not_v2(place, asked, root) : why_not_v1(place, asked, root)) {
    return reason;
  }
  return why_not_writable(place.folder + "/cgroup.procs");
}

}  // namespace jobinit::kernel
