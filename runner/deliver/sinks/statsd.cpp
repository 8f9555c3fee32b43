// statsd://HOST[:PORT] and statsd+unix:///SOCKET, in Etsy's StatsD protocol (its docs/metric_types.md), with the job in
// the metrics' names; dogstatsd://HOST[:PORT], dogstatsd+unix:///SOCKET and dogstatsd: (where DD_DOGSTATSD_URL or
// DD_AGENT_HOST say), with tags, a service check and an event (Datadog's documentation, "Datagram Format and Shell
// Usage"; "DogStatsD over Unix Domain Socket").
#include <array>
#include <nlohmann/json.hpp>

#include "encode.hpp"
#include "facts.hpp"
#include "jobinit/base/environment.hpp"
#include "jobinit/base/percent.hpp"
#include "jobinit/base/text.hpp"
#include "jobinit/report/metrics.hpp"
#include "registry.hpp"
#include "urls.hpp"
#include "words.hpp"

namespace jobinit::deliver {
namespace {

constexpr std::array<std::string_view, 4> kSchemes{"statsd", "statsd+unix", "dogstatsd", "dogstatsd+unix"};
constexpr std::array<std::string_view, 2> kOptions{"prefix", "tags"};
constexpr std::string_view kPrefix = "jobinit.job";
constexpr std::uint16_t kPort = 8125;
constexpr std::size_t kMostUdp = 1432;   // an Ethernet's MTU less its headers; Datadog's clients use the same
constexpr std::size_t kMostUnix = 8192;  // dogstatsd_buffer_size of the Agent
constexpr std::size_t kMostTag = 200;    // Datadog's documentation, "Getting Started with Tags"

struct Place {
  std::string unix_socket;
  std::string host;
  std::uint16_t port = kPort;
};

// "host:port", "[::1]:port", "host".
Result<Place> host_and_port(std::string_view text) {
  Place place;
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) {
      return error("an IPv6 address without its ]");
    }
    place.host = text.substr(1, end - 1);
    port = text.substr(end + 1);
  } else {
    const std::size_t colon = std::min(text.find(':'), text.size());
    place.host = text.substr(0, colon);
    port = text.substr(colon);
  }
  if (place.host.empty()) {
    return error("no host in it");
  }
  if (!port.empty()) {
    const auto number = port.front() == ':' ? parse_integer(port.substr(1), 1, 65535) : Result<std::int64_t>(Error{});
    if (!number) {
      return error("the port must be a number from 1 to 65535");
    }
    place.port = static_cast<std::uint16_t>(*number);
  }
  return place;
}

std::string_view without_fragment(std::string_view text) { return text.substr(0, text.find('#')); }

// Of "//host:port/" or "///path".
Result<Place> place_of(std::string_view target, bool unix_socket) {
  target = without_fragment(target);
  if (unix_socket) {
    if (!target.starts_with("///") || target.size() < 4) {
      return error("needs the socket's whole path");
    }
    Place place;
    place.unix_socket = percent_decoded(target.substr(2));
    return place;
  }
  if (!target.starts_with("//")) {
    return error("needs two slashes and a host");
  }
  target.remove_prefix(2);
  while (target.ends_with('/')) {
    target.remove_suffix(1);
  }
  return host_and_port(target);
}

// DD_DOGSTATSD_URL: "udp://host:port" or "unix:///path" (Datadog's documentation, "DogStatsD", client variables).
Result<Place> place_from(Environment environment) {
  const std::string_view url = lookup(environment, "DD_DOGSTATSD_URL").value_or("");
  if (url.starts_with("unix:") || url.starts_with("udp:")) {
    const std::size_t colon = url.find(':');
    auto place = place_of(url.substr(colon + 1), url.starts_with("unix:"));
    return place ? place : error("DD_DOGSTATSD_URL: {}", place.failure().message);
  }
  if (!url.empty()) {
    return error("DD_DOGSTATSD_URL: it must begin with udp:// or unix://");
  }
  const std::string_view host = lookup(environment, "DD_AGENT_HOST").value_or("");
  const std::string_view port = lookup(environment, "DD_DOGSTATSD_PORT").value_or("");
  if (host.empty()) {
    return error("dogstatsd: without a host needs DD_DOGSTATSD_URL or DD_AGENT_HOST, and neither is set");
  }
  const bool v6 = host.find(':') != std::string_view::npos && !host.starts_with('[');
  auto place =
      host_and_port(fmt::format("{}{}{}{}{}", v6 ? "[" : "", host, v6 ? "]" : "", port.empty() ? "" : ":", port));
  return place ? place : error("DD_AGENT_HOST, DD_DOGSTATSD_PORT: {}", place.failure().message);
}

