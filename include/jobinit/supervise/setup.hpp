// What a new process does to itself before it becomes the job: limits, user, capabilities, folder.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "jobinit/kernel/credentials.hpp"
#include "jobinit/kernel/limits.hpp"

namespace jobinit::supervise {

struct NamedLimit {
  std::string name;
  kernel::Limit limit;
};

// Prepared in the parent, since the child may not allocate. What is unset or empty stays as it is.
struct ProcessSetup {
  std::vector<NamedLimit> limits;
  std::optional<int> niceness;
  kernel::Capabilities dropped = 0;
  std::optional<kernel::Id> user;
  std::optional<kernel::Id> group;
  std::optional<std::vector<kernel::Id>> groups;
  bool no_new_privileges = false;
  std::optional<unsigned> umask;
  std::string folder;
};

enum class SetupStep {
  cgroup,
  limit,
  niceness,
  bounding_set,
  groups,
  group,
  user,
  capabilities,
  no_new_privileges,
  folder
};

struct SetupFailure {
  SetupStep step = SetupStep::limit;
  std::size_t limit = 0;  // which one
  int code = 0;           // errno; 0: no step has failed
};

// In the child. Async-signal-safe; the order of the steps is told in setup.cpp.
SetupFailure set_up(const ProcessSetup& setup);

// In the parent: "--chdir /data: No such file or directory".
Error explain(const SetupFailure& failure, const ProcessSetup& setup);

}  // namespace jobinit::supervise
