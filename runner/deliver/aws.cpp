#include "jobinit/deliver/aws.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "jobinit/base/environment.hpp"
#include "jobinit/base/text.hpp"

namespace jobinit::deliver {
namespace {

// Amazon ECS Developer Guide, "Task IAM role": a path on this address.
constexpr std::string_view kEcsAddress = "http://169.254.170.2";
constexpr std::size_t kLongestToken = 64 * 1024;

std::string value_of(Environment environment, std::string_view name) {
  return std::string(lookup(environment, name).value_or(""));
}

// The SDKs' rule for AWS_CONTAINER_CREDENTIALS_FULL_URI ("Container credential provider"): https, or an address that
// does not leave the machine: loopback, ECS' and EKS'.
bool may_be_asked(std::string_view uri) {
  if (uri.starts_with("https://")) {
    return true;
  }
  static constexpr std::string_view http = "http://";
  static constexpr std::array<std::string_view, 6> near{"localhost",     "127.0.0.1",      "[::1]",
                                                        "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"};
  if (!uri.starts_with(http)) {
    return false;
  }
  uri.remove_prefix(http.size());
  const std::string_view authority = uri.substr(0, std::min(uri.find_first_of("/?#"), uri.size()));
  return std::any_of(near.begin(), near.end(), [&](std::string_view host) {
    return authority.starts_with(host) && (authority.size() == host.size() || authority[host.size()] == ':') &&
           authority.find('@') == std::string_view::npos;
  });
}

}  // namespace

std::optional<AwsCredentials> aws_credentials_of(Environment environment) {
  AwsCredentials credentials{value_of(environment, "AWS_ACCESS_KEY_ID"), value_of(environment, "AWS_SECRET_ACCESS_KEY"),
                             value_of(environment, "AWS_SESSION_TOKEN")};
  if (credentials.access_key.empty() || credentials.secret_key.empty()) {
    return std::nullopt;
  }
  return credentials;
}

Result<HttpRequest> aws_credentials_request(Environment environment, const kernel::Root& root) {
  HttpRequest request;
  request.method = "GET";
  const std::string relative = value_of(environment, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  const std::string full = value_of(environment, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (relative.starts_with('/')) {
    request.url = std::string(kEcsAddress) + relative;
    return request;
  }
  if (full.empty()) {
    return error(
        "no AWS credentials: neither AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY nor "
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI is set");
  }
  if (!may_be_asked(full)) {
    return error("AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor an address of this machine");
  }
  request.url = full;
  std::string token = value_of(environment, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
  if (const std::string file = value_of(environment, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); !file.empty()) {
    auto content = kernel::read_file(root(file), kLongestToken);
    if (!content) {
      return error("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: {}", content.failure().message);
    }
    token = std::string(trim(*content));
  }
  if (token.find_first_of("\r\n") != std::string::npos) {
    return error("the authorization token for AWS credentials has a line break in it");
  }
  if (!token.empty()) {
    request.headers.emplace_back("Authorization", token);
  }
  return request;
}

Result<AwsCredentials> parse_aws_credentials(std::string_view answer) {
  const auto document = nlohmann::json::parse(answer, nullptr, false);
  const auto text = [&](const char* key) {
    const auto found = document.is_object() ? document.find(key) : document.end();
    return document.is_object() && found != document.end() && found->is_string() ? found->get<std::string>()
                                                                                 : std::string();
  };
  AwsCredentials credentials{text("AccessKeyId"), text("SecretAccessKey"), text("Token")};
  if (credentials.access_key.empty() || credentials.secret_key.empty()) {
    return error("the container's credentials endpoint gave no AccessKeyId and SecretAccessKey");
  }
  return credentials;
}

}  // namespace jobinit::deliver
