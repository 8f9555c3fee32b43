// A file for the job's log, with rotation by size; shared by the streams that go there.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "jobinit/base/log_limits.hpp"
#include "jobinit/kernel/append_file.hpp"

namespace jobinit::logs {

class LogFile {
 public:
  // `tell` is called with the first thing that goes wrong, in words, and never again; must not throw.
  static Result<LogFile> open(
      std::string path, LogRotation rotation, std::function<void(const std::string&)> tell = [](const std::string&) {});

  // Never throws. What could not be written is counted.
  void write(std::span<const char> bytes);
  // The first thing that went wrong; empty: nothing did.
  const std::string& problem() const { return problem_; }

  const std::string& path() const { return file_.path(); }
  std::uint64_t written() const { return written_; }  // bytes
  std::uint64_t dropped() const { return dropped_; }  // bytes
  std::uint64_t rotations() const { return rotations_; }

 private:
  LogFile(kernel::AppendFile file, LogRotation rotation, std::function<void(const std::string&)> tell)
      : file_(std::move(file)), rotation_(rotation), tell_(std::move(tell)), next_rotation_(rotation.bytes) {}
  void note(const std::string& problem);
  void append(std::span<const char> bytes);
  void rotate();

  kernel::AppendFile file_;
  LogRotation rotation_;
  std::function<void(const std::string&)> tell_;
  std::uint64_t next_rotation_ = 0;  // the size that the file may have
  bool at_line_start_ = true;
  std::uint64_t written_ = 0;
  std::uint64_t dropped_ = 0;
  std::uint64_t rotations_ = 0;
  std::string problem_;
};

}  // namespace jobinit::logs
