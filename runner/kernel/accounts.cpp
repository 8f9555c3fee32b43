#include "jobinit/kernel/accounts.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "jobinit/base/text.hpp"

namespace jobinit::kernel {
namespace {

constexpr std::size_t kLargest = 16 << 20;  // an image that was given a whole directory's users

// Unlike split(), with the empty fields.
std::vector<std::string_view> fields_of(std::string_view line) {
  std::vector<std::string_view> fields;
  for (;;) {
    const std::size_t colon = std::min(line.find(':'), line.size());
    fields.push_back(line.substr(0, colon));
    if (colon == line.size()) {
      return fields;
    }
    line.remove_prefix(colon + 1);
  }
}

template <typename Entry, typename Parse>
Result<std::vector<Entry>> read_entries(const std::string& path, Parse parse) {
  const auto text = read_file(path, kLargest);
  if (!text) {
    return text.failure().code == ENOENT ? Result<std::vector<Entry>>(std::vector<Entry>()) : text.failure();
  }
  std::vector<Entry> entries;
  std::string_view rest = *text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    if (std::optional<Entry> entry = parse(fields_of(rest.substr(0, end)))) {
      entries.push_back(std::move(*entry));
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return entries;
}

std::optional<User> parse_user(const std::vector<std::string_view>& fields) {
  if (fields.size() < 4 || fields[0].empty()) {
    return std::nullopt;
  }
  const auto id = parse_id(fields[2]);
  const auto group = parse_id(fields[3]);
  if (!id || !group) {
    return std::nullopt;
  }
  return User{std::string(fields[0]), *id, *group, std::string(fields.size() > 5 ? fields[5] : "")};
}

std::optional<Group> parse_group(const std::vector<std::string_view>& fields) {
  if (fields.size() < 3 || fields[0].empty()) {
    return std::nullopt;
  }
  const auto id = parse_id(fields[2]);
  if (!id) {
    return std::nullopt;
  }
  return Group{std::string(fields[0]), *id, split(fields.size() > 3 ? fields[3] : "", ", \r")};
}

template <typename Entry, typename Fits>
const Entry* find(const std::vector<Entry>& entries, Fits fits) {
  const auto found = std::find_if(entries.begin(), entries.end(), fits);
  return found == entries.end() ? nullptr : &*found;
}

}  // namespace

Result<std::vector<User>> read_users(const Root& root) { return read_entries<User>(root("/etc/passwd"), parse_user); }

Result<std::vector<Group>> read_groups(const Root& root) {
  return read_entries<Group>(root("/etc/group"), parse_group);
}

std::optional<Id> parse_id(std::string_view text) {
  Id id = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), id);
  const bool whole = !text.empty() && failure == std::errc() && end == text.data() + text.size();
  return whole && id <= kHighestId ? std::optional(id) : std::nullopt;
}

const User* find_user(const std::vector<User>& users, std::string_view name) {
  return find(users, [&](const User& user) { return user.name == name; });
}

const User* find_user(const std::vector<User>& users, Id id) {
  return find(users, [&](const User& user) { return user.id == id; });
}

const Group* find_group(const std::vector<Group>& groups, std::string_view name) {
  return find(groups, [&](const Group& group) { return group.name == name; });
}

}  // namespace jobinit::kernel
