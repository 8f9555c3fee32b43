// --user and --group by the image's own /etc/passwd and /etc/group.
#include "jobinit/job/identity.hpp"

#include <gmock/gmock.h>

#include "jobinit/kernel/accounts.hpp"
#include "support.hpp"

namespace jobinit::job {
namespace {

using kernel::Id;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Groups = std::vector<Id>;

const test::Tree kImage{
    {"/etc/passwd",
     "root:x:0:0:root:/root:/bin/sh\n"
     "+::::::\n"  // NIS
     "# a comment: 1: 2\n"
     "app:x:1000:100:An App,,:/srv/app:/bin/false\n"
     "worker:x:1001:101::/:/bin/sh\n"
     "twin:x:1000:999:second of its id:/twin:/bin/sh\n"
     "homeless:x:1002:102\n"
     "bad:x:minus:1::/:\n"
     "huge:x:4294967295:1::/:\n"
     "last:x:1003:103::/last:/bin/sh"},  // without a newline
    {"/etc/group",
     "root:x:0:\n"
     "users:x:100:\n"
     "batch:x:200:worker,app\n"
     "logs:x:201:app\n"
     "apple:x:202:apple,pineapp\n"
     "broken:x\n"
     "bare:x:203\n"},
};

class Lookup : public testing::Test {
 protected:
  FoundIdentity find(std::string_view user, std::string_view group = "") const {
    return find_identity(user, group, own_, image_.root());
  }
  kernel::Ids own_{0, 0, {}};  // NOLINT: set by a test
  test::Machine image_{kImage};
};

TEST_F(Lookup, NothingWantedNothingChanged) {
  const Identity identity = find("").identity;
  EXPECT_FALSE(identity.user || identity.group || identity.groups);
}

struct Row {
  const char* name;
  const char* user;
  const char* group;
  Id user_id;
  Id group_id;
  Groups groups;
  const char* job_name;
  const char* home;
};

TEST_F(Lookup, UsersAndTheirGroups) {
  for (const Row& row : {
           Row{"by name: its group, and those that list it", "app", "", 1000, 100, {100, 200, 201}, "app", "/srv/app"},
           Row{"by number, of the first such entry", "1000", "", 1000, 100, {100, 200, 201}, "app", "/srv/app"},
           Row{"of a name that is part of others", "last", "", 1003, 103, {103}, "last", "/last"},
           Row{"without an entry: jobinit's own group", "4242", "", 4242, 0, {}, "", "/"},
           Row{"without a home", "homeless", "", 1002, 102, {102}, "homeless", "/"},
           Row{"with a group: that one alone", "app:logs", "", 1000, 201, {201}, "app", "/srv/app"},
           Row{"with a number for a group", "app:77", "", 1000, 77, {77}, "app", "/srv/app"},
           Row{"numbers only", "1:2", "", 1, 2, {2}, "", "/"},
           Row{"the group apart", "app", "batch", 1000, 200, {200}, "app", "/srv/app"},
           Row{"the group twice", "app:batch", "batch", 1000, 200, {200}, "app", "/srv/app"},
           Row{"blanks around", " app ", " bare ", 1000, 203, {203}, "app", "/srv/app"},
           Row{"the highest number", "4294967294", "", 4294967294, 0, {}, "", "/"},
           Row{"root again", "root", "", 0, 0, {}, "root", "/root"},
       }) {
    SCOPED_TRACE(row.name);
    const FoundIdentity found = find(row.user, row.group);
    ASSERT_THAT(found.problems, IsEmpty());
    EXPECT_EQ(found.identity.user, row.user_id);
    EXPECT_EQ(found.identity.group, row.group_id);
    EXPECT_EQ(found.identity.groups.value_or(Groups()), row.groups);
    EXPECT_EQ(found.identity.job.name, row.job_name);
    EXPECT_EQ(found.identity.job.home, row.home);
    EXPECT_EQ(found.identity.own.name, "root");
    EXPECT_EQ(found.identity.own.home, "/root");
  }
}

TEST_F(Lookup, AGroupAlone) {
  const FoundIdentity found = find("", "batch");
  ASSERT_THAT(found.problems, IsEmpty());
  EXPECT_EQ(found.identity.user, std::nullopt);
  EXPECT_EQ(found.identity.group, 200U);
  EXPECT_EQ(found.identity.groups, Groups{200});
}

// Setting the groups takes a privilege even where nothing would change: a container that runs as its user already, and
// whose environment says so too, has to start.
TEST_F(Lookup, GroupsThatAreAlreadySoAreLeftAlone) {
  own_ = {1000, 100, {200, 201}};
  EXPECT_EQ(find("app").identity.groups, std::nullopt);
  own_ = {1000, 100, {201, 100, 200}};
  EXPECT_EQ(find("app").identity.groups, std::nullopt);
  own_ = {1000, 100, {200, 201, 300}};
  EXPECT_EQ(find("app").identity.groups, (Groups{100, 200, 201}));
  own_ = {1000, 200, {100, 201}};  // the same set, but another comes first
  EXPECT_EQ(find("app").identity.groups, (Groups{100, 200, 201}));
  own_ = {4242, 4242, {}};
  EXPECT_EQ(find("4242").identity.groups, std::nullopt);
  own_ = {0, 0, {0, 27}};
  EXPECT_EQ(find("4242").identity.groups, Groups{0}) << "root's other groups do not come along";
}

TEST_F(Lookup, ProblemsNameTheSettingAndTheNearestRightName) {
  struct Bad {
    const char* user;
    const char* group;
    const char* setting;
    const char* words;
  };
  for (const Bad& row : {
           Bad{"ap", "", "user", "no user \"ap\" in /etc/passwd; did you mean app?"},
           Bad{"workre", "", "user", "did you mean worker?"},
           Bad{"nosuchperson", "", "user", "a number needs no entry there"},
           Bad{"bad", "", "user", "no user \"bad\""},
           Bad{"+", "", "user", "no user \"+\""},
           Bad{"app:batsh", "", "user", "no group \"batsh\" in /etc/group; did you mean batch?"},
           Bad{"app", "batsh", "group", "did you mean batch?"},
           Bad{"", "batsh", "group", "did you mean batch?"},
           Bad{"app:batch", "logs", "group", "\"logs\", but --user names the group \"batch\""},
           Bad{"app:", "", "user", "\"app:\" is not of the form USER or USER:GROUP"},
           Bad{":batch", "", "user", "is not of the form"},
           Bad{"4294967295", "", "user", "is no user id; the highest is 4294967294"},
           Bad{"99999999999999999999", "", "user", "is no user id"},
           Bad{"1:4294967295", "", "user", "is no group id"},
           Bad{"-1", "", "user", "no user \"-1\""},
       }) {
    SCOPED_TRACE(row.words);
    const FoundIdentity found = find(row.user, row.group);
    ASSERT_EQ(found.problems.size(), 1U);
    EXPECT_EQ(found.problems.front().setting, row.setting);
    EXPECT_THAT(found.problems.front().message, HasSubstr(row.words));
  }
  EXPECT_EQ(find("nosuchperson", "nosuchgroup").problems.size(), 2U) << "all at once";
}

TEST(LookupInScratch, NumbersDoWithoutFiles) {
  const test::Machine empty{{}};
  const kernel::Ids own{0, 0, {}};
  const FoundIdentity numbers = find_identity("10001:10002", "", own, empty.root());
  ASSERT_THAT(numbers.problems, IsEmpty());
  EXPECT_EQ(numbers.identity.user, 10001U);
  EXPECT_EQ(numbers.identity.group, 10002U);
  EXPECT_EQ(numbers.identity.own.home, "/") << "what docker sets there";
  EXPECT_EQ(find_identity("app", "", own, empty.root()).problems.size(), 1U);
}

TEST(LookupInABrokenImage, AFileThatCannotBeReadIsTold) {
  const test::Machine image{{{"/etc/passwd/file", ""}}};  // a folder
  const FoundIdentity found = find_identity("1", "", {0, 0, {}}, image.root());
  ASSERT_EQ(found.problems.size(), 1U);
  EXPECT_THAT(found.problems.front().message, HasSubstr("/etc/passwd: Is a directory"));
}

TEST(Accounts, LinesThatAreNoneAreLeftOut) {
  const test::Machine image{kImage};
  std::vector<std::string> names;
  const auto users = kernel::read_users(image.root());
  const auto groups = kernel::read_groups(image.root());
  for (const kernel::User& user : *users) {
    names.push_back(user.name);
  }
  EXPECT_THAT(names, ElementsAre("root", "app", "worker", "twin", "homeless", "last"));
  names.clear();
  for (const kernel::Group& group : *groups) {
    names.push_back(group.name);
  }
  EXPECT_THAT(names, ElementsAre("root", "users", "batch", "logs", "apple", "bare"));
}

}  // namespace
}  // namespace jobinit::job
