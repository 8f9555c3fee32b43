// Sending a datagram: its host is looked up without blocking, then it goes out at once.
#pragma once

#include <ares.h>
#include <curl/curl.h>

#include <boost/asio/ip/address.hpp>
#include <optional>
#include <vector>

#include "jobinit/deliver/sink.hpp"

namespace jobinit::deliver {

// One name, looked up by c-ares: glibc's resolver would load libraries of the image's.
class Lookup {
 public:
  explicit Lookup(const std::string& host);
  ~Lookup();
  Lookup(const Lookup&) = delete;
  Lookup& operator=(const Lookup&) = delete;

  // What to wait for, for curl_multi_poll().
  void add_to(std::vector<curl_waitfd>& waits) const;
  // Goes on with what is there; never blocks.
  void advance();
  bool done() const { return done_; }
  // The addresses, once it is done. Errors say why there are none.
  Result<std::vector<boost::asio::ip::address>> result() const;

 private:
  static void finished(void* self, int status, int timeouts, ares_addrinfo* found);

  std::string host_;
  ares_channel channel_ = nullptr;
  bool done_ = false;
  int status_ = ARES_SUCCESS;
  std::vector<boost::asio::ip::address> addresses_;
};

// Never blocks. `address`: where to, of a datagram that is not for a unix socket.
Result<void> send_datagram(const Datagram& datagram, const std::optional<boost::asio::ip::address>& address);

}  // namespace jobinit::deliver
