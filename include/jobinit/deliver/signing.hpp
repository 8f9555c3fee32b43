// Signatures of requests, by OpenSSL. Belongs to the deliver process.
#pragma once

#include <chrono>

#include "jobinit/deliver/sink.hpp"

namespace jobinit::deliver {

using Headers = std::vector<std::pair<std::string, std::string>>;

// What request.hmac asks for; none without one. Errors: the secret's file cannot be read, or is empty; the secret says
// "whsec_" and is not base64.
Result<Headers> signature_headers(const HttpRequest& request, std::chrono::system_clock::time_point now);

}  // namespace jobinit::deliver
