#include "jobinit/deliver/http.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <random>
#include <vector>

#include "datagram.hpp"
#include "exchange.hpp"
#include "jobinit/base/text.hpp"
#include "jobinit/deliver/aws.hpp"
#include "jobinit/deliver/ca.hpp"
#include "jobinit/deliver/retry.hpp"
#include "jobinit/deliver/signing.hpp"

namespace jobinit::deliver {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

struct Multi {
  void operator()(CURLM* handle) const { curl_multi_cleanup(handle); }
};

// One parcel, and the tries at the message that is on its way.
struct Transfer {
  const Parcel* parcel = nullptr;
  std::size_t message = 0;
  std::unique_ptr<Exchange> exchange;
  std::unique_ptr<Lookup> lookup;
  std::string last_failure;
  int status = 0;
  int tries = 0;
  Clock::time_point began;
  Clock::time_point next_try;
  bool under_way = false;
  bool settled = false;

  const Message& current() const { return parcel->messages[message]; }
};

class Sender {
 public:
  Sender(std::span<const Parcel> parcels, const SendOptions& options, const std::function<void(const Sent&)>& on_sent)
      : deadline_(Clock::now() + options.timeout),
        options_(options),
        on_sent_(on_sent),
        multi_(curl_multi_init()),
        shared_{find_trust_store(options.environment), options.tls},
        aws_(aws_credentials_of(options.environment)),
        random_(std::random_device{}()) {
    transfers_.resize(parcels.size());
    for (std::size_t i = 0; i < parcels.size(); ++i) {
      begin(transfers_[i], parcels[i]);
    }
    if (!aws_ && std::any_of(parcels.begin(), parcels.end(), has_aws_request)) {
      ask_for_aws_credentials();
    }
  }

  ~Sender() {
    for (Transfer& transfer : transfers_) {
      detach(transfer);
    }
    detach(credentials_);
  }
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  void run() {
    for (Transfer& transfer : transfers_) {
      if (transfer.parcel->messages.empty()) {
        settle(transfer, true, "");
      }
    }
    while (unsettled() && Clock::now() < deadline_) {
      start_due();
      int running = 0;
      curl_multi_perform(multi_.get(), &running);
      collect();
      advance_lookups();
      if (unsettled()) {
        wait();
      }
    }
    for (Transfer& transfer : transfers_) {
      if (!transfer.settled) {
        settle(transfer, false, late(transfer));
      }
    }
  }

 private:
  static void begin(Transfer& transfer, const Parcel& parcel) {
    transfer.parcel = &parcel;
    transfer.began = transfer.next_try = Clock::now();
  }

  static bool needs_aws(const Message& message) {
    const auto* request = std::get_if<HttpRequest>(&message);
    return request != nullptr && request->aws.has_value();
  }
  static bool has_aws_request(const Parcel& parcel) {
    return std::any_of(parcel.messages.begin(), parcel.messages.end(), needs_aws);
  }

  // A parcel of our own, before all those that need its answer.
  void ask_for_aws_credentials() {
    auto request = aws_credentials_request(options_.environment);
    if (!request) {
      no_aws_ = request.failure().message;
      return;
    }
    credentials_parcel_.messages = {std::move(*request)};
    begin(credentials_, credentials_parcel_);
  }

  bool asking_for_credentials() const { return credentials_.parcel != nullptr && !credentials_.settled; }

  bool unsettled() const {
    return std::any_of(transfers_.begin(), transfers_.end(), [](const Transfer& one) { return !one.settled; });
  }

  static std::string late(const Transfer& transfer) {
    if (transfer.last_failure.empty()) {
      return "no answer in time";
    }
    return fmt::format("{} ({} {})", transfer.last_failure, transfer.tries, transfer.tries == 1 ? "try" : "tries");
  }

  bool is_due(const Transfer& transfer) const {
    return transfer.parcel != nullptr && !transfer.settled && !transfer.under_way && !transfer.lookup &&
           !(needs_aws(transfer.current()) && asking_for_credentials());
  }

  // Until the next thing to do, a new try or the deadline; curl's own timers wake the poll earlier.
  void wait() {
    Clock::time_point until = deadline_;
    std::vector<curl_waitfd> waits;
    const auto look_at = [&](const Transfer& transfer) {
      if (is_due(transfer)) {
        until = std::min(until, transfer.next_try);
      }
      if (transfer.lookup) {
        transfer.lookup->add_to(waits);
        until = std::min(until, Clock::now() + 50ms);  // its time-outs are not curl's
      }
    };
    std::for_each(transfers_.begin(), transfers_.end(), look_at);
    look_at(credentials_);
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now());
    const auto pause = std::clamp<std::chrono::milliseconds>(left, 1ms, 1s);
    curl_multi_poll(multi_.get(), waits.data(), static_cast<unsigned>(waits.size()), static_cast<int>(pause.count()),
                    nullptr);
  }

  void start_due() {
    const auto now = Clock::now();
    if (is_due(credentials_) && credentials_.next_try <= now) {
      start(credentials_);
    }
    for (Transfer& transfer : transfers_) {
      if (is_due(transfer) && transfer.next_try <= now) {
        start(transfer);
      }
    }
  }

