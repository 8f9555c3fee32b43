// One HTTP request on its way, as libcurl sees it.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "jobinit/deliver/aws.hpp"
#include "jobinit/deliver/ca.hpp"
#include "jobinit/deliver/http.hpp"
#include "jobinit/deliver/signing.hpp"

namespace jobinit::deliver {

// What all requests share.
struct ExchangeOptions {
  TrustStore trust;
  TlsFiles tls;
};

class Exchange {
 public:
  // `request` outlives this; `more` goes with its headers. Throws std::bad_alloc.
  Exchange(const HttpRequest& request, const Headers& more, const std::string& idempotency_key,
           const ExchangeOptions& options, const std::optional<AwsCredentials>& aws);

  CURL* handle() const { return handle_.get(); }
  // Before each try, which may take this long.
  void prepare(Duration time);

  // Once libcurl is done with it.
  struct Ending {
    bool arrived = false;     // a 2xx status
    bool may_pass = false;    // it is worth another try
    bool redirected = false;  // to where it may go: to be sent on at once
    int status = 0;
    std::optional<Duration> retry_after;
    std::string detail;  // why it has not arrived
  };
  Ending conclude(CURLcode code);
  // The start of the answer's body.
  const std::string& answer() const { return answer_; }

 private:
  struct Easy {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  };
  struct List {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  };

  static std::size_t take_answer(char* data, std::size_t size, std::size_t count, void* self);
  void add_header(const std::string& name, const std::string& value);
  void set_headers(const HttpRequest& request, const std::string& idempotency_key);
  void set_method(const HttpRequest& request);
  void set_tls(const ExchangeOptions& options);
  void sign(const AwsSignature& signature, const std::optional<AwsCredentials>& credentials);
  Ending follow(Ending ending);
  std::string describe(CURLcode code, long status) const;

  std::unique_ptr<CURL, Easy> handle_;
  std::unique_ptr<curl_slist, List> headers_;
  std::string url_;  // where it goes now
  std::string answer_;
  std::size_t answered_ = 0;  // bytes of the body so far
  int redirects_ = 0;
  std::vector<std::string> secrets_;
  char error_[CURL_ERROR_SIZE] = {};
};

}  // namespace jobinit::deliver
