// Who a process is and what it may do: user, groups, capabilities. Straight system calls, of one thread: glibc's
// setuid() and its kin tell every thread of the process by a signal, which in a vfork(2) child are the parent's.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "jobinit/base/result.hpp"

namespace jobinit::kernel {

using Id = std::uint32_t;  // of a user or a group; the highest means "none" to the kernel

inline constexpr Id kHighestId = 0xFFFFFFFEU;

struct Ids {
  Id user = 0;   // effective
  Id group = 0;  // effective
  std::vector<Id> groups;
};
Ids own_ids();

// One bit a capability, by its number (capabilities(7)).
using Capabilities = std::uint64_t;
inline constexpr Capabilities kAllCapabilities = ~Capabilities{0};

// "CAP_CHOWN" is the first, since its number is 0. In the order of <linux/capability.h>.
std::span<const std::string_view> capability_names();

// Whether processes of other users could be started, but not signalled afterwards.
bool may_change_user_but_not_signal();

// These are async-signal-safe and return 0 or an errno value.
int set_groups(const Id* groups, std::size_t count);
int set_group(Id group);
int set_user(Id user);
int forbid_new_privileges();
// From the bounding set: what no later exec can give back. Fine where they are not in it any more.
int drop_from_bounding_set(Capabilities dropped);
// From the effective, permitted and inheritable sets; the kernel then takes them from the ambient set too.
int drop_capabilities(Capabilities dropped);

}  // namespace jobinit::kernel
