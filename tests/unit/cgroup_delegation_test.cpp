// Which groups are ours to divide, and the words when one is not: trees as hosts and containers show them.
#include "jobinit/kernel/cgroup_delegation.hpp"

#include <gmock/gmock.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "support.hpp"

namespace jobinit::kernel {
namespace {

using testing::HasSubstr;

constexpr uid_t kNobody = 65534;

std::string self() { return std::to_string(::getpid()) + "\n"; }

// A mount of the whole v2 tree, or of what a cgroup namespace lets see.
std::string v2_mount(std::string_view root = "/", std::string_view options = "rw") {
  return fmt::format(
      "30 23 0:25 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n36 30 0:31 {} /sys/fs/cgroup {} - cgroup2 c rw\n", root,
      options);
}

std::string v1_mount(std::string_view root) {
  return fmt::format("36 30 0:31 {} /sys/fs/cgroup/memory rw - cgroup c rw,memory\n", root);
}

// A v2 group with this process in it.
void add_group(test::Tree& tree, const std::string& folder) {
  tree[folder + "/cgroup.procs"] = self();
  tree[folder + "/cgroup.type"] = "domain\n";
  tree[folder + "/cgroup.controllers"] = "cpu memory pids\n";
  tree[folder + "/cgroup.subtree_control"] = "\n";
}

test::Tree container() {
  test::Tree tree{{"/proc/self/cgroup", "0::/\n"},
                  {"/proc/self/stat", "1 (jobinit) S 0 1 1\n"},
                  {"/proc/self/mountinfo", v2_mount()}};
  add_group(tree, "/sys/fs/cgroup");
  return tree;
}

test::Tree session() {
  test::Tree tree{{"/proc/self/cgroup", "0::/user.slice/job.scope\n"}, {"/proc/self/mountinfo", v2_mount()}};
  add_group(tree, "/sys/fs/cgroup/user.slice/job.scope");
  return tree;
}

test::Tree container_v1() {
  return {{"/proc/self/cgroup", "4:memory:/docker/4f1c\n0::/\n"},
          {"/proc/self/stat", "1 (jobinit) S 0 1 1\n"},
          {"/proc/self/mountinfo", v1_mount("/docker/4f1c")},
          {"/sys/fs/cgroup/memory/memory.use_hierarchy", "1\n"},
          {"/sys/fs/cgroup/memory/cgroup.procs", self()}};
}

test::Tree with(test::Tree tree, const std::string& path, const std::string& content) {
  tree[path] = content;
  return tree;
}

test::Tree without(test::Tree tree, const std::string& path) {
  tree.erase(path);
  return tree;
}

constexpr const char* kOurs = "";

struct Row {
  const char* name;
  test::Tree tree;
  const char* refusal;  // what its words contain
  const char* refusal_when_asked;
  friend void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }
};

class Delegation : public testing::TestWithParam<Row> {};

void expect(const Root& root, bool asked, std::string_view refusal) {
  const auto place = find_cgroup("memory", root);
  ASSERT_TRUE(place) << place.failure().message;
  const auto reason = why_not_ours(*place, asked, root);
  if (refusal == kOurs) {
    EXPECT_FALSE(reason) << reason->message;
    return;
  }
  ASSERT_TRUE(reason);
  EXPECT_THAT(reason->message, HasSubstr(std::string(refusal)));
}

TEST_P(Delegation, IsToldFromWhatSomebodyElseManages) {
  const test::Machine machine(GetParam().tree);
  expect(machine.root(), false, GetParam().refusal);
  expect(machine.root(), true, GetParam().refusal_when_asked);
}

const std::vector<Row>& rows() {
  static const std::string v2 = "/sys/fs/cgroup";
  static const std::string v1 = "/sys/fs/cgroup/memory";
  static const std::vector<Row> all{
      {"v2, a container with a writable tree", container(), kOurs, kOurs},
      {"v2, such a container, but not its PID 1", with(container(), "/proc/self/stat", "17 (jobinit) S 1 17 17\n"),
       ::geteuid() == 0 ? "is not delegated" : kOurs, kOurs},
      {"v2, where another jobinit is at it",
       [] {
         test::Tree tree{{"/proc/self/cgroup", "0::/jobinit.init\n"}, {"/proc/self/mountinfo", v2_mount()}};
         add_group(tree, v2 + "/jobinit.init");
         return tree;
       }(),
       "another jobinit has divided", "another jobinit has divided"},
      {"v2, the usual container", with(container(), "/proc/self/mountinfo", v2_mount("/", "ro,nosuid")),
       "is mounted read-only", "is mounted read-only"},
      {"v2, the root of the machine", without(container(), v2 + "/cgroup.type"), "the machine's own tree",
       "the machine's own tree"},
      {"v2, a login session", session(), "is not delegated", kOurs},
      {"v2, a container that shows the host's paths",
       with(with(container(), "/proc/self/cgroup", "0::/docker/4f1c\n"), "/proc/self/mountinfo",
            v2_mount("/docker/4f1c")),
       ::geteuid() == 0 ? "is not delegated" : kOurs, kOurs},  // or the whole of it is our user's
      {"v2, a namespace below whose root we are",
       [] {
         test::Tree tree{{"/proc/self/cgroup", "0::/jobinit.job\n"}, {"/proc/self/mountinfo", v2_mount()}};
         add_group(tree, v2 + "/jobinit.job");
         return tree;
       }(),
       "is not delegated", kOurs},
      {"v2, no memory controller", with(container(), v2 + "/cgroup.controllers", "cpu pids\n"),
       "has no memory controller (its cgroup.controllers says \"cpu pids\")", "has no memory controller"},
      {"v2, threads apart", with(container(), v2 + "/cgroup.type", "domain threaded\n"),
       "is a threaded group (its cgroup.type says \"domain threaded\")", "is a threaded group"},
      {"v2, a folder that is not our group's", with(container(), v2 + "/cgroup.procs", "999999999\n"),
       "does not list this process", "does not list this process"},
      {"v2, without the file that divides it", without(container(), v2 + "/cgroup.subtree_control"),
       "/sys/fs/cgroup/cgroup.subtree_control: No such file", "No such file"},
      {"v1, a container with a writable tree", container_v1(), kOurs, kOurs},
      {"v1, a container with a cgroup namespace",
       with(with(container_v1(), "/proc/self/cgroup", "4:memory:/\n"), "/proc/self/mountinfo", v1_mount("/")), kOurs,
       kOurs},
      {"v1, the usual container",
       with(container_v1(), "/proc/self/mountinfo",
            "36 30 0:31 /docker/4f1c /sys/fs/cgroup/memory ro,nosuid - cgroup c rw,memory\n"),
       "is mounted read-only", "is mounted read-only"},
      {"v1, not PID 1", with(container_v1(), "/proc/self/stat", "17 (jobinit) S 1 17 17\n"), "is not ours", kOurs},
      {"v1, on a host",
       {{"/proc/self/cgroup", "4:memory:/user.slice\n"},
        {"/proc/self/stat", "1 (jobinit) S 0 1 1\n"},
        {"/proc/self/mountinfo", v1_mount("/")},
        {v1 + "/user.slice/memory.use_hierarchy", "1\n"},
        {v1 + "/user.slice/cgroup.procs", self()}},
       "is not ours",
       kOurs},
      {"v1, the root of the machine, with a pid namespace",
       with(with(with(with(container_v1(), v1 + "/release_agent", "\n"), "/proc/self/cgroup", "4:memory:/\n"),
                 "/proc/self/mountinfo", v1_mount("/")),
            v1 + "/memory.use_hierarchy", "0\n"),
       "is not ours", kOurs},
      {"v1, a limit that would not hold below", with(container_v1(), v1 + "/memory.use_hierarchy", "0\n"),
       "memory.use_hierarchy is 0", "memory.use_hierarchy is 0"},
  };
  return all;
}

INSTANTIATE_TEST_SUITE_P(Groups, Delegation, testing::ValuesIn(rows()), test::kRowName);

TEST(DelegationByAttribute, IsWhatSystemdSets) {
  for (const char* name : {"user.delegate", "trusted.delegate"}) {
    const test::Machine machine(session());
    const std::string folder = machine.root()("/sys/fs/cgroup/user.slice/job.scope");
    if (::setxattr(folder.c_str(), name, "1", 1, 0) != 0) {
      GTEST_SKIP() << name << " cannot be set here: " << system_error(errno, folder).message;
    }
    expect(machine.root(), false, kOurs);
    ASSERT_EQ(::setxattr(folder.c_str(), name, "0", 1, 0), 0);
    expect(machine.root(), false, "is not delegated");
  }
}

// The tree is given to a user other than root, whom this process becomes meanwhile.
class DelegationByOwner : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) {
      GTEST_SKIP() << "takes root, who gives the group away";
    }
    std::filesystem::permissions(machine_.root().prefix, std::filesystem::perms(0755));
  }
  void TearDown() override {
    if (::getuid() == 0) {
      ASSERT_EQ(::seteuid(0), 0);
    }
  }

  void give(const std::string& path) { ASSERT_EQ(::chown(machine_.root()(path).c_str(), kNobody, kNobody), 0) << path; }
  void give_group() {
    for (const char* name : {"", "/cgroup.procs", "/cgroup.subtree_control"}) {
      give(std::string(kGroup) + name);
    }
  }

  static constexpr const char* kGroup = "/sys/fs/cgroup/user.slice/job.scope";
  test::Machine machine_{session()};
};

