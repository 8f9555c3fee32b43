#include "exchange.hpp"

#include <algorithm>
#include <new>

#include "jobinit/base/text.hpp"
#include "jobinit/deliver/retry.hpp"
#include "jobinit/report/version.hpp"
#include "sinks/encode.hpp"

namespace jobinit::deliver {
namespace {

constexpr std::size_t kKeptAnswer = 16 * 1024;   // of a server's answer; enough for its error message, or credentials
constexpr std::size_t kMostAnswer = 256 * 1024;  // what is longer is cut off: nobody reads it
constexpr std::size_t kShownAnswer = 200;
constexpr int kMostRedirects = 5;

// What is refused now is refused in a second: a certificate, a malformed URL, a file of ours that is not there.
bool is_final(CURLcode code) {
  return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL ||
         code == CURLE_SSL_CACERT_BADFILE || code == CURLE_SSL_CERTPROBLEM || code == CURLE_BAD_FUNCTION_ARGUMENT;
}

std::string shown_answer(std::string_view text) { return one_line(valid_utf8(trim(text).substr(0, kShownAnswer))); }

}  // namespace

std::size_t Exchange::take_answer(char* data, std::size_t size, std::size_t count, void* self) {
  Exchange& exchange = *static_cast<Exchange*>(self);
  const std::size_t bytes = size * count;
  exchange.answer_.append(data, std::min(bytes, kKeptAnswer - std::min(kKeptAnswer, exchange.answer_.size())));
  exchange.answered_ += bytes;
  return exchange.answered_ <= kMostAnswer ? bytes : 0;
}

Exchange::Exchange(const HttpRequest& request, const Headers& more, const std::string& idempotency_key,
                   const ExchangeOptions& options, const std::optional<AwsCredentials>& aws)
    : handle_(curl_easy_init()), url_(request.url), secrets_(secrets_of(request)) {
  if (!handle_) {
    throw std::bad_alloc();
  }
  CURL* handle = handle_.get();
  if (const auto socket = unix_socket_of(request.url, url_)) {
    curl_easy_setopt(handle, CURLOPT_UNIX_SOCKET_PATH, socket->c_str());
    curl_easy_setopt(handle, CURLOPT_PROXY, "");
  }
  curl_easy_setopt(handle, CURLOPT_URL, url_.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  set_method(request);
  set_headers(request, idempotency_key);
  for (const auto& [name, value] : more) {
    add_header(name, value);
  }
  if (request.aws) {
    sign(*request.aws, aws);
  }
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers_.get());
  if (request.basic_auth) {
    curl_easy_setopt(handle, CURLOPT_USERNAME, request.basic_auth->user.c_str());
    curl_easy_setopt(handle, CURLOPT_PASSWORD, request.basic_auth->password.c_str());
  }
  curl_easy_setopt(handle, CURLOPT_USERAGENT, fmt::format("jobinit/{}", report::kVersion).c_str());
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_answer);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, static_cast<char*>(error_));
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  set_tls(options);
}

void Exchange::add_header(const std::string& name, const std::string& value) {
  // A line break would begin a header of its own; "Name;" is how libcurl is told of an empty one.
  std::string line = value.empty() ? name + ";" : fmt::format("{}: {}", name, value);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c == '\r' || c == '\n'; }, ' ');
  curl_slist* const longer = curl_slist_append(headers_.get(), line.c_str());
  if (longer == nullptr) {
    throw std::bad_alloc();
  }
  static_cast<void>(headers_.release());
  headers_.reset(longer);
}

void Exchange::set_headers(const HttpRequest& request, const std::string& idempotency_key) {
  bool has_key = request.method == "GET" || request.method == "HEAD" || idempotency_key.empty();
  for (const auto& [name, value] : request.headers) {
    has_key = has_key || name == "Idempotency-Key";
    add_header(name, value);
  }
  if (!has_key) {  // draft-ietf-httpapi-idempotency-key-header, 2.1: a string of RFC 8941
    add_header("Idempotency-Key", fmt::format("\"{}\"", idempotency_key));
  }
  // No round trip to ask whether the body is welcome. libcurl 7.88 would sign this header, which is not sent; it asks
  // for bodies of more than 1 MiB only, and AWS takes none of those.
  if (!request.aws) {
    headers_.reset(curl_slist_append(headers_.release(), "Expect:"));
  }
}

void Exchange::set_method(const HttpRequest& request) {
  CURL* handle = handle_.get();
  if (request.method == "HEAD") {
    curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
    return;
  }
  curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  if (request.method != "GET" || !request.body.empty()) {
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request.body.data());
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  }
}

