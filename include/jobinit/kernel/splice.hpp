// What can be done with the bytes in a pipe without copying them to us (splice(2), tee(2)).
#pragma once

#include <cstddef>

#include "jobinit/kernel/fd.hpp"

namespace jobinit::kernel {

// Puts up to `most` of the first bytes of one pipe into another, too, and leaves them where they are. Never blocks.
// How many; 0 where there are none, there is no room, or the kernel or a sandbox does not do it.
std::size_t duplicate(const Fd& from, const Fd& to, std::size_t most);

// The null device, to throw bytes away in; empty where /dev has none.
Fd open_null_device();
// Throws the first bytes of a pipe of ours away, by the null device or, where that is empty, by reading them; stops
// where there are no more.
void discard(const Fd& pipe, std::size_t bytes, const Fd& null_device = Fd());

// Makes a pipe hold at least this much; nothing happens where it does already, or the user's share of the kernel's
// memory for pipes is used up (pipe(7), /proc/sys/fs/pipe-user-pages-soft).
void widen_pipe(const Fd& pipe, std::size_t bytes);
// Gives it back the size that a new pipe has, unless more than that is in it.
void narrow_pipe(const Fd& pipe);

}  // namespace jobinit::kernel
