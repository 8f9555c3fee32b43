// Where this process' control group is: which hierarchy, which folder, and whether it is mounted writable.
// Sources: cgroups(7) for /proc/PID/cgroup, proc(5) for mountinfo.
#pragma once

#include <string>
#include <string_view>

#include "jobinit/kernel/files.hpp"

namespace jobinit::kernel {

struct CgroupPlace {
  int version = 2;
  std::string path;         // the group, as /proc/self/cgroup says
  std::string mounted;      // which folder of the hierarchy the mount shows
  std::string mount_point;  // where, below the Root
  bool shown = true;        // the mount shows the group; else `folder` is the nearest that it shows, its top
  std::string folder;       // the group's own folder, below the Root
  bool read_only = false;   // the mount or the file system is

  // The group is all that the mount shows, as in a container.
  bool is_top() const { return shown && folder == mount_point; }
};

// The group of this process that `controller` ("memory", "pids") counts for. A controller is bound to one hierarchy: a
// v1 one that names it, else v2. The error says which part is not there.
Result<CgroupPlace> find_cgroup(std::string_view controller, const Root& root = {});

}  // namespace jobinit::kernel
