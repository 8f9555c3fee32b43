// What the sinks that call AWS' APIs share: where a service is, and its requests. Signing is the sender's.
#pragma once

#include <string>
#include <string_view>

#include "jobinit/deliver/event.hpp"
#include "jobinit/deliver/sink.hpp"
#include "urls.hpp"

namespace jobinit::deliver {

struct AwsService {
  std::string_view name;             // as it is signed, and in its host: "states"
  std::string_view endpoint_suffix;  // of AWS_ENDPOINT_URL_...: "SFN" (AWS SDKs and Tools Reference Guide)
};

// `region`: empty, for AWS_REGION or AWS_DEFAULT_REGION. Errors: none of them is set.
// The request has its URL, content type and signature; the rest is the caller's.
Result<HttpRequest> aws_request(const AwsService& service, std::string_view region, std::string_view content_type,
                                Environment environment);

// The report as JSON, without the tail if it would be longer than that, and without all but its outcome if it still
// would.
std::string report_within(const report::Document& report, std::size_t limit);

}  // namespace jobinit::deliver
