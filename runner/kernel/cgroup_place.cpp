#include "jobinit/kernel/cgroup_place.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include "jobinit/base/text.hpp"

namespace jobinit::kernel {
namespace {

bool contains(const std::vector<std::string>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Lines "ID:controllers:path". The one of v2 is "0::path"; in a hybrid tree both are there, and the v1 hierarchy that
// names the controller is the one that has it.
std::optional<CgroupPlace> membership(const std::string& content, std::string_view controller) {
  std::optional<CgroupPlace> found;
  for (const std::string& line : split(content, "\n")) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) {
      continue;
    }
    CgroupPlace place;
    place.path = line.substr(second + 1);
    const auto controllers = split(line.substr(first + 1, second - first - 1), ",");
    if (contains(controllers, controller)) {
      place.version = 1;
      return place;
    }
    if (controllers.empty() && line.starts_with("0:")) {
      found = place;
    }
  }
  return found;
}

// Lines "ID parent major:minor root point options [optional...] - type source super-options". The first that shows the
// hierarchy, or the first such that can be written to.
bool find_mount(const std::string& content, std::string_view controller, CgroupPlace& place) {
  bool found = false;
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
    if (before.size() < 6 || after.size() < 3) {
      continue;
    }
    const auto super_options = split(after[2], ",");
    const bool right =
        place.version == 2 ? after[0] == "cgroup2" : after[0] == "cgroup" && contains(super_options, controller);
    const bool read_only = contains(split(before[5], ","), "ro") || contains(super_options, "ro");
    if (right && (!found || !read_only)) {
      found = true;
      place.mounted = before[3];
      place.mount_point = before[4];
      place.read_only = read_only;
      if (!read_only) {
        break;
      }
    }
  }
  return found;
}

// The part of the group's path that lies below the mounted folder. Docker without a cgroup namespace mounts the group
// itself, while /proc/self/cgroup shows the host's path to it. nullopt: the mount does not show the group.
std::optional<std::string> below_mount(const CgroupPlace& place) {
  const std::string mounted = place.mounted == "/" ? "" : place.mounted;
  // "/.." is what a process sees that is outside of its cgroup namespace's root (cgroup_namespaces(7)).
  if (!place.path.starts_with('/') || place.path.starts_with("/..") || !place.path.starts_with(mounted)) {
    return std::nullopt;
  }
  std::string below = place.path.substr(mounted.size());
  if (!below.empty() && below.front() != '/') {
    return std::nullopt;  // "/docker/4f1cafe" is not below "/docker/4f1c"
  }
  return below == "/" ? "" : below;
}

}  // namespace

Result<CgroupPlace> find_cgroup(std::string_view controller, const Root& root) {
  const auto groups = read_file(root("/proc/self/cgroup"));
  if (!groups) {
    return groups.failure();
  }
  auto place = membership(*groups, controller);
  if (!place) {
    return error("/proc/self/cgroup names no group that the {} controller could count for", controller);
  }
  const auto mounts = read_file(root("/proc/self/mountinfo"));
  if (!mounts) {
    return mounts.failure();
  }
  if (!find_mount(*mounts, controller, *place)) {
    return error("the cgroup v{} file system{} is not mounted", place->version,
                 place->version == 2 ? "" : fmt::format(" of the {} controller", controller));
  }
  const auto below = below_mount(*place);
  place->shown = below.has_value();
  place->mount_point = root(place->mount_point);
  place->folder = place->mount_point + below.value_or("");
  return *place;
}

}  // namespace jobinit::kernel
