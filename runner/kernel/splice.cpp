#include "jobinit/kernel/splice.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace jobinit::kernel {
namespace {

constexpr int kNewPipe = 65536;  // pipe(7)

}  // namespace

std::size_t duplicate(const Fd& from, const Fd& to, std::size_t most) {
  ssize_t done = -1;
  do {
    done = ::tee(from.get(), to.get(), most, SPLICE_F_NONBLOCK);
  } while (done < 0 && errno == EINTR);
  return done > 0 ? static_cast<std::size_t>(done) : 0;
}

Fd open_null_device() {
  Fd device(::open("/dev/null", O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  struct stat status {};
  // In a careless image it is a regular file.
  const bool real = device && ::fstat(device.get(), &status) == 0 && S_ISCHR(status.st_mode) &&
                    status.st_rdev == makedev(1, 3);  // devices.txt in the kernel's sources
  return real ? std::move(device) : Fd();
}

void discard(const Fd& pipe, std::size_t bytes, const Fd& null_device) {
  while (bytes > 0 && null_device) {
    const ssize_t moved = ::splice(pipe.get(), nullptr, null_device.get(), nullptr, bytes, SPLICE_F_NONBLOCK);
    if (moved < 0 && errno == EINTR) {
      continue;
    }
    if (moved <= 0) {
      break;
    }
    bytes -= static_cast<std::size_t>(moved);
  }
  std::array<char, 16384> scratch;  // NOLINT(cppcoreguidelines-pro-type-member-init): written to before it is read
  while (bytes > 0) {
    const ssize_t got = ::read(pipe.get(), scratch.data(), std::min(bytes, scratch.size()));
    if (got == 0 || (got < 0 && errno != EINTR)) {
      return;
    }
    bytes -= static_cast<std::size_t>(std::max<ssize_t>(got, 0));
  }
}

void widen_pipe(const Fd& pipe, std::size_t bytes) {
  const int size = ::fcntl(pipe.get(), F_GETPIPE_SZ);
  if (size > 0 && static_cast<std::size_t>(size) < bytes) {
    [[maybe_unused]] const int done = ::fcntl(pipe.get(), F_SETPIPE_SZ, static_cast<int>(bytes));
  }
}

void narrow_pipe(const Fd& pipe) {
  if (::fcntl(pipe.get(), F_GETPIPE_SZ) > kNewPipe) {
    [[maybe_unused]] const int done = ::fcntl(pipe.get(), F_SETPIPE_SZ, kNewPipe);
  }
}

}  // namespace jobinit::kernel
