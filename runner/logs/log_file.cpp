#include "jobinit/logs/log_file.hpp"

#include <algorithm>
#include <string_view>

namespace jobinit::logs {

Result<LogFile> LogFile::open(std::string path, LogRotation rotation, std::function<void(const std::string&)> tell) {
  auto file = kernel::AppendFile::open(std::move(path));
  if (!file) {
    return file.failure();
  }
  return LogFile(std::move(*file), rotation, std::move(tell));
}

void LogFile::write(std::span<const char> bytes) {
  while (!bytes.empty()) {
    std::size_t part = bytes.size();
    if (rotation_.bytes > 0) {
      const std::uint64_t room = next_rotation_ - std::min(next_rotation_, file_.size());
      if (part > room) {
        // Files are divided between lines. A line that is longer than a file goes on to its end, or to the next one's.
        const std::string_view fits(bytes.data(), static_cast<std::size_t>(room));
        const std::size_t end = fits.rfind('\n');
        const bool full = at_line_start_ && file_.size() > 0;
        if (end != std::string_view::npos) {
          part = end + 1;
        } else if (full) {
          rotate();
          continue;
        } else {
          const std::string_view all(bytes.data(), bytes.size());
          part = std::min(all.find('\n', static_cast<std::size_t>(room)), all.size() - 1) + 1;
        }
      }
    }
    append(bytes.first(part));
    bytes = bytes.subspan(part);
  }
}

void LogFile::append(std::span<const char> bytes) {
  const kernel::AppendFile::Written done = file_.write(bytes);
  written_ += done.bytes;
  dropped_ += bytes.size() - done.bytes;
  at_line_start_ = bytes.back() == '\n';
  if (done.failed != 0) {
    note(system_error(done.failed, file_.path()).message);
  }
}

void LogFile::note(const std::string& problem) {
  if (problem_.empty()) {
    problem_ = problem;
    tell_(problem);
  }
}

// Where it fails, it is tried again when as much has been written once more.
void LogFile::rotate() {
  const auto done = file_.rotate(rotation_.kept);
  if (done) {
    ++rotations_;
    next_rotation_ = rotation_.bytes;
    return;
  }
  next_rotation_ = file_.size() + rotation_.bytes;
  note(done.failure().message);
}

}  // namespace jobinit::logs
