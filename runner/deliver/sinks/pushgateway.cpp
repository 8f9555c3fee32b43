// pushgateway+http(s)://HOST[:PORT][/LABEL/VALUE...][#method=put&delete=success], metrics to a Prometheus Pushgateway.
// Pushgateway's README, "API": /metrics/job/<job>{/<label>/<value>}; POST replaces only metrics of the same name in the
// group, so that the time of the last success outlives a failure; PUT replaces the group; DELETE takes it away.
#include <array>
#include <nlohmann/json.hpp>

#include "encode.hpp"
#include "facts.hpp"
#include "jobinit/base/percent.hpp"
#include "jobinit/base/text.hpp"
#include "jobinit/report/metrics.hpp"
#include "registry.hpp"
#include "urls.hpp"

namespace jobinit::deliver {
namespace {

constexpr std::array<std::string_view, 2> kSchemes{"pushgateway+http", "pushgateway+https"};

constexpr std::array<std::string_view, 2> kOptions{"method", "delete"};

std::string label_path(std::string_view label, std::string_view value) {
  // "." and ".." would be taken out of the path on the way (RFC 3986, 5.2.4).
  if (value.empty()) {
    return fmt::format("/{}@base64/=", label);  // so the README
  }
  return value == "." || value == ".." || value.find('/') != std::string_view::npos
             ? fmt::format("/{}@base64/{}", label, base64_url(value))
             : fmt::format("/{}/{}", label, percent_encoded(value));
}

bool good_label(std::string_view label) {
  const std::string_view name = label.ends_with("@base64") ? label.substr(0, label.size() - 7) : label;
  for (const char c : name) {
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_')) {
      return false;
    }
  }
  return !name.empty() && !(name.front() >= '0' && name.front() <= '9');
}

Result<void> check_options(const Sink& sink) {
  const SinkOptions options(sink.target);
  const std::string_view method = options.get("method", "post");
  if (method != "post" && method != "put") {
    return error("{}: the method is post or put", sink.shown);
  }
  if (const std::string_view when = options.get("delete", "never"); when != "never" && when != "success") {
    return error("{}: delete is never or success", sink.shown);
  }
  return options.check(sink.shown, kOptions);
}

Result<void> check(const Sink& sink) {
  if (auto good = check_http_url(sink); !good) {
    return good;
  }
  const UrlParts url = url_parts(sink.url());
  if (!url.query.empty()) {
    return error("{}: a query has no meaning here", sink.shown);
  }
  if (auto good = check_options(sink); !good) {
    return good;
  }
  const auto parts = split(url.path, "/");
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
  const SinkOptions options(sink.target);
  UrlParts url = url_parts(sink.url());
  while (url.path.ends_with('/')) {
    url.path.pop_back();
  }
  HttpRequest request;
  request.url = url.origin + "/metrics" + label_path("job", report::job_name(event.report)) + url.path;
  const bool over = event.kind == EventKind::finished;
  if (over && succeeded(event.report) && options.get("delete") == "success") {
    request.method = "DELETE";
    return std::vector<Message>{std::move(request)};
  }
  // That it runs must not take away what is known of the run before.
  request.method = over && options.get("method") == "put" ? "PUT" : "POST";
  request.headers = {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}};
  request.body = report::prometheus_text(event.report, /*with_job_label=*/false);
  return std::vector<Message>{std::move(request)};
}

}  // namespace

const SinkKind pushgateway_sink{
    .schemes = kSchemes, .events = kAllEvents, .usual = kAllEvents, .check = check, .request = request};

}  // namespace jobinit::deliver
