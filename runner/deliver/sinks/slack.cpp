// slack+https://hooks.slack.com/services/..., a message by an incoming webhook; also what takes the same (Mattermost,
// Rocket.Chat). Slack's documentation: "Sending messages using incoming webhooks"; "Formatting text" (&, < and > are
// escaped, nothing else); "Section block" (3,000 characters a text).
#include <array>
#include <nlohmann/json.hpp>

#include "encode.hpp"
#include "facts.hpp"
#include "jobinit/base/text.hpp"
#include "registry.hpp"
#include "urls.hpp"
#include "words.hpp"

namespace jobinit::deliver {
namespace {

constexpr std::array<std::string_view, 2> kSchemes{"slack+http", "slack+https"};
constexpr std::size_t kMostText = 3000;
constexpr std::size_t kMostTail = 2500;  // the rest of a section is for the marks around it

Result<void> check(const Sink& sink) {
  if (auto good = check_http_url(sink); !good) {
    return good;
  }
  if (url_parts(sink.url()).path.size() < 2) {
    return error("{}: needs the whole URL of an incoming webhook, {}://hooks.slack.com/services/...", sink.shown,
                 sink.scheme);
  }
  return {};
}

std::string escaped(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    switch (c) {
      case '&': safe += "&amp;"; break;
      case '<': safe += "&lt;"; break;
      case '>': safe += "&gt;"; break;
      default: safe += c;
    }
  }
  return safe;
}

// What is cut must not end within "&amp;".
std::string escaped_start(std::string_view text, std::size_t limit) {
  std::string safe = escaped(first_bytes(text, limit));
  while (safe.size() > limit) {
    text = first_bytes(text, text.size() - (safe.size() - limit + 4) / 5);
    safe = escaped(text);
  }
  return safe;
}

std::string escaped_end(std::string_view text, std::size_t limit) {
  std::string_view end = last_bytes(text, limit);
  std::string safe = escaped(end);
  while (safe.size() > limit) {
    end = last_bytes(end, end.size() - (safe.size() - limit + 4) / 5);
    safe = escaped(end);
  }
  return safe;
}

// Three of them would end the block of code that the tail is shown in.
std::string without_fences(std::string text) {
  for (std::size_t at = text.find("```"); at != std::string::npos; at = text.find("```", at)) {
    text.replace(at, 3, "'''");
  }
  return text;
}

std::string_view mark(const Event& event) {
  switch (event.kind) {
    case EventKind::started:
    case EventKind::heartbeat: return ":arrow_forward:";
    case EventKind::warning:
    case EventKind::attempt_failed: return ":warning:";
    case EventKind::finished: break;
  }
  return succeeded(event.report) ? ":white_check_mark:" : ":x:";
}

nlohmann::json section(std::string text) {
  return {{"type", "section"}, {"text", {{"type", "mrkdwn"}, {"text", std::move(text)}}}};
}

std::string context(const report::Document& report) {
  std::vector<std::string> parts;
  const auto add = [&](std::string_view what, const std::string& value) {
    if (!value.empty()) {
      parts.push_back(fmt::format("{} {}", what, escaped_start(value, kMostText / 8)));
    }
  };
  add("cause", text_at(report, "outcome.cause"));
  add("host", text_at(report, "platform.host"));
  add("platform", text_at(report, "platform.name"));
  add("run", run_id(report));
  return fmt::format("{}", fmt::join(parts, " · "));
}

Result<std::vector<Message>> request_of(const Sink& sink, const Event& event, Environment /*environment*/) {
  const std::string said = valid_utf8(headline(event));
  nlohmann::json blocks = nlohmann::json::array();
  blocks.push_back(section(fmt::format("{} {}", mark(event), escaped_start(said, kMostTail))));
  std::string details = problem_lines(event.report);
  if (details.empty() && !succeeded(event.report)) {
    details = text_at(event.report, "logs.tail");
  }
  if (const std::string end = escaped_end(without_fences(valid_utf8(details)), kMostTail); !end.empty()) {
    blocks.push_back(section("```\n" + end + "\n```"));
  }
  if (const std::string about = context(event.report); !about.empty()) {
    blocks.push_back({{"type", "context"}, {"elements", {{{"type", "mrkdwn"}, {"text", about}}}}});
  }
  HttpRequest request;
  request.url = url_parts(sink.url()).text();
  request.headers = {{"Content-Type", "application/json; charset=utf-8"}};
  request.body = nlohmann::json{{"text", escaped_start(said, kMostText)}, {"blocks", blocks}}.dump();
  return std::vector<Message>{std::move(request)};
}

}  // namespace

const SinkKind slack_sink{.schemes = kSchemes,
                          .events = kAllEvents,
                          .usual = {EventKind::finished},
                          .secret_path = true,
                          .check = check,
                          .request = request_of};

}  // namespace jobinit::deliver
