// Sends what sinks want sent, all at once, under one deadline. The only room with a network.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "jobinit/deliver/request.hpp"
#include "jobinit/deliver/sink.hpp"

namespace jobinit::deliver {

// One sink's messages: each is sent when the one before has arrived.
struct Parcel {
  std::vector<Message> messages;
  std::string id;  // of the event, for Idempotency-Key
};

struct SendOptions {
  Duration timeout{};
  TlsFiles tls;
  Environment environment;  // proxies, certificates, AWS credentials
};

struct Sent {
  std::size_t parcel = 0;  // index into the parcels
  bool ok = false;         // all its messages have arrived
  std::string detail;      // why not, with status and the start of the answer; never a credential
  int status = 0;          // of the last HTTP answer; 0: there was none
  unsigned tries = 0;      // at the message that was on its way last
  Duration took{};
};

// Retries what may pass (no connection, 408, 429, 5xx) with growing pauses and jitter, as long as the deadline allows.
// `on_sent` is called once for each parcel, as soon as its fate is known.
void send_all(std::span<const Parcel> parcels, const SendOptions& options,
              const std::function<void(const Sent&)>& on_sent);

}  // namespace jobinit::deliver
