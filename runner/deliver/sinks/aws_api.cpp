#include "aws_api.hpp"

#include <nlohmann/json.hpp>

#include "encode.hpp"
#include "facts.hpp"
#include "jobinit/base/environment.hpp"
#include "jobinit/base/text.hpp"
#include "jobinit/report/metrics.hpp"

namespace jobinit::deliver {
namespace {

std::string_view value_of(Environment environment, std::string_view name) {
  return trim(lookup(environment, name).value_or(""));
}

// "Service-specific endpoints": the service's own variable, then the one for all.
std::string_view configured_endpoint(const AwsService& service, Environment environment) {
  if (value_of(environment, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") == "true") {
    return {};
  }
  const std::string_view own = value_of(environment, fmt::format("AWS_ENDPOINT_URL_{}", service.endpoint_suffix));
  return own.empty() ? value_of(environment, "AWS_ENDPOINT_URL") : own;
}

}  // namespace

Result<HttpRequest> aws_request(const AwsService& service, std::string_view region, std::string_view content_type,
                                Environment environment) {
  for (const std::string_view name : {"AWS_REGION", "AWS_DEFAULT_REGION"}) {
    region = region.empty() ? value_of(environment, name) : region;
  }
  if (region.empty()) {
    return error("which AWS region? Set AWS_REGION, or write #region=... behind the sink");
  }
  const std::string_view domain = region.starts_with("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
  const std::string_view configured = configured_endpoint(service, environment);
  HttpRequest request;
  request.url = configured.empty() ? fmt::format("https://{}.{}.{}/", service.name, region, domain)
                                   : std::string(configured) + (configured.ends_with('/') ? "" : "/");
  request.headers = {{"Content-Type", std::string(content_type)}};
  request.aws = AwsSignature{std::string(service.name), std::string(region)};
  return request;
}

std::string report_within(const report::Document& report, std::size_t limit) {
  const auto as_json = [](const report::Document& document) {
    return document.dump(-1, ' ', false, report::Document::error_handler_t::replace);
  };
  std::string whole = as_json(report);
  if (whole.size() <= limit) {
    return whole;
  }
  report::Document shorter = report;
  if (find(shorter, "logs.tail") != nullptr) {
    shorter["logs"]["tail"] = "";
    shorter["logs"]["tail_truncated"] = true;
  }
  if (whole = as_json(shorter); whole.size() <= limit) {
    return whole;
  }
  report::Document least;
  least["run_id"] = run_id(report);
  least["job"]["name"] = std::string(first_bytes(valid_utf8(report::job_name(report)), limit / 8));
  least["outcome"]["cause"] = text_at(report, "outcome.cause");
  least["outcome"]["success"] = succeeded(report);
  if (const auto code = integer_at(report, "outcome.exit_code")) {
    least["outcome"]["exit_code"] = *code;
  }
  return as_json(least);
}

}  // namespace jobinit::deliver
