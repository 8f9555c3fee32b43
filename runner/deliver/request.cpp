#include "jobinit/deliver/request.hpp"

#include <array>
#include <nlohmann/json.hpp>

#include "jobinit/base/text.hpp"

namespace jobinit::deliver {

using report::Document;

namespace {

constexpr std::int64_t kLongestTimeoutMs = 100LL * 366 * 24 * 3600 * 1000;  // what a duration can be at most

}  // namespace

std::string encode_request(const Request& request) {
  const Event& event = request.event;
  Document document;
  document["sinks"] = request.sinks;
  document["timeout_ms"] = std::chrono::duration_cast<std::chrono::milliseconds>(request.timeout).count();
  document["tls"] = {request.tls.authorities, request.tls.certificate, request.tls.certificate_key};
  const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(event.time.time_since_epoch());
  document["event"] = {
      {"kind", event_name(event.kind)}, {"time_ms", since.count()}, {"id", event.id}, {"text", event.text}};
  document["report"] = event.report;
  return document.dump(-1, ' ', false, Document::error_handler_t::replace);
}

Result<Request> decode_request(std::string_view text) {
  try {
    const Document document = Document::parse(text);
    Request request;
    request.sinks = document.at("sinks").get<std::vector<std::string>>();
    const Document& timeout = document.at("timeout_ms");
    if (!timeout.is_number_integer() || timeout < 0 || timeout > kLongestTimeoutMs) {
      return error("not a delivery request: no such time-out");
    }
    request.timeout = std::chrono::milliseconds(timeout.get<std::int64_t>());
    const auto files = document.at("tls").get<std::array<std::string, 3>>();
    request.tls = {files[0], files[1], files[2]};
    const Document& event = document.at("event");
    const auto kind = event_from_name(event.at("kind").get<std::string>());
    const Document& time = event.at("time_ms");
    if (!kind || !time.is_number_integer() || time < -kLongestTimeoutMs || time > kLongestTimeoutMs) {
      return error("not a delivery request: no such event");
    }
    request.event.kind = *kind;
    request.event.time = std::chrono::system_clock::time_point(std::chrono::milliseconds(time.get<std::int64_t>()));
    request.event.id = event.at("id").get<std::string>();
    request.event.text = event.at("text").get<std::string>();
    request.event.report = document.at("report");
    return request;
  } catch (const Document::exception& failure) {
    // The library's text repeats what it read last, which may be a password.
    return error("not a delivery request: JSON error {}", failure.id);
  }
}

std::string encode_answer(const Answer& answer) {
  Document document;
  document["sink"] = answer.sink;
  document["delivered"] = answer.delivered;
  document["detail"] = valid_utf8(answer.detail);
  document["status"] = answer.status;
  document["tries"] = answer.tries;
  document["took_ms"] = std::chrono::duration_cast<std::chrono::milliseconds>(answer.took).count();
  return document.dump() + "\n";
}

std::optional<Answer> decode_answer(std::string_view line) {
  const Document document = Document::parse(line, nullptr, false);
  if (!document.is_object()) {
    return std::nullopt;
  }
  try {
    // Whoever reads TLS and HTTP from strangers may have been taken over: figures that cannot be are no answer.
    static constexpr std::uint64_t most = 1'000'000'000;
    for (const char* const key : {"sink", "status", "tries", "took_ms"}) {
      if (!document.at(key).is_number_unsigned() || document.at(key).get<std::uint64_t>() > most) {
        return std::nullopt;
      }
    }
    return Answer{document.at("sink").get<std::size_t>(),
                  document.at("delivered").get<bool>(),
                  document.at("detail").get<std::string>(),
                  document.at("status").get<int>(),
                  document.at("tries").get<unsigned>(),
                  std::chrono::milliseconds(document.at("took_ms").get<std::int64_t>())};
  } catch (const Document::exception&) {
    return std::nullopt;
  }
}

void take_answer(const Answer& answer, Delivery& into) {
  into.delivered = answer.delivered;
  into.detail = answer.detail;
  into.status = answer.status;
  into.tries = answer.tries;
  into.took = answer.took;
}

}  // namespace jobinit::deliver
