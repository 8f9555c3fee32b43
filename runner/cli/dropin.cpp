#include "jobinit/cli/dropin.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "peers.hpp"

namespace jobinit::cli {
namespace {

// To add one: its file, its line here, its line in peers.hpp.
constexpr std::array kPeers{&kTini, &kDumbInit, &kCatatonit};

}  // namespace

const Peer* find_peer(std::string_view program) {
  const std::string_view name = base_name(program);
  const auto* const found = std::find_if(kPeers.begin(), kPeers.end(), [&](const Peer* peer) {
    return std::find(peer->names.begin(), peer->names.end(), name) != peer->names.end();
  });
  return found == kPeers.end() ? nullptr : *found;
}

bool is_jobinit(std::string_view command) { return base_name(command) == "jobinit"; }

void give(DropIn& into, Source source, std::string_view where, std::string_view flag, std::vector<std::string> texts) {
  into.arguments.given.push_back({source, std::string(where), find_by_flag(flag), std::move(texts)});
}

void give_usual(DropIn& into, const Peer& peer, bool to_group) {
  give(into, Source::platform, peer.name, "leftovers", {"ignore"});
  give(into, to_group ? Source::flag : Source::platform, peer.name, "forward", {to_group ? "group" : "child"});
}

int leading_number(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t\n\v\f\r"), text.size()));
  if (text.starts_with('+')) {
    text.remove_prefix(1);
  }
  int value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string error_text(int code) {
  const char* text = strerrordesc_np(code);
  return text != nullptr ? text : fmt::format("Unknown error {}", code);
}

std::string signal_text(int number) { return ::strsignal(number); }  // NOLINT(concurrency-mt-unsafe): one thread

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

}  // namespace jobinit::cli
