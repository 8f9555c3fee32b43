#include "jobinit/deliver/http.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <random>
#include <vector>

#include "jobinit/base/text.hpp"
#include "jobinit/deliver/ca.hpp"
#include "jobinit/deliver/signing.hpp"
#include "jobinit/report/version.hpp"

extern "C" char** environ;  // NOLINT

namespace jobinit::deliver {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostAnswer = 4096;  // of a server's answer; enough for its error message
constexpr std::size_t kShownAnswer = 200;
constexpr auto kFirstPause = 200ms;
constexpr auto kLongestPause = 5s;

struct Easy {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct Multi {
  void operator()(CURLM* handle) const { curl_multi_cleanup(handle); }
};
struct List {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

// One parcel, and the attempts at the message that is on its way.
struct Transfer {
  const Parcel* parcel = nullptr;
  std::size_t message = 0;
  std::unique_ptr<CURL, Easy> handle;
  std::unique_ptr<curl_slist, List> headers;
  std::string answer;
  std::string last_failure;
  char error[CURL_ERROR_SIZE] = {};
  int attempts = 0;
  Clock::time_point next_attempt;
  bool under_way = false;
  bool settled = false;
};

std::size_t keep_answer(char* data, std::size_t size, std::size_t count, void* into) {
  std::string& answer = *static_cast<std::string*>(into);
  const std::size_t bytes = size * count;
  answer.append(data, std::min(bytes, kMostAnswer - std::min(kMostAnswer, answer.size())));
  return bytes;
}

bool may_pass(CURLcode code, long status) {
  if (code == CURLE_OK) {
    return status == 408 || status == 429 || status >= 500;
  }
  // A certificate that is refused now is refused in a second; a malformed URL does not heal.
  return code != CURLE_PEER_FAILED_VERIFICATION && code != CURLE_URL_MALFORMAT && code != CURLE_UNSUPPORTED_PROTOCOL;
}

std::string describe(const Transfer& transfer, CURLcode code, long status) {
  if (code != CURLE_OK) {
    return transfer.error[0] != '\0' ? transfer.error : curl_easy_strerror(code);
  }
  std::string answer = valid_utf8(trim(transfer.answer).substr(0, kShownAnswer));
  std::replace(answer.begin(), answer.end(), '\n', ' ');
  return answer.empty() ? fmt::format("HTTP status {}", status) : fmt::format("HTTP status {}: {}", status, answer);
}

class Sender {
 public:
  Sender(std::span<const Parcel> parcels, Duration timeout, const std::function<void(const Sent&)>& on_sent)
      : deadline_(Clock::now() + timeout),
        on_sent_(on_sent),
        multi_(curl_multi_init()),
        random_(std::random_device{}()) {
    std::vector<std::string> environment;
    for (char** entry = environ; *entry != nullptr; ++entry) {
      environment.emplace_back(*entry);
    }
    trust_ = find_trust_store(environment);
    transfers_.resize(parcels.size());
    for (std::size_t i = 0; i < parcels.size(); ++i) {
      transfers_[i].parcel = &parcels[i];
      transfers_[i].next_attempt = Clock::now();
    }
  }

  ~Sender() {
    for (Transfer& transfer : transfers_) {
      detach(transfer);
    }
  }
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  void run() {
    for (std::size_t i = 0; i < transfers_.size(); ++i) {
      if (transfers_[i].parcel->messages.empty()) {
        settle(i, true, "");
      }
    }
    while (unsettled() && Clock::now() < deadline_) {
      start_due();
      int running = 0;
      curl_multi_perform(multi_.get(), &running);
      collect();
      if (!unsettled()) {
        return;
      }
      curl_multi_poll(multi_.get(), nullptr, 0, static_cast<int>(pause().count()), nullptr);
    }
    for (std::size_t i = 0; i < transfers_.size(); ++i) {
      if (!transfers_[i].settled) {
        settle(i, false, late(transfers_[i]));
      }
    }
  }

 private:
  bool unsettled() const {
    return std::any_of(transfers_.begin(), transfers_.end(), [](const Transfer& one) { return !one.settled; });
  }

  static std::string late(const Transfer& transfer) {
    if (transfer.last_failure.empty()) {
      return "no answer in time";
    }
    return fmt::format("{} ({} attempt{})", transfer.last_failure, transfer.attempts,
                       transfer.attempts == 1 ? "" : "s");
  }

  // Until the next thing to do, a new attempt or the deadline; curl's own timers wake the poll earlier.
  std::chrono::milliseconds pause() const {
    Clock::time_point until = deadline_;
    for (const Transfer& transfer : transfers_) {
      if (!transfer.settled && !transfer.under_way) {
        until = std::min(until, transfer.next_attempt);
      }
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now());
    return std::clamp<std::chrono::milliseconds>(left, 1ms, 1s);
  }

  void start_due() {
    const auto now = Clock::now();
    for (Transfer& transfer : transfers_) {
      if (!transfer.settled && !transfer.under_way && transfer.next_attempt <= now) {
        start(transfer);
      }
    }
  }