bool tagged(const Sink& sink) { return sink.scheme.starts_with("dogstatsd"); }
bool by_environment(const Sink& sink) { return sink.scheme == "dogstatsd" && without_fragment(sink.target).empty(); }

Result<void> check(const Sink& sink) {
  const SinkOptions options(sink.target);
  if (auto good = options.check(sink.shown, kOptions); !good) {
    return good;
  }
  if (!tagged(sink) && !options.get("tags").empty()) {
    return error("{}: StatsD has no tags; dogstatsd has", sink.shown);
  }
  if (by_environment(sink)) {
    return {};
  }
  const bool unix_socket = sink.scheme.ends_with("+unix");
  const auto place = place_of(sink.target, unix_socket);
  return place ? Result<void>()
               : error("{}: {}; write it like {}://{}", sink.shown, place.failure().message, sink.scheme,
                       unix_socket ? "/PATH/OF/THE/SOCKET" : "HOST[:PORT]");
}

// Letters, digits, _, - and dots; whatever else would end the name or begin another part of the line.
std::string name_part(std::string_view text, bool dots) {
  std::string name;
  for (const char c : text) {
    const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                      c == '-' || (dots && c == '.');
    name += good ? c : '_';
  }
  return name;
}

// A tag must not hold what ends it, a comma or a bar.
std::string tag_text(std::string_view text) {
  std::string tag = one_line(valid_utf8(text));
  for (char& c : tag) {
    if (c == ',' || c == '|') {
      c = '_';
    }
  }
  return std::string(first_bytes(tag, kMostTag));
}

// All lines of one event, packed into datagrams.
class Lines {
 public:
  Lines(const Sink& sink, const Event& event, Environment environment, Place place)
      : event_(event), place_(std::move(place)), tagged_(tagged(sink)) {
    const SinkOptions options(sink.target);
    prefix_ = name_part(options.get("prefix", kPrefix), true);
    const std::string job = report::job_name(event.report);
    if (!tagged_) {
      prefix_ += "." + name_part(job, false);
      return;
    }
    tag("job", job);
    tag("platform", text_at(event.report, "platform.name"));
    tag("env", lookup(environment, "DD_ENV").value_or(""));
    tag("service", lookup(environment, "DD_SERVICE").value_or(""));
    tag("version", lookup(environment, "DD_VERSION").value_or(""));
    // "Origin detection over UDP": by it the Agent knows the pod.
    tag("dd.internal.entity_id", lookup(environment, "DD_ENTITY_ID").value_or(""));
    for (const std::string& one : split(options.get("tags"), ",")) {
      tags_ += (tags_.empty() ? "" : ",") + tag_text(one);
    }
  }

  void metric(std::string_view name, std::string_view value, std::string_view type, std::string_view more_tags = {}) {
    std::string line = fmt::format("{}.{}:{}|{}", prefix_, name, value, type);
    if (tagged_) {
      line += fmt::format("|#{}{}{}", tags_, more_tags.empty() ? "" : ",", more_tags);
    }
    add(std::move(line));
  }

  void gauge(std::string_view name, std::string_view field) {
    if (const auto number = number_at(event_.report, field)) {
      metric(name, fmt::format("{}", *number), "g");
    }
  }

  // 0 is OK, 2 critical.
  void service_check(int status) {
    const std::string end = fmt::format("|#{}|m:", tags_);
    std::string line = fmt::format("_sc|{}.status|{}|d:{}", prefix_, status, seconds());
    if (const std::string host = text_at(event_.report, "platform.host"); !host.empty()) {
      line += "|h:" + tag_text(host);
    }
    line += end;
    const std::string message = one_line(valid_utf8(headline(event_)));
    line += first_bytes(message, room_after(line));
    add(std::move(line));
  }

  void happening(std::string_view alert_type) {
    const std::string title = one_line(std::string(first_bytes(valid_utf8(headline(event_)), kMostUdp / 4)));
    const std::string end =
        fmt::format("|d:{}|k:{}|t:{}|#{}", seconds(), tag_text(run_id(event_.report)), alert_type, tags_);
    const std::size_t around = std::string_view("_e{9999,9999}:|").size() + title.size() + end.size();
    const std::size_t limit = datagram_limit();
    std::string text = around < limit ? with_line_ends(message_with_tail(event_, limit - around), limit - around) : "";
    add(fmt::format("_e{{{},{}}}:{}|{}{}", title.size(), text.size(), title, text, end));
  }

