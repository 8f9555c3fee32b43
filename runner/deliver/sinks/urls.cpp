#include "urls.hpp"

#include <algorithm>

#include "encode.hpp"
#include "jobinit/base/percent.hpp"
#include "jobinit/base/text.hpp"

namespace jobinit::deliver {

void UrlParts::add(std::string_view name, std::string_view value) {
  query += (query.empty() ? "" : "&") + std::string(name) + "=" + percent_encoded(value);
}

std::string UrlParts::text() const { return origin + path + (query.empty() ? "" : "?" + query); }

std::string UrlParts::user() const {
  const std::size_t start = origin.find("://") + 3;
  const std::size_t at = origin.rfind('@');
  return at == std::string::npos || at < start ? "" : percent_decoded(origin.substr(start, at - start));
}

std::string UrlParts::bare_origin() const {
  const std::size_t start = origin.find("://") + 3;
  const std::size_t at = origin.rfind('@');
  return at == std::string::npos || at < start ? origin : origin.substr(0, start) + origin.substr(at + 1);
}

UrlParts url_parts(std::string_view url) {
  url = url.substr(0, url.find('#'));
  UrlParts parts;
  if (const std::size_t question = url.find('?'); question != std::string_view::npos) {
    parts.query = url.substr(question + 1);
    url = url.substr(0, question);
  }
  const std::size_t scheme = url.find("://");
  const std::size_t path = std::min(url.find('/', scheme == std::string_view::npos ? 0 : scheme + 3), url.size());
  parts.origin = url.substr(0, path);
  parts.path = url.substr(path);
  return parts;
}

SinkOptions::SinkOptions(std::string_view target) {
  const std::size_t hash = target.find('#');
  if (hash == std::string_view::npos) {
    return;
  }
  for (const std::string& one : split(target.substr(hash + 1), "&")) {
    const std::size_t equals = std::min(one.find('='), one.size());
    values_.emplace_back(percent_decoded(one.substr(0, equals)),
                         equals < one.size() ? percent_decoded(one.substr(equals + 1)) : "");
  }
}

std::string_view SinkOptions::get(std::string_view name, std::string_view otherwise) const {
  for (const auto& [key, value] : values_) {
    if (key == name) {
      return value;
    }
  }
  return otherwise;
}

std::vector<std::string_view> SinkOptions::all(std::string_view name) const {
  std::vector<std::string_view> found;
  for (const auto& [key, value] : values_) {
    if (key == name) {
      found.push_back(value);
    }
  }
  return found;
}

Result<void> SinkOptions::check(std::string_view shown, std::span<const std::string_view> known) const {
  for (const auto& [key, value] : values_) {
    if (std::find(known.begin(), known.end(), key) != known.end()) {
      continue;
    }
    // It may be a part of a password with a # in it: only what is near an option is repeated.
    const std::string_view near = nearest(key, known);
    return near.empty() ? error("{}: behind the # it takes {}", shown, fmt::join(known, ", "))
                        : error("{}: no such option behind the #; did you mean {}?", shown, near);
  }
  return {};
}

}  // namespace jobinit::deliver
