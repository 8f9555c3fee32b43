// Sinks: where events and reports go. Each kind lives in one file under runner/deliver/sinks/ and has one line in the
// registry.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "jobinit/base/cause.hpp"
#include "jobinit/base/event.hpp"
#include "jobinit/base/text.hpp"

namespace jobinit::deliver {

struct Event;  // deliver/event.hpp
struct SinkKind;

// What a sink is to be told of: its kind's usual events, or what its filter names. A filter is written behind the
// target, as a fragment, which no URL sends to its server (RFC 3986, 3.5), so that it can collide with no query:
// "slack+https://hooks.slack.com/services/T/B/X#on=failed,timeout,warning". It names events and, for those endings
// alone, causes; "unsuccessful" is every cause but success.
struct Filter {
  EventSet events;
  std::set<Cause> causes;  // of `finished`; empty: all
  bool passes(const Event& event) const;
};

// One `--report-to`.
struct Sink {
  const SinkKind* kind = nullptr;
  std::string scheme;  // "file", "pushgateway+http"
  std::string target;  // what follows the scheme's colon, without the filter
  std::string shown;   // for messages: without credentials
  Filter filter;

  // "http://host/path" of "pushgateway+http://host/path"; may hold credentials.
  std::string url() const;
};

// Signature Version 4 with the credentials that are found where AWS' SDKs look for them: AWS_ACCESS_KEY_ID and its
// like, else the container's (AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, or _FULL_URI).
struct AwsSignature {
  std::string service;  // "states", "events", "sns"
  std::string region;
};

// A signature over the body by a secret that its receiver shares: Standard Webhooks 1.0 (headers webhook-id,
// webhook-timestamp, webhook-signature; the secret as "whsec_BASE64", or as it is), or GitHub's X-Hub-Signature-256.
// The time in it is that of sending.
struct HmacSignature {
  enum Scheme { standard_webhooks, x_hub_signature_256 };
  Scheme scheme = standard_webhooks;
  std::string id;
  std::string secret;
  std::string secret_file;  // read by whoever sends, a line end at its end left out; empty: `secret` counts
};

struct BasicAuth {
  std::string user;
  std::string password;
};

// What a network sink wants sent. Building one touches no network; sending is http.hpp's, which adds User-Agent,
// Content-Length and, unless it is there, Idempotency-Key with the event's id. A 2xx status is success; what may pass
// (no connection, 408, 429, 5xx) is tried again.
// A URL's host may be the percent-encoded path of a socket: "http://%2Frun%2Fgateway.sock/metrics".
struct HttpRequest {
  std::string method = "POST";
  std::string url;  // may hold credentials, for basic authentication
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::optional<BasicAuth> basic_auth;  // beats the URL's
  std::optional<AwsSignature> aws;
  std::optional<HmacSignature> hmac;
  // What the answer to a 2xx status says, for servers that may refuse with one; null: nobody asks. An error is final.
  Result<void> (*judge)(std::string_view answer) = nullptr;
  std::vector<std::string> secrets;  // what of its body no message may repeat
};

// One datagram, sent once: nobody answers it.
struct Datagram {
  std::string unix_socket;  // its path; empty: UDP
  std::string host;         // a name, or an address without brackets
  std::uint16_t port = 0;
  std::string payload;
};

using Message = std::variant<HttpRequest, Datagram>;

inline constexpr Duration kTimeForDisks = std::chrono::seconds(1);

// NAME=value texts, for jobinit::lookup(): jobinit's own environment, OTEL_*, TRACEPARENT, AWS_* in it.
using Environment = std::span<const std::string>;

struct SinkKind {
  std::span<const std::string_view> schemes;
  EventSet events = {EventKind::finished};  // those it can use; a filter that names another is refused
  EventSet usual = {EventKind::finished};   // those it gets without a filter
  bool spans = false;                       // it tells of the run as a span of a trace (base/trace.hpp)
  bool secret_path = false;                 // the path of its URL is a credential, as a web hook's is
  // Whether the target can be right; at start, so that a typing error is told before the job has run.
  Result<void> (*check)(const Sink& sink) = nullptr;
  // Local sinks: of `finished`, written by PID 1 itself; any other event, while the job runs, by the deliver process.
  // Null for network sinks. `patience`: how long a reader that stands still may hold it up.
  // Below kTimeForDisks a disk is not waited for either.
  Result<void> (*write)(const Sink& sink, const Event& event, Duration patience) = nullptr;
  // Network sinks: sent by the deliver process, one after the other, the next when the one before has arrived; none
  // where there is nothing to tell of this event. Pure, and null for local sinks. Only called for events that it can
  // use.
  Result<std::vector<Message>> (*request)(const Sink& sink, const Event& event, Environment environment) = nullptr;

  bool network() const { return request != nullptr; }
};

// Every kind there is.
std::span<const SinkKind* const> sink_kinds();

// Errors name the nearest scheme, and never show credentials.
Result<Sink> parse_sink(std::string_view text);

// Whether one of them does, so that what the job traces has a parent.
bool reports_spans(std::span<const Sink> sinks);

// A text that came from elsewhere, such as a server's answer, without what of the sink's target is not to be shown.
std::string without_credentials(const Sink& sink, std::string_view text);

// What became of one delivery.
struct Delivery {
  EventKind event = EventKind::finished;
  std::string sink;  // as shown
  bool delivered = false;
  std::string detail;  // why not; empty when it was
  int status = 0;      // of the last HTTP answer; 0: there was none
  unsigned tries = 0;  // 0: nobody knows
  Duration took{};
};

// For sinks: a URL's host must be there, its credentials may be.
Result<void> check_http_url(const Sink& sink);

}  // namespace jobinit::deliver
