// stdout: and stderr:, the report as one line of JSON among the logs.
#include <unistd.h>

#include <array>
#include <nlohmann/json.hpp>

#include "jobinit/kernel/fd.hpp"
#include "registry.hpp"

namespace jobinit::deliver {
namespace {

constexpr std::array<std::string_view, 2> kSchemes{"stdout", "stderr"};

Result<void> check(const Sink& sink) {
  if (!sink.target.empty()) {
    return error("{}: takes nothing after the colon", sink.scheme);
  }
  return {};
}

Result<void> write(const Sink& sink, const Event& event, Duration patience) {
  return write_stream(sink.scheme == "stdout" ? STDOUT_FILENO : STDERR_FILENO, event.report, patience);
}

Result<void> write_line(int fd, const std::string& line, Duration patience) {
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(patience);
  if (kernel::write_patiently(fd, line + "\n", milliseconds)) {
    return {};
  }
  return error("{} is closed, or nobody reads it", fd == STDOUT_FILENO ? "stdout" : "stderr");
}

}  // namespace

Result<void> write_stream(int fd, const report::Document& report, Duration patience) {
  return write_line(fd, report.dump(), patience);
}

Result<void> write_to_stdout(const std::string& line, Duration patience) {
  return write_line(STDOUT_FILENO, line, patience);
}

const SinkKind stream_sink{.schemes = kSchemes, .check = check, .write = write};

}  // namespace jobinit::deliver