TEST_F(DelegationByOwner, IsAGroupBelowSomebodyElses) {
  give_group();
  ASSERT_EQ(::seteuid(kNobody), 0);
  expect(machine_.root(), false, kOurs);
}

TEST_F(DelegationByOwner, IsAllThatAContainerShows) {
  test::write_file(machine_.root()("/proc/self/mountinfo"),
                   fmt::format("36 30 0:31 /user.slice/job.scope {} rw - cgroup2 c rw\n", kGroup));
  expect(machine_.root(), false, "is not delegated");
  give_group();
  give("/sys/fs/cgroup/user.slice");
  ASSERT_EQ(::seteuid(kNobody), 0);
  expect(machine_.root(), false, kOurs);
}

TEST_F(DelegationByOwner, IsNotWhatAManagerOfTheSameUserManages) {
  give_group();
  give("/sys/fs/cgroup/user.slice");
  ASSERT_EQ(::seteuid(kNobody), 0);
  expect(machine_.root(), false, "is not delegated");
  expect(machine_.root(), true, kOurs);
}

TEST_F(DelegationByOwner, IsNotWhatCannotBeWrittenTo) {
  give(kGroup);
  ASSERT_EQ(::seteuid(kNobody), 0);
  expect(machine_.root(), false, "cgroup.subtree_control: Permission denied");
  expect(machine_.root(), true, "cgroup.subtree_control: Permission denied");
}

