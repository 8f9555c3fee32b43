#include "jobinit/job/identity.hpp"

#include <algorithm>
#include <set>

#include "jobinit/base/text.hpp"
#include "jobinit/kernel/accounts.hpp"

namespace jobinit::job {
namespace {

using kernel::Group;
using kernel::Id;
using kernel::User;

template <typename Entry>
std::string unknown(std::string_view what, std::string_view name, std::string_view file,
                    const std::vector<Entry>& entries) {
  std::vector<std::string_view> names;
  names.reserve(entries.size());
  for (const Entry& entry : entries) {
    names.push_back(entry.name);
  }
  if (const std::string_view near = nearest(name, names); !near.empty()) {
    return fmt::format("no {} \"{}\" in {}; did you mean {}?", what, name, file, near);
  }
  return fmt::format("no {} \"{}\" in {}; a number needs no entry there", what, name, file);
}

// Texts of digits only are numbers, even where a name is written so.
bool is_number(std::string_view text) { return text.find_first_not_of("0123456789") == std::string_view::npos; }

Persona persona_of(const User* entry) {
  return entry == nullptr ? Persona() : Persona{entry->name, entry->home.empty() ? "/" : entry->home};
}

class Search {
 public:
  Search(std::string_view user, std::string_view group, const kernel::Ids& own, const kernel::Root& root)
      : user_(trim(user)), group_(trim(group)), own_(own), root_(root) {}

  FoundIdentity operator()() {
    if (user_.empty() && group_.empty()) {
      return {};
    }
    split_user();
    if (read_files() && found_.problems.empty()) {
      const User* entry = find_user();
      find_groups(entry);
      identity().own = persona_of(kernel::find_user(users_, own_.user));
      identity().job = user_.empty() ? identity().own : persona_of(entry);
    }
    return std::move(found_);
  }

 private:
  Identity& identity() { return found_.identity; }
  void problem(std::string_view setting, std::string message) {
    found_.problems.push_back({setting, std::move(message)});
  }

  void split_user() {
    const std::size_t colon = user_.find(':');
    if (colon == std::string_view::npos) {
      return;
    }
    const std::string_view name = user_.substr(0, colon);
    const std::string_view group = user_.substr(colon + 1);
    if (name.empty() || group.empty()) {
      problem("user", fmt::format("\"{}\" is not of the form USER or USER:GROUP", user_));
    } else if (!group_.empty() && group_ != group) {
      problem("group", fmt::format("\"{}\", but --user names the group \"{}\"", group_, group));
    } else {
      group_ = group;
      group_setting_ = "user";
    }
    user_ = name;
  }

  bool read_files() {
    auto users = kernel::read_users(root_);
    auto groups = kernel::read_groups(root_);
    if (!users) {
      problem(user_.empty() ? "group" : "user", users.failure().message);
    } else if (!groups) {
      problem(user_.empty() ? "group" : "user", groups.failure().message);
    } else {
      users_ = std::move(*users);
      groups_ = std::move(*groups);
      return true;
    }
    return false;
  }

  const User* find_user() {
    if (user_.empty()) {
      return nullptr;
    }
    const User* entry = nullptr;
    if (is_number(user_)) {
      identity().user = kernel::parse_id(user_);
      if (!identity().user) {
        problem("user", fmt::format("\"{}\" is no user id; the highest is {}", user_, kernel::kHighestId));
        return nullptr;
      }
      entry = kernel::find_user(users_, *identity().user);
    } else if (entry = kernel::find_user(users_, user_); entry != nullptr) {
      identity().user = entry->id;
    } else {
      problem("user", unknown("user", user_, "/etc/passwd", users_));
      return nullptr;
    }
    return entry;
  }

  void find_groups(const User* entry) {
    std::set<Id> wanted;
    if (!group_.empty()) {
      find_named_group();
    } else {
      identity().group = entry == nullptr ? own_.group : entry->group;
      for (const Group& group : groups_) {
        const auto& members = group.members;
        if (entry != nullptr && std::find(members.begin(), members.end(), entry->name) != members.end()) {
          wanted.insert(group.id);
        }
      }
    }
    if (!identity().group) {
      return;
    }
    // The group itself among them, as in su(1): a program that changes its group does not lose it unawares.
    wanted.insert(*identity().group);
    // Changing them takes a privilege, even to what they are.
    std::set<Id> present(own_.groups.begin(), own_.groups.end());
    present.insert(own_.group);
    if (*identity().group != own_.group || present != wanted) {
      identity().groups.emplace(wanted.begin(), wanted.end());
    }
  }

  void find_named_group() {
    if (is_number(group_)) {
      identity().group = kernel::parse_id(group_);
      if (!identity().group) {
        problem(group_setting_, fmt::format("\"{}\" is no group id; the highest is {}", group_, kernel::kHighestId));
      }
    } else if (const Group* group = kernel::find_group(groups_, group_)) {
      identity().group = group->id;
    } else {
      problem(group_setting_, unknown("group", group_, "/etc/group", groups_));
    }
  }

  std::string_view user_;
  std::string_view group_;
  std::string_view group_setting_ = "group";
  const kernel::Ids& own_;
  const kernel::Root& root_;
  std::vector<User> users_;
  std::vector<Group> groups_;
  FoundIdentity found_;
};

}  // namespace

FoundIdentity find_identity(std::string_view user, std::string_view group, const kernel::Ids& own,
                            const kernel::Root& root) {
  return Search(user, group, own, root)();
}

}  // namespace jobinit::job
