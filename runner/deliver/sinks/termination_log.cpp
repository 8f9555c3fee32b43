// termination-log:[PATH][#format=text], for Kubernetes' termination message, which `kubectl describe pod` and whoever
// watches pods read.
// Kubernetes documentation, "Determine the reason for Pod failure": at most 4096 bytes, the rest is cut off by the
// kubelet.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "encode.hpp"
#include "facts.hpp"
#include "jobinit/base/text.hpp"
#include "jobinit/kernel/files.hpp"
#include "registry.hpp"

namespace jobinit::deliver {
namespace {

using report::Document;

constexpr std::array<std::string_view, 1> kSchemes{"termination-log"};
constexpr std::string_view kFormat = "#format=";
constexpr std::size_t kLimit = 4096;
constexpr std::size_t kMostName = 64;

struct Target {
  std::string path;
  std::string format;
};

Target target_of(const Sink& sink) {
  const std::size_t option = sink.target.rfind(kFormat);
  const std::string path = sink.target.substr(0, option);
  return {path.empty() ? "/dev/termination-log" : path,
          option == std::string::npos ? "json" : sink.target.substr(option + kFormat.size())};
}

Result<void> check(const Sink& sink) {
  const std::string format = target_of(sink).format;
  return format == "json" || format == "text" ? Result<void>() : error("{}: the format is json or text", sink.shown);
}

std::vector<std::string> problems_of(const Document& report) {
  std::vector<std::string> all;
  if (const Document* problems = find(report, "outcome.problems"); problems != nullptr && problems->is_array()) {
    for (const Document& problem : *problems) {
      all.push_back(problem.is_string() ? problem.get<std::string>() : "");
    }
  }
  return all;
}

std::string text_message(const Document& report) {
  std::string text = text_at(report, "outcome.summary") + "\n";
  text += fmt::format("cause {}, exit code {}, run {}\n", text_at(report, "outcome.cause"),
                      integer_at(report, "outcome.exit_code").value_or(0), run_id(report));
  for (const std::string& problem : problems_of(report)) {
    text += problem + "\n";
  }
  if (text.size() > kLimit) {
    return std::string(first_bytes(valid_utf8(text), kLimit));
  }
  const std::string tail = text_at(report, "logs.tail");
  static constexpr std::string_view heading = "last words:\n";
  if (!tail.empty() && text.size() + heading.size() < kLimit) {
    text += heading;
    text += last_bytes(tail, kLimit - text.size());
  }
  return text;
}

std::string as_json(const Document& document) {
  return document.dump(-1, ' ', false, Document::error_handler_t::replace);
}

// By how much it is too long.
std::size_t excess(const Document& message) {
  const std::size_t size = as_json(message).size() + 1;
  return size > kLimit ? size - kLimit : 0;
}

// Makes `slot`, a part of `message`, as long as fits, cutting by `cut`. Escaping makes texts longer, up to six times,
// hence the loop.
template <typename Cut>
void fit(const Document& message, Document& slot, std::string_view text, Cut cut) {
  slot = text;
  for (std::size_t over = excess(message); over > 0 && !text.empty(); over = excess(message)) {
    text = cut(text, text.size() - std::min(text.size(), (over + 5) / 6));
    slot = text;
  }
}

// The most useful first, for eyes and for the kubelet's knife.
std::string json_message(const Document& report) {
  Document message;
  message["summary"] = "";
  message["cause"] = std::string(first_bytes(valid_utf8(text_at(report, "outcome.cause")), kMostName));
  message["exit_code"] = integer_at(report, "outcome.exit_code").value_or(0);
  message["run_id"] = std::string(first_bytes(valid_utf8(run_id(report)), kMostName));
  fit(message, message["summary"], valid_utf8(text_at(report, "outcome.summary")), first_bytes);
  const auto problems = problems_of(report);
  for (std::size_t i = 0; i < problems.size() && excess(message) == 0; ++i) {
    Document& list = message["problems"];
    list.push_back("");
    fit(message, list.back(), valid_utf8(problems[i]), first_bytes);
    if (list.back() == "") {
      list.erase(i);
      break;
    }
  }
  if (message.contains("problems") && message["problems"].empty()) {
    message.erase("problems");
  }
  if (const std::string tail = valid_utf8(text_at(report, "logs.tail")); !tail.empty()) {
    fit(message, message["tail"], last_bytes(tail, kLimit), last_bytes);
    if (message["tail"] == "") {
      message.erase("tail");
    }
  }
  return as_json(message) + "\n";
}

Result<void> write(const Sink& sink, const Event& event, Duration /*patience*/) {
  const Target target = target_of(sink);
  return kernel::overwrite_file(target.path,
                                target.format == "json" ? json_message(event.report) : text_message(event.report));
}

}  // namespace

const SinkKind termination_log_sink{.schemes = kSchemes, .check = check, .write = write};

}  // namespace jobinit::deliver
