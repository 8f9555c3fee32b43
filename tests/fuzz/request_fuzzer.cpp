// What passes between PID 1 and its deliver process. The process that reads TLS and HTTP from strangers is the one most
// likely to be taken over, so that PID 1 trusts none of its answers.
#include <nlohmann/json.hpp>

#include "jobinit/deliver/request.hpp"
#include "properties.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace jobinit;
  const std::string_view text = fuzz::as_text(data, size);
  if (const auto request = deliver::decode_request(text)) {
    const auto again = deliver::decode_request(deliver::encode_request(*request));
    fuzz::require(again && again->sinks == request->sinks && again->tls == request->tls &&
                      again->timeout == request->timeout && again->event.report == request->event.report &&
                      again->event.kind == request->event.kind && again->event.time == request->event.time &&
                      again->event.id == request->event.id && again->event.text == request->event.text,
                  "a request can be sent on");
  }
  if (const auto answer = deliver::decode_answer(text)) {
    const std::string line = deliver::encode_answer(*answer);
    fuzz::require(line.find('\n') == line.size() - 1, "an answer is one line");
    const auto again = deliver::decode_answer(line);
    fuzz::require(again && again->sink == answer->sink && again->delivered == answer->delivered &&
                      again->detail == answer->detail && again->status == answer->status &&
                      again->tries == answer->tries && again->took == answer->took,
                  "an answer can be sent on");
  }
  return 0;
}
