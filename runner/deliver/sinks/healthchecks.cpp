// healthchecks+http(s)://HOST/UUID or HOST/PING-KEY/SLUG, pings to healthchecks.io or a server of one's own.
// Its documentation, "Pinging API": /start, /fail, /log, /<exit status> behind either form of URL; ?rid= pairs a start
// with its end; a body of up to 100 kB is kept.
#include <array>
#include <nlohmann/json.hpp>

#include "facts.hpp"
#include "registry.hpp"
#include "urls.hpp"
#include "words.hpp"

namespace jobinit::deliver {
namespace {

constexpr std::array<std::string_view, 2> kSchemes{"healthchecks+http", "healthchecks+https"};
constexpr std::size_t kMostBody = 100'000;

Result<void> check(const Sink& sink) {
  if (auto good = check_http_url(sink); !good) {
    return good;
  }
  if (url_parts(sink.url()).path.size() < 2) {
    return error("{}: needs the check's UUID, or PING-KEY/SLUG, behind the host", sink.shown);
  }
  return {};
}

// An exit status of 0 is a success there, whatever we think of it, and any other a failure.
std::string ending(const report::Document& report) {
  if (succeeded(report)) {
    return "";
  }
  const auto code = integer_at(report, "outcome.exit_code");
  return code && *code > 0 && *code < 256 ? fmt::format("/{}", *code) : "/fail";
}

std::string signal_of(const Event& event) {
  switch (event.kind) {
    case EventKind::started: return "/start";
    case EventKind::heartbeat:
    case EventKind::warning:
    case EventKind::attempt_failed: return "/log";
    case EventKind::finished: break;
  }
  return ending(event.report);
}

Result<std::vector<Message>> request_of(const Sink& sink, const Event& event, Environment /*environment*/) {
  UrlParts url = url_parts(sink.url());
  while (url.path.ends_with('/')) {
    url.path.pop_back();
  }
  url.path += signal_of(event);
  url.add("rid", run_id(event.report));
  HttpRequest request;
  request.url = url.text();
  request.headers = {{"Content-Type", "text/plain; charset=utf-8"}};
  request.body = message_with_tail(event, kMostBody);
  return std::vector<Message>{std::move(request)};
}

}  // namespace

const SinkKind healthchecks_sink{
    .schemes = kSchemes,
    .events = kAllEvents,
    .usual = {EventKind::started, EventKind::warning, EventKind::attempt_failed, EventKind::finished},
    .secret_path = true,
    .check = check,
    .request = request_of};

}  // namespace jobinit::deliver
