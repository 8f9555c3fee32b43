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

struct Request {
  std::vector<std::string> sinks;  // as given, with their credentials: hence stdin, which nobody else can read
  Event event;
  Duration timeout{};
};

std::string encode_request(const std::vector<std::string>& sinks, const Event& event, Duration timeout);
Result<Request> decode_request(std::string_view text);

struct Answer {
  std::size_t sink = 0;  // index into Request::sinks
  bool delivered = false;
  std::string detail;
};

std::string encode_answer(const Answer& answer);  // ends with a newline
std::optional<Answer> decode_answer(std::string_view line);

}  // namespace jobinit::deliver
