// Sends HTTP requests, all at once, under one deadline. The only room with a network.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "jobinit/deliver/sink.hpp"

namespace jobinit::deliver {

struct HttpResult {
  std::size_t request = 0;  // index into the requests
  bool ok = false;          // a 2xx status
  std::string detail;       // why not, with status and the start of the answer; never a credential
};

// Retries what may pass (no connection, 408, 429, 5xx) with growing pauses and jitter, as long as the deadline allows.
// `on_result` is called once for each request, as soon as its fate is known.
void send_all(std::span<const HttpRequest> requests, Duration timeout,
              const std::function<void(const HttpResult&)>& on_result);

}  // namespace jobinit::deliver
