// webhook+http(s)://ANY-URL[#method=PUT&header=NAME:VALUE&type=MEDIA/TYPE&body=TEXT&secret=...&signature=...], a
// request of the user's own making. ${...} in URL, headers and body is filled from the event. Without a body: the event
// with its report, as JSON.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "encode.hpp"
#include "jobinit/base/text.hpp"
#include "registry.hpp"
#include "signature.hpp"
#include "template.hpp"
#include "urls.hpp"

namespace jobinit::deliver {
namespace {

constexpr std::array<std::string_view, 2> kSchemes{"webhook+http", "webhook+https"};
constexpr std::array<std::string_view, 6> kOptions{"method", "header", "type", "body", "secret", "signature"};
constexpr std::array<std::string_view, 5> kMethods{"POST", "PUT", "PATCH", "GET", "DELETE"};
constexpr std::string_view kJson = "application/json";

// RFC 9110, 5.6.2.
bool is_token(std::string_view text) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           marks.find(c) != std::string_view::npos;
  });
}

// How what is put into a body must be written so that it can't become more than a value.
Escape escape_for(std::string_view type) {
  const std::string_view media = trim(type.substr(0, type.find(';')));
  if (media == kJson || media.ends_with("+json")) {
    return Escape::json;
  }
  return media == "application/x-www-form-urlencoded" ? Escape::percent : Escape::none;
}

Result<void> check_headers(const Sink& sink, const SinkOptions& options) {
  for (const std::string_view header : options.all("header")) {
    const std::size_t colon = header.find(':');
    if (colon == std::string_view::npos || !is_token(header.substr(0, colon))) {
      return error("{}: write a header like header=NAME:VALUE", sink.shown);
    }
  }
  return {};
}

Result<void> check(const Sink& sink) {
  if (auto good = check_http_url(sink); !good) {
    return good;
  }
  const SinkOptions options(sink.target);
  if (auto good = options.check(sink.shown, kOptions); !good) {
    return good;
  }
  const std::string_view method = options.get("method", "POST");
  if (std::find(kMethods.begin(), kMethods.end(), method) == kMethods.end()) {
    return error("{}: the method must be one of {}", sink.shown, fmt::join(kMethods, ", "));
  }
  if (auto good = check_headers(sink, options); !good) {
    return good;
  }
  Result<void> good = check_template(url_parts(sink.url()).text(), Escape::percent);
  for (const std::string_view header : options.all("header")) {
    good = good ? check_template(header, Escape::header) : good;
  }
  if (const std::string_view body = options.get("body"); good && !body.empty()) {
    good = check_template(body, escape_for(options.get("type", kJson)));
  }
  return good ? check_signature(sink, options) : error("{}: {}", sink.shown, good.failure().message);
}

std::string whole_event(const Event& event) {
  report::Document document;
  document["event"] = event_name(event.kind);
  document["id"] = event.id;
  document["time"] = report::timestamp(event.time);
  document["text"] = event.text;
  document["report"] = event.report;
  return document.dump(-1, ' ', false, report::Document::error_handler_t::replace);
}

Result<std::vector<Message>> request_of(const Sink& sink, const Event& event, Environment environment) {
  const SinkOptions options(sink.target);
  const std::string_view type = options.get("type", kJson);
  const std::string_view body = options.get("body");
  HttpRequest request;
  request.method = options.get("method", "POST");
  request.url = filled(url_parts(sink.url()).text(), Escape::percent, event, environment);
  request.headers = {{"Content-Type", one_line(type)}};
  for (const std::string_view header : options.all("header")) {
    const std::size_t colon = header.find(':');
    request.headers.emplace_back(header.substr(0, colon),
                                 filled(one_line(trim(header.substr(colon + 1))), Escape::header, event, environment));
  }
  if (!body.empty()) {
    request.body = filled(body, escape_for(type), event, environment);
  } else if (request.method != "GET" && request.method != "DELETE") {
    request.body = whole_event(event);
  }
  auto signature = signature_of(options, event, environment);
  if (!signature) {
    return signature.failure();
  }
  request.hmac = std::move(*signature);
  return std::vector<Message>{std::move(request)};
}

}  // namespace

const SinkKind webhook_sink{.schemes = kSchemes,
                            .events = kAllEvents,
                            .usual = {EventKind::finished},
                            .secret_path = true,
                            .check = check,
                            .request = request_of};

}  // namespace jobinit::deliver
