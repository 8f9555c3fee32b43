// Users and groups as the image's own /etc/passwd and /etc/group have them. Read by ourselves: a static program cannot
// load the libraries that getpwnam(3) would ask, and a batch image has no others to ask.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jobinit/kernel/credentials.hpp"
#include "jobinit/kernel/files.hpp"

namespace jobinit::kernel {

struct User {
  std::string name;
  Id id = 0;
  Id group = 0;
  std::string home;
};

struct Group {
  std::string name;
  Id id = 0;
  std::vector<std::string> members;
};

// Lines that are none are left out (passwd(5), group(5)). A file that is not there is empty, as in an image from
// scratch; one that cannot be read is an error.
Result<std::vector<User>> read_users(const Root& root = {});
Result<std::vector<Group>> read_groups(const Root& root = {});

// A whole number that can be somebody's id.
std::optional<Id> parse_id(std::string_view text);

// The first that fits, as everywhere; null when there is none.
const User* find_user(const std::vector<User>& users, std::string_view name);
const User* find_user(const std::vector<User>& users, Id id);
const Group* find_group(const std::vector<Group>& groups, std::string_view name);

}  // namespace jobinit::kernel
