#include "jobinit/deliver/retry.hpp"

#include <algorithm>

#include "jobinit/base/percent.hpp"
#include "jobinit/base/text.hpp"

namespace jobinit::deliver {
namespace {

using namespace std::chrono_literals;

constexpr Duration kFirstPause = 200ms;
constexpr Duration kLongestPause = 5s;
constexpr Duration kShortestTry = 1s;
// What is shorter is no secret worth the name, and masking it would make riddles of messages.
constexpr std::size_t kShortestToken = 12;
constexpr std::size_t kShortestPassword = 4;

struct Parts {
  std::string_view scheme;
  std::string_view user;  // "user:password"
  std::string_view host;  // with its port
  std::string_view rest;  // path, query, fragment
};

Parts split_url(std::string_view url) {
  Parts parts;
  const std::size_t slashes = url.find("://");
  if (slashes == std::string_view::npos) {
    return parts;
  }
  parts.scheme = url.substr(0, slashes);
  url.remove_prefix(slashes + 3);
  const std::size_t end = std::min(url.find_first_of("/?#"), url.size());
  parts.host = url.substr(0, end);
  parts.rest = url.substr(end);
  if (const std::size_t at = parts.host.rfind('@'); at != std::string_view::npos) {
    parts.user = parts.host.substr(0, at);
    parts.host.remove_prefix(at + 1);
  }
  return parts;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), [](char c) { return lower(c); });
  return result;
}

// With the port that the scheme stands for.
std::string place_of(const Parts& parts, std::string_view scheme) {
  std::string place = lower(parts.host);
  const std::size_t bracket = place.rfind(']');
  const bool has_port = place.find(':', bracket == std::string::npos ? 0 : bracket) != std::string::npos;
  return has_port ? place : place + (scheme == "https" ? ":443" : ":80");
}

void replace_all(std::string& text, std::string_view what) {
  static constexpr std::string_view mask = "***";
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + mask.size())) {
    text.replace(at, what.size(), mask);
  }
}

}  // namespace

bool may_pass(long status) { return status == 408 || status == 429 || (status >= 500 && status < 600); }

Duration pause_before_next(int tries, double random, std::optional<Duration> retry_after) {
  static constexpr int most_doublings = 10;
  const Duration longest = std::min<Duration>(kFirstPause * (1 << std::clamp(tries, 0, most_doublings)), kLongestPause);
  const Duration pause = longest - std::chrono::duration_cast<Duration>(longest * (random / 2));
  // Whoever is told when to come back must not all come at that very moment either.
  return retry_after ? *retry_after + pause / 8 : pause;
}

Duration time_for_try(Duration left) { return std::min(left, std::max(left / 2, kShortestTry)); }

bool may_follow(std::string_view from, std::string_view to) {
  const Parts before = split_url(from);
  const Parts after = split_url(to);
  const std::string scheme = lower(before.scheme);
  const std::string next = lower(after.scheme);
  if ((next != "http" && next != "https") || (!after.user.empty() && after.user != before.user)) {
    return false;
  }
  if (scheme == next) {
    return place_of(before, scheme) == place_of(after, next);
  }
  const auto name = [](const Parts& parts, std::string_view of) {
    const std::string place = place_of(parts, of);
    return place.substr(0, place.rfind(':'));
  };
  return scheme == "http" && next == "https" && name(before, scheme) == name(after, next);
}

std::optional<std::string> unix_socket_of(std::string_view url, std::string& rest) {
  const Parts parts = split_url(url);
  if (!lower(parts.host).starts_with("%2f")) {
    return std::nullopt;
  }
  rest = std::string(parts.scheme) + "://";
  if (!parts.user.empty()) {
    rest += std::string(parts.user) + "@";
  }
  rest += "localhost" + std::string(parts.rest.starts_with('/') ? "" : "/") + std::string(parts.rest);
  return percent_decoded(parts.host);
}

std::vector<std::string> secrets_of(const HttpRequest& request) {
  std::vector<std::string> secrets;
  const auto add = [&](std::string_view text, std::size_t shortest) {
    if (text.size() >= shortest) {
      secrets.emplace_back(text);
      if (std::string decoded = percent_decoded(text); decoded != text && decoded.size() >= shortest) {
        secrets.push_back(std::move(decoded));
      }
    }
  };
  const Parts parts = split_url(request.url);
  if (const std::size_t colon = parts.user.find(':'); colon != std::string_view::npos) {
    add(parts.user.substr(colon + 1), kShortestPassword);
  }
  add(parts.user, kShortestToken);
  for (const std::string& piece : split(parts.rest, "/?&=#")) {
    add(piece, kShortestToken);
  }
  if (request.basic_auth) {
    add(request.basic_auth->password, kShortestPassword);
  }
  for (const std::string& secret : request.secrets) {
    add(secret, kShortestPassword);
  }
  for (const auto& [name, value] : request.headers) {
    if (lower(name) != "content-type" && !lower(name).starts_with("ce-")) {
      for (const std::string& piece : split(value, " ,;")) {
        add(piece, kShortestToken);
      }
    }
  }
  // The longest first: one may be a part of another.
  std::sort(secrets.begin(), secrets.end(),
            [](const std::string& a, const std::string& b) { return a.size() > b.size(); });
  return secrets;
}

std::string conceal(std::string text, const std::vector<std::string>& secrets) {
  for (const std::string& secret : secrets) {
    replace_all(text, secret);
  }
  return text;
}

}  // namespace jobinit::deliver
