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
  // `job_user`: the uid that the job runs as, where it is not ours.
  static Result<NotifySocket> open(std::optional<unsigned> job_user);

  // "@name", as the variable has it.
  const std::string& address() const { return address_; }
  const Fd& fd() const { return fd_; }

  // One datagram; empty text for one that is too long, or comes from outside the pid namespace or from another user
  // than root, ours and the job's (the name can be read in /proc/net/unix); nullopt when there is none. Descriptors
  // that come along are closed, which is what a BARRIER=1 waits for.
  std::optional<std::string> receive() const;

 private:
  Fd fd_;
  std::string address_;
  std::optional<unsigned> job_user_;
};

}  // namespace jobinit::kernel
