// What PID 1 hands to the deliver process on its stdin, and what that answers on its stdout. JSON both ways, one line
// an answer, so that answers given before a crash or a kill still count.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jobinit/deliver/event.hpp"
#include "jobinit/deliver/sink.hpp"

namespace jobinit::deliver {

// Files for TLS, beyond those that the image or the environment names; PEM. Empty: none.
struct TlsFiles {
  std::string authorities;      // trusted in the stead of all others
  std::string certificate;      // what we show of ourselves
  std::string certificate_key;  // empty: it is in the same file
  bool operator==(const TlsFiles&) const = default;
};

struct Request {
  std::vector<std::string> sinks;  // as given, with their credentials: hence stdin, which nobody else can read
  Event event;
  Duration timeout{};
  TlsFiles tls;
};

std::string encode_request(const Request& request);
Result<Request> decode_request(std::string_view text);

struct Answer {
  std::size_t sink = 0;  // index into Request::sinks
  bool delivered = false;
  std::string detail;  // why not; empty when it was
  int status = 0;      // of the last HTTP answer; 0: there was none
  unsigned tries = 0;  // of the message that was on its way last
  Duration took{};     // in whole milliseconds
};

std::string encode_answer(const Answer& answer);  // ends with a newline
std::optional<Answer> decode_answer(std::string_view line);
void take_answer(const Answer& answer, Delivery& into);

}  // namespace jobinit::deliver
