// file:PATH, the report as JSON for people and programs, replaced as a whole.
#include <unistd.h>

#include <array>
#include <nlohmann/json.hpp>
#include <optional>

#include "jobinit/kernel/files.hpp"
#include "registry.hpp"

namespace jobinit::deliver {
namespace {

constexpr std::array<std::string_view, 1> kSchemes{"file"};

Result<void> check(const Sink& sink) {
  if (sink.target.empty() || sink.target.ends_with('/')) {
    return error("file: needs the path of a file");
  }
  return {};
}

// file:/path and file:///path are the same file (RFC 8089).
std::string path_of(const Sink& sink) { return sink.target.starts_with("///") ? sink.target.substr(2) : sink.target; }

// The other names of stdout and stderr: what is there must not be replaced, and often may not even be opened anew.
std::optional<int> own_stream(std::string_view path) {
  for (const std::string_view folder : {"/dev/std", "/dev/fd/", "/proc/self/fd/"}) {
    if (path.starts_with(folder)) {
      const std::string_view name = path.substr(folder.size());
      if (name == "1" || name == "out") {
        return STDOUT_FILENO;
      }
      if (name == "2" || name == "err") {
        return STDERR_FILENO;
      }
    }
  }
  return std::nullopt;
}

Result<void> write(const Sink& sink, const Event& event, Duration patience) {
  if (const auto fd = own_stream(path_of(sink))) {
    return write_stream(*fd, event.report, patience);
  }
  const auto durability = patience < kTimeForDisks ? kernel::Durability::memory : kernel::Durability::disk;
  return kernel::replace_file(path_of(sink), event.report.dump(2) + "\n", durability);
}

}  // namespace

const SinkKind file_sink{.schemes = kSchemes, .check = check, .write = write};

}  // namespace jobinit::deliver
