// When a message is sent again, and what may be told of why it did not arrive. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jobinit/deliver/sink.hpp"

namespace jobinit::deliver {

// Whether a status is one that may pass: 408 (RFC 9110, 15.5.9), 429 (RFC 6585, 4) and all 5xx.
bool may_pass(long status);

// How long to wait before the next try. `tries`: how many there were, at least 1. `random`: in [0, 1); half of the
// pause is left to it, since a server that comes back must not meet every job of the hour at the same moment. A
// server's Retry-After (RFC 9110, 10.2.3) is the least that is waited.
Duration pause_before_next(int tries, double random, std::optional<Duration> retry_after);

// How long a try may take: half of what is left, so that one that hangs leaves time for another, but not so little that
// none can succeed.
Duration time_for_try(Duration left);

// Whether a request that was sent to `from` may follow a redirect to `to`: to the same host and port, or from http to
// https there. What it carries is for that host alone.
bool may_follow(std::string_view from, std::string_view to);

// "/run/x.sock" of "http://%2Frun%2Fx.sock/metrics"; nullopt: the host is a host. `rest`: the URL to ask for there,
// "http://localhost/metrics".
std::optional<std::string> unix_socket_of(std::string_view url, std::string& rest);

// The parts of a request that are or may be secret: passwords, tokens in its path, query or headers.
std::vector<std::string> secrets_of(const HttpRequest& request);
// Each of them masked, also where it is percent-encoded or decoded, as a server may answer it.
std::string conceal(std::string text, const std::vector<std::string>& secrets);

}  // namespace jobinit::deliver
