// Taking a sink's URL apart. It may hold credentials: none of this goes into a message.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "jobinit/base/result.hpp"

namespace jobinit::deliver {

struct UrlParts {
  std::string origin;  // "https://user@host:8080"
  std::string path;    // "/a/b", percent-encoded as it was written; may be empty
  std::string query;   // without the question mark

  // Adds a parameter, percent-encoding it.
  void add(std::string_view name, std::string_view value);
  std::string text() const;
  // "user" and "password" of the origin, percent-decoded.
  std::string user() const;
  // The origin without them.
  std::string bare_origin() const;
};

// Without a fragment, which is never sent.
UrlParts url_parts(std::string_view url);

// What stands behind the # of a sink: options of ours, NAME=VALUE, percent-decoded, separated by &.
class SinkOptions {
 public:
  explicit SinkOptions(std::string_view target);

  bool empty() const { return values_.empty(); }
  std::string_view get(std::string_view name, std::string_view otherwise = {}) const;
  std::vector<std::string_view> all(std::string_view name) const;
  // Names the nearest of those that there are.
  Result<void> check(std::string_view shown, std::span<const std::string_view> known) const;

 private:
  std::vector<std::pair<std::string, std::string>> values_;
};

}  // namespace jobinit::deliver
