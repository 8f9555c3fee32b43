// file:PATH, the report as JSON for people and programs, replaced as a whole.
#include <array>
#include <nlohmann/json.hpp>

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

Result<void> write(const Sink& sink, const report::Document& report, Duration /*patience*/) {
  return kernel::replace_file(path_of(sink), report.dump(2) + "\n");
}

}  // namespace

const SinkKind file_sink{kSchemes, check, write, nullptr};

}  // namespace jobinit::deliver
