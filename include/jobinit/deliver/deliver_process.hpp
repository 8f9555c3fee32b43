// The deliver process, as PID 1 starts it: the same binary again, which gets a request on its stdin and answers on its
// stdout.
#pragma once

#include <string>
#include <vector>

#include "jobinit/deliver/request.hpp"
#include "jobinit/kernel/fd.hpp"
#include "jobinit/kernel/process.hpp"
#include "jobinit/kernel/signals.hpp"

namespace jobinit::deliver {

// The deliver process is asked to be done so long before it is killed, so that it can still say what failed.
inline constexpr Duration kKillMargin = std::chrono::milliseconds(250);

struct ProcessOptions {
  std::vector<std::string> environment;           // for it: proxies, CA certificates, AWS_*, OTEL_*
  TlsFiles tls;                                   // see Request
  std::optional<int> oom_score_adj;               // it is not to be spared as we are
  const kernel::Fd* own_oom_score_adj = nullptr;  // see supervise::LaunchOptions
};

// One that runs, in a process group of its own. Whoever holds this reaps it.
class DeliverProcess {
 public:
  // Returns when it runs, or has failed to.
  static Result<DeliverProcess> start(const std::string& request, const ProcessOptions& options,
                                      const kernel::SignalState& signals);

  pid_t pid() const { return pid_; }
  const kernel::Fd& answers() const { return answers_; }
  void kill() const;
  // Takes what it has answered so far; false at the end of file. Never blocks.
  bool read();
  // One line an answer, as far as they came.
  const std::string& text() const { return text_; }

 private:
  pid_t pid_ = 0;
  kernel::Fd answers_;
  std::string text_;
};

// "was killed by SIGSEGV", "exited with 125".
std::string ending_of(const kernel::WaitStatus& status);

}  // namespace jobinit::deliver
