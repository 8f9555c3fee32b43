// pushgateway+http(s)://HOST[:PORT][/LABEL/VALUE...], metrics to a Prometheus Pushgateway.
// Pushgateway's README, "API": /metrics/job/<job>{/<label>/<value>}; POST replaces only metrics of the same name in the
// group, so that the time of the last success outlives a failure.
#include <array>
#include <nlohmann/json.hpp>

#include "jobinit/base/text.hpp"
#include "jobinit/report/metrics.hpp"
#include "registry.hpp"

namespace jobinit::deliver {
namespace {

constexpr std::array<std::string_view, 2> kSchemes{"pushgateway+http", "pushgateway+https"};

bool unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

std::string percent_encoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    encoded += unreserved(c) ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return encoded;
}

// RFC 4648, section 5 (URL-safe alphabet), padded; the README writes an empty value as a single "=".
std::string base64_url(std::string_view text) {
  static constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  if (text.empty()) {
    return "=";
  }
  std::string encoded;
  for (std::size_t i = 0; i < text.size(); i += 3) {
    const std::string_view three = text.substr(i, 3);
    std::uint32_t bits = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      bits = bits << 8U | (j < three.size() ? static_cast<unsigned char>(three[j]) : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      encoded += j <= three.size() ? alphabet[bits >> (18 - 6 * j) & 63U] : '=';
    }
  }
  return encoded;
}

std::string label_path(std::string_view label, std::string_view value) {
  // "." and ".." would be taken out of the path on the way (RFC 3986, 5.2.4).
  return value.empty() || value == "." || value == ".." || value.find('/') != std::string_view::npos
             ? fmt::format("/{}@base64/{}", label, base64_url(value))
             : fmt::format("/{}/{}", label, percent_encoded(value));
}

bool good_label(std::string_view label) {
  const std::string_view name = label.ends_with("@base64") ? label.substr(0, label.size() - 7) : label;
  for (const char c : name) {
    if (c != '_' && (!unreserved(c) || c == '-' || c == '.' || c == '~')) {
      return false;
    }
  }
  return !name.empty() && !(name.front() >= '0' && name.front() <= '9');
}

struct Parts {
  std::string base;    // "http://user@host:9091"
  std::string labels;  // "/region/eu", as the user wrote it; empty: none
};

Parts split_url(const Sink& sink) {
  const std::string url = sink.url();
  const std::size_t path = url.find('/', url.find("://") + 3);
  if (path == std::string::npos) {
    return {url, ""};
  }
  std::string labels = url.substr(path);
  while (labels.ends_with('/')) {
    labels.pop_back();
  }
  return {url.substr(0, path), labels};
}

Result<void> check(const Sink& sink) {
  if (auto good = check_http_url(sink); !good) {
    return good;
  }
  if (sink.target.find_first_of("?#") != std::string::npos) {
    return error("{}: a query has no meaning here", sink.shown);
  }
  const auto parts = split(split_url(sink).labels, "/");
  if (parts.size() % 2 != 0) {
    return error("{}: the path must be pairs of /LABEL/VALUE", sink.shown);
  }
  for (std::size_t i = 0; i < parts.size(); i += 2) {
    if (parts[i] == "job") {
      return error("{}: the job label is the job's name; set it with --name", sink.shown);
    }
    if (!good_label(parts[i])) {
      return error("{}: \"{}\" is not a label name", sink.shown, parts[i]);
    }
  }
  return {};
}

Result<std::vector<Message>> request(const Sink& sink, const Event& event, Environment /*environment*/) {
  const Parts parts = split_url(sink);
  HttpRequest request;
  request.url = parts.base + "/metrics" + label_path("job", report::job_name(event.report)) + parts.labels;
  request.headers = {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}};
  request.body = report::prometheus_text(event.report, /*with_job_label=*/false);
  return std::vector<Message>{std::move(request)};
}

}  // namespace

const SinkKind pushgateway_sink{
    .schemes = kSchemes, .events = kAllEvents, .usual = kAllEvents, .check = check, .request = request};

}  // namespace jobinit::deliver
