#include "jobinit/deliver/deliver_process.hpp"

#include <array>
#include <csignal>

#include "jobinit/cli/settings.hpp"
#include "jobinit/kernel/output.hpp"
#include "jobinit/supervise/launch.hpp"

namespace jobinit::deliver {
namespace {

// Answers are a line a sink; whatever is longer is not one of ours.
constexpr std::size_t kMostAnswerBytes = std::size_t{64} * 1024;

}  // namespace

Result<DeliverProcess> DeliverProcess::start(const std::string& request, const ProcessOptions& options,
                                             const kernel::SignalState& signals) {
  auto file = kernel::make_memory_file(request);
  if (!file) {
    return file.failure();
  }
  auto pipe = kernel::make_pipe();
  if (!pipe) {
    return pipe.failure();
  }
  supervise::LaunchOptions launch;
  launch.argv = {"jobinit", "deliver", "--request"};
  launch.executable = kernel::own_executable();
  launch.environment = options.environment;
  launch.stdin_fd = file->get();
  launch.stdout_fd = pipe->write.get();
  launch.oom_score_adj = options.oom_score_adj;
  launch.own_oom_score_adj = options.own_oom_score_adj;
  const auto started = supervise::launch(launch, signals);
  if (const auto* failure = std::get_if<supervise::LaunchFailure>(&started)) {
    return failure->error;
  }
  DeliverProcess process;
  process.pid_ = std::get<pid_t>(started);
  process.answers_ = std::move(pipe->read);
  return process;
}

void DeliverProcess::kill() const {
  kernel::signal_group(pid_, SIGKILL);
  kernel::signal_process(pid_, SIGKILL);
}

bool DeliverProcess::read() {
  std::array<char, 4096> buffer{};
  for (;;) {
    const kernel::Got got = kernel::read_available(answers_, buffer);
    if (got.end) {
      return false;
    }
    if (got.would_block) {
      return true;
    }
    if (text_.size() < kMostAnswerBytes) {
      text_.append(buffer.data(), got.bytes);
    }
  }
}

std::string ending_of(const kernel::WaitStatus& status) {
  return status.signaled ? fmt::format("was killed by {}", cli::signal_name(status.value))
                         : fmt::format("exited with {}", status.value);
}

}  // namespace jobinit::deliver
