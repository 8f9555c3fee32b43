#include "jobinit/kernel/notify_socket.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "jobinit/kernel/process.hpp"

namespace jobinit::kernel {
namespace {

constexpr std::size_t kLongestDatagram = 4096;
// The kernel hands out at most this many at once (SCM_MAX_FD, unix(7)).
constexpr std::size_t kMostDescriptors = 253;

// Closes what came along; who sent it, with pid 0 when that is not to be seen from here.
ucred take_ancillary(msghdr& message) {
  ucred sender{};
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET) {
      continue;
    }
    if (header->cmsg_type == SCM_RIGHTS) {
      const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (std::size_t i = 0; i < count; ++i) {
        int descriptor = -1;
        std::memcpy(&descriptor, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
        // A socket that lingers would make close(2) wait for its peer (socket(7)).
        const linger none{.l_onoff = 0, .l_linger = 0};
        ::setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
        ::close(descriptor);
      }
    } else if (header->cmsg_type == SCM_CREDENTIALS) {
      std::memcpy(&sender, CMSG_DATA(header), sizeof(sender));
    }
  }
  return sender;
}

}  // namespace

Result<NotifySocket> NotifySocket::open(std::optional<unsigned> job_user) {
  NotifySocket socket;
  socket.job_user_ = job_user;
  socket.fd_ = Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.fd_) {
    return system_error(errno, "making the notify socket");
  }
  const int on = 1;
  ::setsockopt(socket.fd_.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
  const std::string name = "jobinit/" + make_uuid_v7();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  name.copy(address.sun_path + 1, sizeof(address.sun_path) - 1);
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (::bind(socket.fd_.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0) {
    return system_error(errno, "binding the notify socket");
  }
  socket.address_ = "@" + name;
  return socket;
}

std::optional<std::string> NotifySocket::receive() const {
  std::array<char, kLongestDatagram> text{};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(ucred)) + CMSG_SPACE(sizeof(int) * kMostDescriptors)> ancillary{};
  iovec part{.iov_base = text.data(), .iov_len = text.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = ancillary.data();
  message.msg_controllen = ancillary.size();
  ssize_t length = -1;
  do {
    length = ::recvmsg(fd_.get(), &message, MSG_CMSG_CLOEXEC);
  } while (length < 0 && errno == EINTR);
  if (length < 0) {
    return std::nullopt;
  }
  const ucred sender = take_ancillary(message);
  const bool trusted = sender.uid == 0 || sender.uid == ::geteuid() || sender.uid == job_user_;
  if (sender.pid == 0 || !trusted || (message.msg_flags & MSG_TRUNC) != 0) {
    return "";
  }
  return std::string(text.data(), static_cast<std::size_t>(length));
}

}  // namespace jobinit::kernel