  void start(Transfer& transfer) {
    ++transfer.tries;
    const Message& message = transfer.current();
    if (const auto* datagram = std::get_if<Datagram>(&message)) {
      return start(transfer, *datagram);
    }
    const auto& request = std::get<HttpRequest>(message);
    if (request.aws && !aws_) {
      return settle(transfer, false, no_aws_);
    }
    if (!transfer.exchange) {
      const std::string& id = transfer.parcel->id;
      // Each of several is a request of its own.
      const std::string key = transfer.message == 0 || id.empty() ? id : fmt::format("{}-{}", id, transfer.message + 1);
      const auto signature = signature_headers(request, std::chrono::system_clock::now());
      if (!signature) {
        return settle(transfer, false, signature.failure().message);
      }
      transfer.exchange = std::make_unique<Exchange>(request, *signature, key, shared_, aws_);
      curl_easy_setopt(transfer.exchange->handle(), CURLOPT_PRIVATE, &transfer);
      if (&transfer == &credentials_) {
        curl_easy_setopt(transfer.exchange->handle(), CURLOPT_NOPROXY, "*");
      }
    }
    attach(transfer);
  }

  void attach(Transfer& transfer) {
    transfer.exchange->prepare(time_for_try(deadline_ - Clock::now()));
    transfer.under_way = true;
    curl_multi_add_handle(multi_.get(), transfer.exchange->handle());
  }

  void start(Transfer& transfer, const Datagram& datagram) {
    if (!datagram.unix_socket.empty()) {
      return conclude(transfer, send_datagram(datagram, std::nullopt));
    }
    transfer.lookup = std::make_unique<Lookup>(datagram.host);
  }

  void advance_lookups() {
    for (Transfer& transfer : transfers_) {
      if (!transfer.lookup) {
        continue;
      }
      transfer.lookup->advance();
      if (transfer.lookup->done()) {
        const std::unique_ptr<Lookup> lookup = std::move(transfer.lookup);
        conclude(transfer, send_to_one_of(std::get<Datagram>(transfer.current()), lookup->result()));
      }
    }
  }

  static Result<void> send_to_one_of(const Datagram& datagram,
                                     const Result<std::vector<boost::asio::ip::address>>& addresses) {
    if (!addresses) {
      return addresses.failure();
    }
    Result<void> sent;
    for (const auto& address : *addresses) {
      sent = send_datagram(datagram, address);
      if (sent) {
        break;
      }
    }
    return sent;
  }

  void collect() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
      if (message->msg != CURLMSG_DONE) {
        continue;
      }
      Transfer* transfer = nullptr;
      const CURLcode code = message->data.result;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
      detach(*transfer);
      conclude(*transfer, transfer->exchange->conclude(code));
    }
  }

  void detach(Transfer& transfer) {
    if (transfer.under_way) {
      curl_multi_remove_handle(multi_.get(), transfer.exchange->handle());
      transfer.under_way = false;
    }
  }

  static Result<void> judge(const Transfer& transfer) {
    const auto* request = std::get_if<HttpRequest>(&transfer.current());
    return request != nullptr && request->judge != nullptr ? request->judge(transfer.exchange->answer())
                                                           : Result<void>();
  }

  void conclude(Transfer& transfer, const Exchange::Ending& ending) {
    transfer.status = ending.status;
    if (ending.redirected) {
      attach(transfer);
    } else if (ending.arrived) {
      const auto good = judge(transfer);
      good ? arrived(transfer) : failed(transfer, good.failure().message, false, std::nullopt);
    } else {
      failed(transfer, ending.detail, ending.may_pass, ending.retry_after);
    }
  }

  void conclude(Transfer& transfer, const Result<void>& sent) {
    transfer.status = 0;
    if (sent) {
      arrived(transfer);
    } else {
      failed(transfer, sent.failure().message, true, std::nullopt);
    }
  }

  void arrived(Transfer& transfer) {
    if (transfer.message + 1 == transfer.parcel->messages.size()) {
      return settle(transfer, true, "");
    }
    ++transfer.message;
    transfer.exchange.reset();
    transfer.last_failure.clear();
    transfer.tries = 0;
    transfer.next_try = Clock::now();
  }

  void failed(Transfer& transfer, const std::string& why, bool may_pass, std::optional<Duration> retry_after) {
    transfer.last_failure = why;
    std::uniform_real_distribution<double> any(0, 1);
    transfer.next_try = Clock::now() + pause_before_next(transfer.tries, any(random_), retry_after);
    if (!may_pass || transfer.next_try >= deadline_) {
      settle(transfer, false, late(transfer));
    }
  }

  void settle(Transfer& transfer, bool ok, const std::string& detail) {
    transfer.settled = true;
    if (&transfer == &credentials_) {
      return take_credentials(ok, detail);
    }
    detach(transfer);
    transfer.lookup.reset();
    on_sent_({static_cast<std::size_t>(&transfer - transfers_.data()), ok, detail, transfer.status,
              static_cast<unsigned>(transfer.tries), Clock::now() - transfer.began});
  }

  void take_credentials(bool ok, const std::string& detail) {
    if (!ok) {
      no_aws_ = "no AWS credentials from the container's endpoint: " + detail;
      return;
    }
    auto credentials = parse_aws_credentials(credentials_.exchange->answer());
    if (credentials) {
      aws_ = std::move(*credentials);
    } else {
      no_aws_ = credentials.failure().message;
    }
  }

  Clock::time_point deadline_;
  const SendOptions& options_;
  const std::function<void(const Sent&)>& on_sent_;
  std::unique_ptr<CURLM, Multi> multi_;
  ExchangeOptions shared_;
  std::optional<AwsCredentials> aws_;
  std::string no_aws_ = "no AWS credentials";
  std::vector<Transfer> transfers_;
  Parcel credentials_parcel_;
  Transfer credentials_;
  std::minstd_rand random_;
};

}  // namespace

void send_all(std::span<const Parcel> parcels, const SendOptions& options,
              const std::function<void(const Sent&)>& on_sent) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  Sender(parcels, options, on_sent).run();
  curl_global_cleanup();
}

}  // namespace jobinit::deliver