  void start(Transfer& transfer) {
    const Message& message = transfer.parcel->messages[transfer.message];
    if (!std::holds_alternative<HttpRequest>(message)) {
      settle(static_cast<std::size_t>(&transfer - transfers_.data()), false, "no datagrams can be sent yet");
      return;
    }
    if (!transfer.handle) {
      if (const auto good = prepare(transfer, std::get<HttpRequest>(message)); !good) {
        settle(static_cast<std::size_t>(&transfer - transfers_.data()), false, good.failure().message);
        return;
      }
    }
    ++transfer.attempts;
    transfer.answer.clear();
    transfer.error[0] = '\0';
    transfer.under_way = true;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now());
    curl_easy_setopt(transfer.handle.get(), CURLOPT_TIMEOUT_MS,
                     static_cast<long>(std::max<std::int64_t>(left.count(), 1)));
    curl_multi_add_handle(multi_.get(), transfer.handle.get());
  }

  Result<void> prepare(Transfer& transfer, const HttpRequest& request) const {
    const auto signature = signature_headers(request, std::chrono::system_clock::now());
    if (!signature) {
      return signature.failure();
    }
    CURL* handle = curl_easy_init();
    transfer.handle.reset(handle);
    curl_slist* headers = nullptr;
    for (const auto& [name, value] : request.headers) {
      headers = curl_slist_append(headers, fmt::format("{}: {}", name, value).c_str());
    }
    for (const auto& [name, value] : *signature) {
      headers = curl_slist_append(headers, fmt::format("{}: {}", name, value).c_str());
    }
    headers = curl_slist_append(headers, "Expect:");  // no round trip to ask whether the body is welcome
    transfer.headers.reset(headers);
    curl_easy_setopt(handle, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request.body.data());
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(handle, CURLOPT_USERAGENT, fmt::format("jobinit/{}", report::kVersion).c_str());
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, keep_answer);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, &transfer.answer);
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, static_cast<char*>(transfer.error));
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_PRIVATE, &transfer);
    curl_easy_setopt(handle, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!trust_.file.empty()) {
      curl_easy_setopt(handle, CURLOPT_CAINFO, trust_.file.c_str());
    }
    if (!trust_.folder.empty()) {
      curl_easy_setopt(handle, CURLOPT_CAPATH, trust_.folder.c_str());
    }
    if (trust_.embedded) {
      const std::string_view bundle = embedded_bundle();
      curl_blob blob{const_cast<char*>(bundle.data()), bundle.size(), CURL_BLOB_NOCOPY};
      curl_easy_setopt(handle, CURLOPT_CAINFO_BLOB, &blob);
    }
    return {};
  }

  void collect() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
      if (message->msg != CURLMSG_DONE) {
        continue;
      }
      Transfer* transfer = nullptr;
      long status = 0;
      const CURLcode code = message->data.result;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
      curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &status);
      detach(*transfer);
      conclude(*transfer, code, status);
    }
  }

  void detach(Transfer& transfer) {
    if (!transfer.under_way) {
      return;
    }
    curl_multi_remove_handle(multi_.get(), transfer.handle.get());
    transfer.under_way = false;
  }

  static Result<void> judge(const Transfer& transfer) {
    const auto* request = std::get_if<HttpRequest>(&transfer.parcel->messages[transfer.message]);
    return request != nullptr && request->judge != nullptr ? request->judge(transfer.answer) : Result<void>();
  }

  void conclude(Transfer& transfer, CURLcode code, long status) {
    const auto index = static_cast<std::size_t>(&transfer - transfers_.data());
    if (code == CURLE_OK && status >= 200 && status < 300) {
      if (const auto good = judge(transfer); !good) {
        return settle(index, false, good.failure().message);
      }
      if (++transfer.message == transfer.parcel->messages.size()) {
        return settle(index, true, "");
      }
      transfer.handle.reset();
      transfer.attempts = 0;
      transfer.next_attempt = Clock::now();
      return;
    }
    transfer.last_failure = describe(transfer, code, status);
    // Full jitter: a gateway that comes back must not meet every job of the hour at the same moment.
    auto longest = std::min<Clock::duration>(kFirstPause * (1U << std::min(transfer.attempts, 10)), kLongestPause);
    std::uniform_int_distribution<std::int64_t> any(longest.count() / 2, longest.count());
    transfer.next_attempt = Clock::now() + Clock::duration(any(random_));
    if (!may_pass(code, status) || transfer.next_attempt >= deadline_) {
      settle(index, false, late(transfer));
    }
  }

  void settle(std::size_t index, bool ok, const std::string& detail) {
    transfers_[index].settled = true;
    on_sent_({index, ok, detail});
  }

  Clock::time_point deadline_;
  const std::function<void(const Sent&)>& on_sent_;
  std::unique_ptr<CURLM, Multi> multi_;
  std::vector<Transfer> transfers_;
  TrustStore trust_;
  std::minstd_rand random_;
};

}  // namespace

void send_all(std::span<const Parcel> parcels, Duration timeout, const std::function<void(const Sent&)>& on_sent) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  Sender(parcels, timeout, on_sent).run();
  curl_global_cleanup();
}

}  // namespace jobinit::deliver
