// Changing the cgroup tree: groups made and removed, files written, processes moved. All of it is kernfs, which waits
// for nobody. Sources: Documentation/admin-guide/cgroup-v2.rst of the kernel, cgroups(7).
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace jobinit::kernel {

// The three calls that change something, each 0 or an errno value. A plain folder does not behave like a group (it has
// no files of its own when it is made, and cannot be removed with them), so that tests put a model of the kernel in
// their place.
class CgroupTree {
 public:
  CgroupTree() = default;
  CgroupTree(const CgroupTree&) = delete;
  CgroupTree& operator=(const CgroupTree&) = delete;
  virtual ~CgroupTree() = default;

  virtual int make(const std::string& group);
  // EBUSY while somebody lives in it or a group is below it.
  virtual int remove(const std::string& group);
  // One write(2), as these files want it; the file is never made.
  virtual int write(const std::string& file, std::string_view text);

  // The kernel's own.
  static CgroupTree& real();
};

// What a group's file says, without the newline; empty where it is not there.
std::string value_in(const std::string& file);

// The group and all below it, parents first; at most some thousands, since the job may make groups too.
std::vector<std::string> groups_from(const std::string& group);

// The group and all below it, but for what somebody lives in.
void remove_groups(CgroupTree& tree, const std::string& group);

// The processes of this one group, as our pid namespace numbers them: 0 is one that it has no number for.
std::vector<pid_t> processes_of(const std::string& group);

// Moves everybody, also those who fork meanwhile, and waits a fifth of a second at most for who is ending. Who cannot
// be moved and why not; code 0: nobody is left.
struct Stuck {
  pid_t pid = 0;
  int code = 0;
};
Stuck move_everybody(CgroupTree& tree, const std::string& from, const std::string& to);

}  // namespace jobinit::kernel
