#include "jobinit/kernel/limits.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace jobinit::kernel {
namespace {

constexpr std::array kKinds{
    LimitKind{"as", RLIMIT_AS, LimitUnit::bytes},
    LimitKind{"core", RLIMIT_CORE, LimitUnit::bytes},
    LimitKind{"cpu", RLIMIT_CPU, LimitUnit::seconds},
    LimitKind{"data", RLIMIT_DATA, LimitUnit::bytes},
    LimitKind{"fsize", RLIMIT_FSIZE, LimitUnit::bytes},
    LimitKind{"locks", RLIMIT_LOCKS, LimitUnit::count},
    LimitKind{"memlock", RLIMIT_MEMLOCK, LimitUnit::bytes},
    LimitKind{"msgqueue", RLIMIT_MSGQUEUE, LimitUnit::bytes},
    LimitKind{"nice", RLIMIT_NICE, LimitUnit::count},
    LimitKind{"nofile", RLIMIT_NOFILE, LimitUnit::count},
    LimitKind{"nproc", RLIMIT_NPROC, LimitUnit::count},
    LimitKind{"rss", RLIMIT_RSS, LimitUnit::bytes},
    LimitKind{"rtprio", RLIMIT_RTPRIO, LimitUnit::count},
    LimitKind{"rttime", RLIMIT_RTTIME, LimitUnit::count},  // microseconds
    LimitKind{"sigpending", RLIMIT_SIGPENDING, LimitUnit::count},
    LimitKind{"stack", RLIMIT_STACK, LimitUnit::bytes},
};

}  // namespace

std::span<const LimitKind> limit_kinds() { return kKinds; }

int set_limit(const Limit& limit) {
  static_assert(RLIM_INFINITY == static_cast<rlim_t>(kUnlimited));
  const rlimit value{.rlim_cur = static_cast<rlim_t>(limit.soft), .rlim_max = static_cast<rlim_t>(limit.hard)};
  return ::setrlimit(static_cast<__rlimit_resource>(limit.resource), &value) == 0 ? 0 : errno;
}

int set_niceness(int value) { return ::setpriority(PRIO_PROCESS, 0, value) == 0 ? 0 : errno; }

int enter_folder(const char* path) { return ::chdir(path) == 0 ? 0 : errno; }

void set_umask(unsigned mask) { ::umask(static_cast<mode_t>(mask)); }

}  // namespace jobinit::kernel