  std::vector<Message> datagrams() && {
    if (!packed_.empty()) {
      flush();
    }
    return std::move(datagrams_);
  }

 private:
  std::size_t datagram_limit() const { return place_.unix_socket.empty() ? kMostUdp : kMostUnix; }
  std::size_t room_after(const std::string& line) const {
    return datagram_limit() - std::min(line.size(), datagram_limit());
  }
  std::int64_t seconds() const {
    return std::chrono::duration_cast<std::chrono::seconds>(event_.time.time_since_epoch()).count();
  }

  // Line ends are written \n; the text must fit when they are.
  static std::string with_line_ends(std::string_view text, std::size_t limit) {
    std::string escaped;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const std::string_view piece = text[i] == '\n' ? std::string_view("\\n") : text.substr(i, 1);
      if (escaped.size() + piece.size() > limit) {
        break;
      }
      escaped += piece;
    }
    return std::string(first_bytes(one_line(valid_utf8(escaped)), limit));
  }

  void tag(std::string_view key, std::string_view value) {
    if (!value.empty()) {
      tags_ += fmt::format("{}{}:{}", tags_.empty() ? "" : ",", key, tag_text(value));
    }
  }

  void add(std::string line) {
    if (!packed_.empty() && packed_.size() + 1 + line.size() > datagram_limit()) {
      flush();
    }
    packed_ += (packed_.empty() ? "" : "\n") + line;
  }

  void flush() {
    datagrams_.emplace_back(Datagram{place_.unix_socket, place_.host, place_.port, std::move(packed_)});
    packed_.clear();
  }

  const Event& event_;
  Place place_;
  bool tagged_;
  std::string prefix_;
  std::string tags_;
  std::string packed_;
  std::vector<Message> datagrams_;
};

void tell_ending(const Event& event, Lines& lines, bool dog) {
  const report::Document& report = event.report;
  const std::string cause = name_part(text_at(report, "outcome.cause"), false);
  if (dog) {
    lines.metric("ended", "1", "c", "cause:" + cause);
  } else {
    lines.metric("ended." + (cause.empty() ? "unknown" : cause), "1", "c");
  }
  if (const auto seconds = number_at(report, "times.duration_seconds")) {
    lines.metric("duration", fmt::format("{:.0f}", *seconds * 1000), "ms");
  }
  lines.gauge("exit_code", "outcome.exit_code");
  lines.gauge("peak_memory_bytes", "resources.peak_memory_bytes");
  lines.gauge("memory_limit_bytes", "resources.memory_limit_bytes");
  lines.gauge("cpu_user_seconds", "resources.cpu_user_seconds");
  lines.gauge("cpu_system_seconds", "resources.cpu_system_seconds");
  lines.gauge("oom_kills", "resources.oom_kills");
  if (dog) {
    lines.service_check(succeeded(report) ? 0 : 2);
    lines.happening(succeeded(report) ? "success" : "error");
  }
}

Result<std::vector<Message>> request_of(const Sink& sink, const Event& event, Environment environment) {
  auto place = by_environment(sink) ? place_from(environment) : place_of(sink.target, sink.scheme.ends_with("+unix"));
  if (!place) {
    return place.failure();
  }
  const bool dog = tagged(sink);
  Lines lines(sink, event, environment, std::move(*place));
  switch (event.kind) {
    case EventKind::started: lines.metric("started", "1", "c"); break;
    case EventKind::heartbeat: break;
    case EventKind::warning: lines.metric("warnings", "1", "c"); break;
    case EventKind::attempt_failed: lines.metric("failed_attempts", "1", "c"); break;
    case EventKind::finished: tell_ending(event, lines, dog); break;
  }
  if (dog && (event.kind == EventKind::warning || event.kind == EventKind::attempt_failed)) {
    lines.happening("warning");
  }
  lines.metric("running", event.kind == EventKind::finished ? "0" : "1", "g");
  return std::move(lines).datagrams();
}

}  // namespace

const SinkKind statsd_sink{
    .schemes = kSchemes, .events = kAllEvents, .usual = kAllEvents, .check = check, .request = request_of};

}  // namespace jobinit::deliver
