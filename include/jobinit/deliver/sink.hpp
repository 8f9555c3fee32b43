// Sinks: where a report goes. Each kind lives in one file under runner/deliver/sinks/ and has one line in the registry.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "jobinit/report/report.hpp"

namespace jobinit::deliver {

struct SinkKind;

// One `--report-to`.
struct Sink {
  const SinkKind* kind = nullptr;
  std::string scheme;  // "file", "pushgateway+http"
  std::string target;  // what follows the scheme's colon
  std::string shown;   // for messages: without credentials

  // "http://host/path" of "pushgateway+http://host/path"; may hold credentials.
  std::string url() const;
};

// What a network sink wants sent. Building one touches no network; sending is http.hpp's.
struct HttpRequest {
  std::string method = "POST";
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

inline constexpr Duration kTimeForDisks = std::chrono::seconds(1);

struct SinkKind {
  std::span<const std::string_view> schemes;
  // Whether the target can be right; at start, so that a typing error is told before the job has run.
  Result<void> (*check)(const Sink& sink);
  // Local sinks: written by PID 1 itself. Null for network sinks. `patience`: how long a reader that stands still may
  // hold it up.
  // Below kTimeForDisks a disk is not waited for either.
  Result<void> (*write)(const Sink& sink, const report::Document& report, Duration patience);
  // Network sinks: sent by the deliver process. Null for local sinks.
  Result<HttpRequest> (*request)(const Sink& sink, const report::Document& report);

  bool network() const { return request != nullptr; }
};

// Every kind there is.
std::span<const SinkKind* const> sink_kinds();

// Errors name the nearest scheme, and never show credentials.
Result<Sink> parse_sink(std::string_view text);

// What became of one delivery.
struct Delivery {
  std::string sink;  // as shown
  bool delivered = false;
  std::string detail;  // why not; empty when it was
};

// For sinks: a URL's host must be there, its credentials may be.
Result<void> check_http_url(const Sink& sink);

}  // namespace jobinit::deliver
