#include "jobinit/kernel/credentials.hpp"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace jobinit::kernel {
namespace {

// The 16-bit calls of old 32-bit platforms keep the plain names there.
#ifdef SYS_setresuid32
constexpr long kSetUser = SYS_setresuid32;
constexpr long kSetGroup = SYS_setresgid32;
constexpr long kSetGroups = SYS_setgroups32;
#else
constexpr long kSetUser = SYS_setresuid;
constexpr long kSetGroup = SYS_setresgid;
constexpr long kSetGroups = SYS_setgroups;
#endif

constexpr std::array<std::string_view, 41> kNames{"CAP_CHOWN",
                                                  "CAP_DAC_OVERRIDE",
                                                  "CAP_DAC_READ_SEARCH",
                                                  "CAP_FOWNER",
                                                  "CAP_FSETID",
                                                  "CAP_KILL",
                                                  "CAP_SETGID",
                                                  "CAP_SETUID",
                                                  "CAP_SETPCAP",
                                                  "CAP_LINUX_IMMUTABLE",
                                                  "CAP_NET_BIND_SERVICE",
                                                  "CAP_NET_BROADCAST",
                                                  "CAP_NET_ADMIN",
                                                  "CAP_NET_RAW",
                                                  "CAP_IPC_LOCK",
                                                  "CAP_IPC_OWNER",
                                                  "CAP_SYS_MODULE",
                                                  "CAP_SYS_RAWIO",
                                                  "CAP_SYS_CHROOT",
                                                  "CAP_SYS_PTRACE",
                                                  "CAP_SYS_PACCT",
                                                  "CAP_SYS_ADMIN",
                                                  "CAP_SYS_BOOT",
                                                  "CAP_SYS_NICE",
                                                  "CAP_SYS_RESOURCE",
                                                  "CAP_SYS_TIME",
                                                  "CAP_SYS_TTY_CONFIG",
                                                  "CAP_MKNOD",
                                                  "CAP_LEASE",
                                                  "CAP_AUDIT_WRITE",
                                                  "CAP_AUDIT_CONTROL",
                                                  "CAP_SETFCAP",
                                                  "CAP_MAC_OVERRIDE",
                                                  "CAP_MAC_ADMIN",
                                                  "CAP_SYSLOG",
                                                  "CAP_WAKE_ALARM",
                                                  "CAP_BLOCK_SUSPEND",
                                                  "CAP_AUDIT_READ",
                                                  "CAP_PERFMON",
                                                  "CAP_BPF",
                                                  "CAP_CHECKPOINT_RESTORE"};
static_assert(kNames.size() == CAP_CHECKPOINT_RESTORE + 1);

constexpr unsigned kHalf = 32;
constexpr Capabilities bit(unsigned capability) { return Capabilities{1} << capability; }

int result_of(long returned) { return returned < 0 ? errno : 0; }

// Version 3: 64 bits as two halves (capget(2)). glibc has no wrapper.
struct CapabilitySets {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> halves{};

  int read() { return result_of(::syscall(SYS_capget, &header, halves.data())); }
  int write() { return result_of(::syscall(SYS_capset, &header, halves.data())); }
};

}  // namespace

Ids own_ids() {
  Ids ids{::geteuid(), ::getegid(), {}};
  if (const int count = ::getgroups(0, nullptr); count > 0) {
    ids.groups.resize(static_cast<std::size_t>(count));
    const int got = ::getgroups(count, ids.groups.data());
    ids.groups.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  }
  return ids;
}

std::span<const std::string_view> capability_names() { return kNames; }

bool may_change_user_but_not_signal() {
  CapabilitySets sets;
  if (sets.read() != 0) {
    return false;
  }
  const Capabilities effective = sets.halves[0].effective;
  return (effective & bit(CAP_SETUID)) != 0 && (effective & bit(CAP_KILL)) == 0;
}

int set_groups(const Id* groups, std::size_t count) { return result_of(::syscall(kSetGroups, count, groups)); }

// Real, effective and saved: nothing is left to go back to.
int set_group(Id group) { return result_of(::syscall(kSetGroup, group, group, group)); }

int set_user(Id user) { return result_of(::syscall(kSetUser, user, user, user)); }

int forbid_new_privileges() { return result_of(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)); }

int drop_from_bounding_set(Capabilities dropped) {
  for (unsigned capability = 0; capability < 2 * kHalf; ++capability) {
    if ((dropped & bit(capability)) == 0) {
      continue;
    }
    const int there = ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0);
    if (there < 0) {
      return 0;  // this kernel has no more
    }
    if (there > 0 && ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) {
      return errno;
    }
  }
  return 0;
}

int drop_capabilities(Capabilities dropped) {
  CapabilitySets sets;
  if (const int failure = sets.read(); failure != 0) {
    return failure;
  }
  for (unsigned half = 0; half < sets.halves.size(); ++half) {
    const auto kept = static_cast<std::uint32_t>(~dropped >> (half * kHalf));
    __user_cap_data_struct& data = sets.halves[half];
    data.effective &= kept;
    data.permitted &= kept;
    data.inheritable &= kept;
  }
  return sets.write();
}

}  // namespace jobinit::kernel
