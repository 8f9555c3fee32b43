#include "datagram.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/local/datagram_protocol.hpp>
#include <cstring>

#include "jobinit/base/text.hpp"

namespace jobinit::deliver {
namespace {

namespace asio = boost::asio;

template <typename Socket, typename Endpoint>
Result<void> send_to(Socket& socket, const Endpoint& endpoint, const std::string& payload, std::string_view where) {
  boost::system::error_code failure;
  socket.open(endpoint.protocol(), failure);
  if (!failure) {
    socket.non_blocking(true, failure);
  }
  if (!failure) {
    socket.send_to(asio::buffer(payload), endpoint, 0, failure);
  }
  if (failure) {
    return error("{}: {}", where, failure.message());
  }
  return {};
}

}  // namespace

Lookup::Lookup(const std::string& host) : host_(host) {
  boost::system::error_code not_numeric;
  if (const auto address = asio::ip::make_address(host, not_numeric); !not_numeric) {
    addresses_.push_back(address);
    done_ = true;
    return;
  }
  status_ = ares_init(&channel_);
  if (status_ != ARES_SUCCESS) {
    done_ = true;
    return;
  }
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_flags = ARES_AI_NOSORT;
  ares_getaddrinfo(channel_, host.c_str(), nullptr, &hints, finished, this);
}

Lookup::~Lookup() {
  if (channel_ != nullptr) {
    ares_destroy(channel_);
  }
}

void Lookup::finished(void* self, int status, int /*timeouts*/, ares_addrinfo* found) {
  Lookup& lookup = *static_cast<Lookup*>(self);
  lookup.done_ = true;
  lookup.status_ = status;
  for (const ares_addrinfo_node* node = found != nullptr ? found->nodes : nullptr; node != nullptr;
       node = node->ai_next) {
    if (node->ai_family == AF_INET) {
      sockaddr_in address{};
      std::memcpy(&address, node->ai_addr, sizeof(address));
      lookup.addresses_.emplace_back(asio::ip::address_v4(ntohl(address.sin_addr.s_addr)));
    } else if (node->ai_family == AF_INET6) {
      sockaddr_in6 address{};
      std::memcpy(&address, node->ai_addr, sizeof(address));
      asio::ip::address_v6::bytes_type bytes;
      std::memcpy(bytes.data(), &address.sin6_addr, bytes.size());
      lookup.addresses_.emplace_back(asio::ip::address_v6(bytes, address.sin6_scope_id));
    }
  }
  ares_freeaddrinfo(found);
}

void Lookup::add_to(std::vector<curl_waitfd>& waits) const {
  if (done_) {
    return;
  }
  ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
  const auto bits = static_cast<unsigned>(ares_getsock(channel_, sockets, ARES_GETSOCK_MAXNUM));
  for (unsigned i = 0; i < ARES_GETSOCK_MAXNUM; ++i) {
    const bool readable = (bits >> i & 1U) != 0;
    const bool writable = (bits >> (i + ARES_GETSOCK_MAXNUM) & 1U) != 0;
    if (readable || writable) {
      const int events = (readable ? CURL_WAIT_POLLIN : 0) | (writable ? CURL_WAIT_POLLOUT : 0);
      waits.push_back({sockets[i], static_cast<short>(events), 0});
    }
  }
}

void Lookup::advance() {
  std::vector<curl_waitfd> open;
  add_to(open);
  for (const curl_waitfd& one : open) {
    if (!done_) {
      // Neither blocks: its sockets are not blocking, and what is not there yet is not waited for.
      ares_process_fd(channel_, (one.events & CURL_WAIT_POLLIN) != 0 ? one.fd : ARES_SOCKET_BAD,
                      (one.events & CURL_WAIT_POLLOUT) != 0 ? one.fd : ARES_SOCKET_BAD);
    }
  }
  if (!done_) {
    ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);  // its time-outs
  }
}

Result<std::vector<asio::ip::address>> Lookup::result() const {
  if (addresses_.empty()) {
    return error("Could not resolve host: {} ({})", host_,
                 status_ == ARES_SUCCESS ? "it has no address" : ares_strerror(status_));
  }
  return addresses_;
}

Result<void> send_datagram(const Datagram& datagram, const std::optional<asio::ip::address>& address) {
  try {
    asio::io_context loop(1);
    if (!datagram.unix_socket.empty()) {
      asio::local::datagram_protocol::socket socket(loop);
      return send_to(socket, asio::local::datagram_protocol::endpoint(datagram.unix_socket), datagram.payload,
                     datagram.unix_socket);
    }
    asio::ip::udp::socket socket(loop);
    return send_to(socket, asio::ip::udp::endpoint(address.value(), datagram.port), datagram.payload,
                   fmt::format("{}:{}", datagram.host, datagram.port));
  } catch (const std::exception& failure) {  // a path that no socket can have; no descriptors
    return error("{}", failure.what());
  }
}

}  // namespace jobinit::deliver
