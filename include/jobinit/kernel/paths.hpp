// What is at a path, and files for one reader alone.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "jobinit/base/result.hpp"
#include "jobinit/kernel/credentials.hpp"

namespace jobinit::kernel {

enum class PathKind { missing, file, folder, other };

// By stat(2), links followed. Errors: the path cannot even be looked at (EACCES, ENOTDIR, ELOOP).
Result<PathKind> path_kind(const std::string& path);

// Whether this process may write there, by its effective ids (faccessat(2), AT_EACCESS).
bool may_write(const std::string& path);

// A new file of mode 0400 that belongs to `user` and `group`, ourselves where unset; what is at the path is replaced, a
// link is not followed. Errors carry errno and the path.
Result<void> write_private_file(const std::string& path, std::string_view content, std::optional<Id> user,
                                std::optional<Id> group);

// What execve(2) takes in all, arguments and environment with their ends and pointers, if the stack's soft limit were
// `stack` (nullopt: as it is), and in one text with its end. fs/exec.c: bprm_stack_limits(), MAX_ARG_STRLEN.
struct ExecLimits {
  std::size_t all = 0;
  std::size_t one = 0;
};
ExecLimits exec_limits(std::optional<std::uint64_t> stack);

}  // namespace jobinit::kernel