TEST_F(DelegationByOwner, IsNotAnotherUsers) {
  ASSERT_EQ(::seteuid(kNobody), 0);
  expect(machine_.root(), false, "is not delegated");
}

// ---- finding --------------------------------------------------------------------------------------------------------

TEST(CgroupPlace, IsTheHierarchyThatHasTheController) {
  const test::Machine machine({{"/proc/self/cgroup", "8:pids:/a\n4:cpu,memory:/b\n0::/c\n"},
                               {"/proc/self/mountinfo",
                                "35 30 0:30 / /cg/unified rw - cgroup2 c rw\n"
                                "36 30 0:31 / /cg/pids ro - cgroup c rw,pids\n"
                                "37 30 0:32 / /cg/memory rw - cgroup c ro,cpu,memory\n"
                                "38 30 0:32 /b /mnt rw - cgroup c rw,cpu,memory\n"}});
  const auto place = [&](const char* controller) {
    auto found = find_cgroup(controller, machine.root());
    EXPECT_TRUE(found) << found.failure().message;
    return *found;
  };
  EXPECT_EQ(place("pids").folder, machine.root()("/cg/pids/a"));
  EXPECT_TRUE(place("pids").read_only);
  EXPECT_EQ(place("memory").version, 1);
  EXPECT_EQ(place("memory").folder, machine.root()("/mnt")) << "the mount that can be written to";
  EXPECT_TRUE(place("memory").is_top());
  EXPECT_EQ(place("hugetlb").version, 2);
  EXPECT_EQ(place("hugetlb").folder, machine.root()("/cg/unified/c"));
}

TEST(CgroupPlace, SaysWhatIsNotThere) {
  struct Case {
    test::Tree tree;
    const char* words;
  };
  for (const Case& one : {
           Case{{}, "/proc/self/cgroup: No such file"},
           Case{{{"/proc/self/cgroup", "1:cpu:/\n"}}, "no group that the memory controller could count for"},
           Case{{{"/proc/self/cgroup", "0::/\n"}}, "/proc/self/mountinfo: No such file"},
           Case{{{"/proc/self/cgroup", "0::/\n"}, {"/proc/self/mountinfo", v1_mount("/")}},
                "the cgroup v2 file system is not mounted"},
           Case{{{"/proc/self/cgroup", "4:memory:/\n"}, {"/proc/self/mountinfo", v2_mount()}},
                "the cgroup v1 file system of the memory controller is not mounted"},
       }) {
    const test::Machine machine(one.tree);
    const auto place = find_cgroup("memory", machine.root());
    ASSERT_FALSE(place) << one.words;
    EXPECT_THAT(place.failure().message, HasSubstr(one.words));
  }
}

// Its limits can be read, as far as the mount's top shows them; but whose group that is nobody knows.
TEST(CgroupPlace, IsTheMountsTopWhereTheMountDoesNotShowTheGroup) {
  for (const auto& [path, mounted] : {std::pair{"/../other", "/"}, std::pair{"/docker/4f1cafe", "/docker/4f1c"}}) {
    const test::Machine machine(
        {{"/proc/self/cgroup", fmt::format("0::{}\n", path)}, {"/proc/self/mountinfo", v2_mount(mounted)}});
    const auto place = find_cgroup("memory", machine.root());
    ASSERT_TRUE(place);
    EXPECT_EQ(place->folder, machine.root()("/sys/fs/cgroup"));
    const auto reason = why_not_ours(*place, true, machine.root());
    ASSERT_TRUE(reason);
    EXPECT_THAT(reason->message, HasSubstr(fmt::format("{}, is not in the part of the tree that is mounted on", path)));
  }
}

}  // namespace
}  // namespace jobinit::kernel
