// What several unit tests need: temporary folders, file trees that stand for a machine's, a finished run to report on.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include "jobinit/base/text.hpp"
#include "jobinit/kernel/files.hpp"
#include "jobinit/report/report.hpp"

namespace jobinit::test {

// A folder of its own for one test, gone with everything in it when the test is over.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "jobinit-unit-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
      throw std::runtime_error("no temporary folder");
    }
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::string& path() const { return path_; }
  // The path of something inside.
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }
  // The names of what is in it now.
  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      found.push_back(entry.path().filename());
    }
    return found;
  }

 private:
  std::string path_;
};

inline void write_file(const std::string& path, std::string_view content) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream file(path, std::ios::binary);
  file << content;
  if (!file.flush()) {
    throw std::runtime_error("cannot write " + path);
  }
}

// Not by the code under test, which has a limit and opinions.
inline std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    throw std::runtime_error("cannot read " + path);
  }
  return {std::istreambuf_iterator<char>(file), {}};
}

// Absolute paths and what is in them: "/proc/self/cgroup" -> "0::/\n".
using Tree = std::map<std::string, std::string>;

// A machine's files as far as a test needs them, below a temporary folder.
class Machine {
 public:
  explicit Machine(const Tree& tree) {
    for (const auto& [path, content] : tree) {
      write_file(root()(path), content);
    }
  }

  kernel::Root root() const { return {folder_.path()}; }

 private:
  TemporaryFolder folder_;
};

// For INSTANTIATE_TEST_SUITE_P over rows that have a `name`: GoogleTest wants letters and digits only.
inline constexpr auto kRowName = [](const auto& info) {
  std::string name;
  bool capital = true;
  for (const char c : std::string_view(info.param.name)) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter) {
      name += capital && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
    capital = !letter;
  }
  return name;
};

// A run that went well, with every figure there is.
inline report::Subject sample_subject() {
  report::Subject subject;
  subject.run_id = "01890a5d-ac96-774b-bcce-b302099a8057";
  subject.job_name = "import-feed";
  subject.command = {"python3", "import.py", "--full"};
  subject.platform = "kubernetes";
  subject.platform_ids = {{"HOSTNAME", "import-feed-x7x2q"}, {"namespace", "batch"}};
  subject.host = "import-feed-x7x2q";
  subject.timeout = std::chrono::minutes(15);
  subject.parameters = {{"MEDIA", "google", "environment: MEDIA"}, {"TOKEN", "***", ""}};
  return subject;
}

inline supervise::StreamLog make_stream(const char* name, std::uint64_t bytes, std::uint64_t dropped) {
  supervise::StreamLog stream;
  stream.name = name;
  stream.bytes = bytes;
  stream.dropped = dropped;
  return stream;
}

inline supervise::Outcome sample_outcome() {
  using namespace std::chrono_literals;
  supervise::Outcome outcome;
  outcome.verdict = {Cause::success, 0, 0, std::nullopt};
  outcome.started_at = std::chrono::system_clock::time_point(1700000000s + 250ms);  // 2023-11-14T22:13:20.250Z
  outcome.duration = 90s + 500ms;
  outcome.ended_at = outcome.started_at + 90s + 500ms;
  outcome.resources.cpu_user = 12s + 500ms;
  outcome.resources.cpu_system = 750ms;
  outcome.resources.peak_memory = 412U << 20U;
  outcome.resources.peak_source = supervise::PeakSource::cgroup;
  outcome.resources.memory_limit = 512U << 20U;
  outcome.resources.oom_kills = 0;
  outcome.resources.memory_tier = MemoryTier::guard;
  outcome.resources.limit_hits = 21;
  outcome.resources.throttled = 22;
  outcome.resources.stalled_some = 23ms;
  outcome.resources.stalled_full = 24ms;
  outcome.resources.pressure_notices = 32;
  outcome.resources.peak_swap = 33554432;
  outcome.resources.major_faults = 25;
  outcome.resources.minor_faults = 26;
  outcome.resources.memory_warned_after = 27s;
  outcome.resources.largest = {{28, "python3", 29}, {30, "sh", 31}};
  outcome.streams = {make_stream("stdout", 1000, 0), make_stream("stderr", 200, 7)};
  outcome.streams[0].lines = 20;
  outcome.streams[0].first_after = std::chrono::milliseconds(250);
  outcome.streams[0].tail = "wrote 17 rows\n";
  outcome.streams[1].failure = "stderr: Broken pipe";
  outcome.streams[1].tail_truncated = true;
  outcome.streams[1].suppressed = 9;
  outcome.log_file = {"/logs/import.log", 1100, 3, 2, "/logs/import.log: No space left on device"};
  outcome.tail = "reading feed\nwrote 17 rows\n";
  outcome.reaped = 4;
  outcome.leftover = 2;
  outcome.killed = 1;
  return outcome;
}

inline report::Document sample_report() { return report::make_report(sample_subject(), sample_outcome()); }

// An oracle for UTF-8 that is not ours: the JSON library refuses to write anything else.
inline bool is_valid_utf8(const std::string& bytes) {
  try {
    return !nlohmann::json(bytes).dump().empty();
  } catch (const nlohmann::json::exception&) {
    return false;
  }
}

}  // namespace jobinit::test
