// Whether a control group is ours to divide. A group has one manager, and only who it was delegated to may make groups
// below it or move its processes (https://systemd.io/CGROUP_DELEGATION, "single writer").
#pragma once

#include <optional>

#include "jobinit/kernel/cgroup_place.hpp"

namespace jobinit::kernel {

// Why the group may not or cannot be divided, in words that say what is missing; nullopt: it can.
//
// v2, it is delegated when one of these holds:
//   - it is the root of our cgroup namespace, and not of the whole machine, and we are PID 1: a container with a
//     writable tree;
//   - it has the attribute that systemd's Delegate= sets;
//   - it belongs to our user, who is not root, and the group above belongs to another: a delegation made by chown(2). A
//     group below that is some manager's of the same user, such as systemd --user.
// v1 knows no delegation: only PID 1 of a pid namespace whose mount shows nothing but its own group.
//
// `asked`: the user has said that it is delegated. Then it must be possible, and in v2 not the machine's root, where
// everybody lives.
std::optional<Error> why_not_ours(const CgroupPlace& place, bool asked, const Root& root);

}  // namespace jobinit::kernel
