#include "jobinit/supervise/setup.hpp"

#include <cerrno>

namespace jobinit::supervise {
namespace {

std::string shown(const kernel::Limit& limit) {
  const auto text = [](std::uint64_t value) {
    return value == kernel::kUnlimited ? std::string("unlimited") : fmt::format("{}", value);
  };
  return limit.soft == limit.hard ? text(limit.soft) : fmt::format("{}:{}", text(limit.soft), text(limit.hard));
}

// What was wanted, as the setting would say it.
std::string wish(const SetupFailure& failure, const ProcessSetup& setup) {
  switch (failure.step) {
    case SetupStep::cgroup: return "entering the job's own cgroup";
    case SetupStep::limit: {
      const NamedLimit& limit = setup.limits[failure.limit];
      return fmt::format("--limit {}={}", limit.name, shown(limit.limit));
    }
    case SetupStep::niceness: return fmt::format("--nice {}", setup.niceness.value_or(0));
    case SetupStep::bounding_set: return "--drop-caps: leaving the bounding set";
    case SetupStep::groups: {
      const bool by_user = setup.user.has_value();
      return fmt::format("{}: changing the groups to {}", by_user ? "--user" : "--group",
                         fmt::join(setup.groups.value_or(std::vector<kernel::Id>()), ", "));
    }
    case SetupStep::group: {
      return fmt::format("{}: changing the group to {}", setup.user ? "--user" : "--group", setup.group.value_or(0));
    }
    case SetupStep::user: return fmt::format("--user: becoming user {}", setup.user.value_or(0));
    case SetupStep::capabilities: return "--drop-caps";
    case SetupStep::no_new_privileges: return "--no-new-privs";
    case SetupStep::folder: return fmt::format("--chdir {}", setup.folder);
  }
  return "";
}

// What would help, where the errno alone leaves one guessing.
std::string_view advice(const SetupFailure& failure) {
  const bool denied = failure.code == EPERM || failure.code == EACCES;
  const bool no_such_id = failure.code == EINVAL;
  static constexpr std::string_view unmapped = "; this user namespace has no such id";
  switch (failure.step) {
    case SetupStep::cgroup: return "; --memory-tier guard does without one";
    case SetupStep::limit: return denied ? "; above the present hard limit it takes CAP_SYS_RESOURCE" : "";
    case SetupStep::niceness: return denied ? "; below the present niceness it takes CAP_SYS_NICE" : "";
    case SetupStep::bounding_set: return denied ? "; it takes CAP_SETPCAP" : "";
    case SetupStep::groups:
    case SetupStep::group: return denied ? "; it takes CAP_SETGID, as root has it" : no_such_id ? unmapped : "";
    case SetupStep::user: return denied ? "; it takes CAP_SETUID, as root has it" : no_such_id ? unmapped : "";
    case SetupStep::capabilities:
    case SetupStep::no_new_privileges:
    case SetupStep::folder: break;
  }
  return "";
}

}  // namespace

// Limits first, then niceness: both may take a privilege, and the limit "nice" may allow the niceness. They bind what
// comes after, but none of the steps opens a file, starts a process or takes memory.
// The bounding set before the user, since leaving it takes CAP_SETPCAP, which the change of user takes away.
// Groups before the user: without CAP_SETGID they could not be changed any more.
// The other capability sets after the user: CAP_SETUID itself may be among the dropped. No capability is carried over
// to a user other than root; that is what the kernel does by itself (capabilities(7), "Effect of user ID changes"). The
// folder as the job's user, as systemd does it and unlike docker, which tries as root too: a folder that only root can
// enter is one that the job could not look up a path in; and on a network file system root may be nobody. no_new_privs
// hinders none of the steps; it comes when nothing can be needed any more.
//
// All of this is the child's own: vfork(2) shares memory, not credentials, limits, umask or folder.
SetupFailure set_up(const ProcessSetup& setup) {
  for (std::size_t i = 0; i < setup.limits.size(); ++i) {
    if (const int code = kernel::set_limit(setup.limits[i].limit); code != 0) {
      return {SetupStep::limit, i, code};
    }
  }
  const auto failed = [](SetupStep step, int code) { return SetupFailure{step, 0, code}; };
  int code = 0;
  if (setup.niceness && (code = kernel::set_niceness(*setup.niceness)) != 0) {
    return failed(SetupStep::niceness, code);
  }
  if (setup.dropped != 0 && (code = kernel::drop_from_bounding_set(setup.dropped)) != 0) {
    return failed(SetupStep::bounding_set, code);
  }
  if (setup.groups && (code = kernel::set_groups(setup.groups->data(), setup.groups->size())) != 0) {
    return failed(SetupStep::groups, code);
  }
  if (setup.group && (code = kernel::set_group(*setup.group)) != 0) {
    return failed(SetupStep::group, code);
  }
  if (setup.user && (code = kernel::set_user(*setup.user)) != 0) {
    return failed(SetupStep::user, code);
  }
  // The kernel only does that on leaving user 0; a jobinit with ambient capabilities is another user already.
  const bool unprivileged = setup.user && *setup.user != 0;
  const kernel::Capabilities dropped = unprivileged ? ~kernel::Capabilities{0} : setup.dropped;
  if (dropped != 0 && (code = kernel::drop_capabilities(dropped)) != 0) {
    return failed(SetupStep::capabilities, code);
  }
  if (setup.umask) {
    kernel::set_umask(*setup.umask);
  }
  if (!setup.folder.empty() && (code = kernel::enter_folder(setup.folder.c_str())) != 0) {
    return failed(SetupStep::folder, code);
  }
  if (setup.no_new_privileges && (code = kernel::forbid_new_privileges()) != 0) {
    return failed(SetupStep::no_new_privileges, code);
  }
  return {};
}

Error explain(const SetupFailure& failure, const ProcessSetup& setup) {
  Error told = system_error(failure.code, wish(failure, setup));
  told.message += advice(failure);
  return told;
}

}  // namespace jobinit::supervise
