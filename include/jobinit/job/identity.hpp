// Whose process the job will be: the settings --user and --group turned into ids, by the image's own files.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jobinit/kernel/credentials.hpp"
#include "jobinit/kernel/files.hpp"

namespace jobinit::job {

// What HOME, USER and LOGNAME tell about a user.
struct Persona {
  std::string name;  // empty: the id has no entry
  std::string home = "/";
};

struct Identity {
  std::optional<kernel::Id> user;                 // none of them: as jobinit itself
  std::optional<kernel::Id> group;                // set where the user is
  std::optional<std::vector<kernel::Id>> groups;  // unset: they are already so
  Persona own;                                    // jobinit's; looked up only where the job's is another
  Persona job;
};

struct IdentityProblem {
  std::string_view setting;  // "user" or "group"
  std::string message;
};

struct FoundIdentity {
  Identity identity;
  std::vector<IdentityProblem> problems;
};

// `user`: USER or USER:GROUP, `group`: GROUP, each a name or a number; empty where not set. As docker does it: a number
// needs no entry; without a group it is the entry's, and every group that lists the user comes along; with a group, no
// other does.
FoundIdentity find_identity(std::string_view user, std::string_view group, const kernel::Ids& own,
                            const kernel::Root& root = {});

}  // namespace jobinit::job
