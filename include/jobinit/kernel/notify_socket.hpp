// The socket behind $NOTIFY_SOCKET (sd_notify(3)): where a job says how it is.
#pragma once

#include <optional>
#include <string>

#include "jobinit/kernel/fd.hpp"

namespace jobinit::kernel {

// An abstract address (unix(7)): it needs no folder that can be written to, and nothing is left behind. Its random name
// is what keeps strangers out, where containers share a network namespace.
class NotifySocket {
 public:
  static Result<NotifySocket> open();

  // "@name", as the variable has it.
  const std::string& address() const { return address_; }
  const Fd& fd() const { return fd_; }

  // One datagram; empty text for one that is too long or comes from outside the pid namespace, nullopt when there is
  // none. Descriptors that come along are closed, which is what a BARRIER=1 waits for.
  std::optional<std::string> receive() const;

 private:
  Fd fd_;
  std::string address_;
};

}  // namespace jobinit::kernel