void Exchange::set_tls(const ExchangeOptions& options) {
  CURL* handle = handle_.get();
  curl_easy_setopt(handle, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  const TrustStore& trust = options.trust;
  if (!options.tls.authorities.empty()) {
    curl_easy_setopt(handle, CURLOPT_CAINFO, options.tls.authorities.c_str());
  } else if (trust.embedded) {
    const std::string_view bundle = embedded_bundle();
    curl_blob blob{const_cast<char*>(bundle.data()), bundle.size(), CURL_BLOB_NOCOPY};
    curl_easy_setopt(handle, CURLOPT_CAINFO_BLOB, &blob);
  } else {
    if (!trust.file.empty()) {
      curl_easy_setopt(handle, CURLOPT_CAINFO, trust.file.c_str());
    }
    if (!trust.folder.empty()) {
      curl_easy_setopt(handle, CURLOPT_CAPATH, trust.folder.c_str());
    }
  }
  if (!options.tls.certificate.empty()) {
    const std::string& key = options.tls.certificate_key;
    curl_easy_setopt(handle, CURLOPT_SSLCERT, options.tls.certificate.c_str());
    curl_easy_setopt(handle, CURLOPT_SSLKEY, key.empty() ? options.tls.certificate.c_str() : key.c_str());
  }
}

// Signed anew by libcurl at each try, with the time of that.
void Exchange::sign(const AwsSignature& signature, const std::optional<AwsCredentials>& credentials) {
  if (!credentials) {
    return;
  }
  CURL* handle = handle_.get();
  curl_easy_setopt(handle, CURLOPT_AWS_SIGV4,
                   fmt::format("aws:amz:{}:{}", signature.region, signature.service).c_str());
  curl_easy_setopt(handle, CURLOPT_USERNAME, credentials->access_key.c_str());
  curl_easy_setopt(handle, CURLOPT_PASSWORD, credentials->secret_key.c_str());
  secrets_.push_back(credentials->secret_key);
  if (!credentials->session_token.empty()) {
    add_header("X-Amz-Security-Token", credentials->session_token);
    secrets_.push_back(credentials->session_token);
  }
}

void Exchange::prepare(Duration time) {
  answer_.clear();
  answered_ = 0;
  error_[0] = '\0';
  const auto whole = std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
  curl_easy_setopt(handle_.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<std::int64_t>(whole, 1)));
}

std::string Exchange::describe(CURLcode code, long status) const {
  if (status < 200) {
    const std::string why = error_[0] != '\0' ? error_ : curl_easy_strerror(code);
    return conceal(valid_utf8(why), secrets_);
  }
  const std::string answer = conceal(shown_answer(answer_), secrets_);
  return answer.empty() ? fmt::format("HTTP status {}", status) : fmt::format("HTTP status {}: {}", status, answer);
}

Exchange::Ending Exchange::follow(Ending ending) {
  char* to = nullptr;
  curl_easy_getinfo(handle_.get(), CURLINFO_REDIRECT_URL, &to);
  if (to == nullptr) {
    return ending;
  }
  if (!may_follow(url_, to)) {
    ending.detail = fmt::format(
        "HTTP status {}: it redirects to another place, where what is meant for this one is not sent", ending.status);
    return ending;
  }
  if (++redirects_ > kMostRedirects) {
    ending.detail = fmt::format("HTTP status {}: redirected {} times", ending.status, kMostRedirects);
    return ending;
  }
  url_ = to;
  curl_easy_setopt(handle_.get(), CURLOPT_URL, url_.c_str());
  if (ending.status == 303) {  // RFC 9110, 15.4.4: what was sent has been taken, and the answer is there
    curl_easy_setopt(handle_.get(), CURLOPT_CUSTOMREQUEST, nullptr);
    curl_easy_setopt(handle_.get(), CURLOPT_HTTPGET, 1L);
  }
  ending.redirected = true;
  return ending;
}

Exchange::Ending Exchange::conclude(CURLcode code) {
  long status = 0;
  curl_off_t retry_after = 0;
  curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(handle_.get(), CURLINFO_RETRY_AFTER, &retry_after);
  Ending ending;
  ending.status = static_cast<int>(status);
  // The status is what counts: a body that is cut off, hangs or never ends takes nothing back.
  ending.arrived = status >= 200 && status < 300;
  if (ending.arrived) {
    return ending;
  }
  ending.detail = describe(code, status);
  if (status >= 300 && status < 400) {
    return follow(std::move(ending));
  }
  ending.may_pass = status >= 200 ? may_pass(status) : !is_final(code);
  if (retry_after > 0 && ending.may_pass) {
    ending.retry_after = std::chrono::seconds(std::min<curl_off_t>(retry_after, 24 * 3600));
  }
  return ending;
}

}  // namespace jobinit::deliver
