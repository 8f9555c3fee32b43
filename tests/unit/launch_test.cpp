// The launch settings' texts, and what is told when a step of the launch fails.
#include "jobinit/cli/launch.hpp"

#include <gmock/gmock.h>
#include <linux/capability.h>
#include <sys/resource.h>

#include <cerrno>

#include "jobinit/supervise/setup.hpp"
#include "support.hpp"

namespace jobinit::cli {
namespace {

using kernel::kUnlimited;
using kernel::Limit;
using testing::AllOf;
using testing::HasSubstr;

// ---- limits ---------------------------------------------------------------------------------------------------------

TEST(Limits, AreRead) {
  struct Row {
    const char* text;
    const char* name;
    Limit limit;
  };
  for (const Row& row : {
           Row{"nofile=1024:4096", "nofile", {RLIMIT_NOFILE, 1024, 4096}},
           Row{"nofile=7", "nofile", {RLIMIT_NOFILE, 7, 7}},
           Row{"core=0", "core", {RLIMIT_CORE, 0, 0}},
           Row{"core=0:unlimited", "core", {RLIMIT_CORE, 0, kUnlimited}},
           Row{"stack=unlimited", "stack", {RLIMIT_STACK, kUnlimited, kUnlimited}},
           Row{"as=2G:3Gi", "as", {RLIMIT_AS, 2ULL << 30U, 3ULL << 30U}},
           Row{"memlock=64K", "memlock", {RLIMIT_MEMLOCK, 65536, 65536}},
           Row{"fsize=1MB", "fsize", {RLIMIT_FSIZE, 1000000, 1000000}},
           Row{"data=5", "data", {RLIMIT_DATA, 5, 5}},
           Row{"cpu=90", "cpu", {RLIMIT_CPU, 90, 90}},
           Row{"cpu=1m:1h", "cpu", {RLIMIT_CPU, 60, 3600}},
           Row{"cpu=1ms", "cpu", {RLIMIT_CPU, 1, 1}},  // a part of a second is not "at once"
           Row{"nproc=10", "nproc", {RLIMIT_NPROC, 10, 10}},
       }) {
    Limits limits;
    const auto added = add_limit(row.text, limits);
    ASSERT_TRUE(added) << row.text << ": " << added.failure().message;
    EXPECT_EQ(limits, (Limits{{row.name, row.limit}})) << row.text;
  }
}

TEST(Limits, AddUpAndTheLastOfAKindCounts) {
  Limits limits;
  for (const char* text : {"nofile=1", "core=2", "nofile=3"}) {
    ASSERT_TRUE(add_limit(text, limits));
  }
  EXPECT_EQ(limits, (Limits{{"core", {RLIMIT_CORE, 2, 2}}, {"nofile", {RLIMIT_NOFILE, 3, 3}}}));
}

TEST(Limits, EveryOneOfTheKernelHasAName) {
  std::set<int> resources;
  for (const kernel::LimitKind& kind : kernel::limit_kinds()) {
    resources.insert(kind.resource);
  }
  EXPECT_EQ(resources.size(), static_cast<std::size_t>(RLIM_NLIMITS));
}

TEST(Limits, BadOnesAreToldWithTheNearestRightOne) {
  struct Row {
    const char* text;
    const char* words;
  };
  for (const Row& row : {
           Row{"nofle=1", "did you mean nofile?"},
           Row{"openfiles=1", "the limits are as, core"},
           Row{"nofile", "of the form nofile=1024"},
           Row{"nofile=", "not a number for nofile"},
           Row{"nofile=1K", "not a number for nofile"},
           Row{"nofile=-1", "write it like 1024 or unlimited"},
           Row{"nofile=1:2:3", "\"2:3\" is not a number"},
           Row{"nofile=2:1", "the soft limit, which comes first, is above the hard limit"},
           Row{"nofile=unlimited:5", "above the hard limit"},
           Row{"as=lots", "not a size for as"},
           Row{"cpu=1 hour", "not a duration for cpu"},
           Row{"=1", "is not a limit"},
       }) {
    Limits limits{{"core", {RLIMIT_CORE, 0, 0}}};
    const Limits before = limits;
    const auto added = add_limit(row.text, limits);
    ASSERT_FALSE(added) << row.text;
    EXPECT_THAT(added.failure().message, HasSubstr(row.words)) << row.text;
    EXPECT_EQ(limits, before);
  }
}

// ---- capabilities ---------------------------------------------------------------------------------------------------

TEST(Capabilities, AreOneBitEach) {
  EXPECT_EQ(*parse_capability("CAP_CHOWN"), 1ULL << CAP_CHOWN);
  EXPECT_EQ(*parse_capability("CAP_KILL"), 1ULL << CAP_KILL);
  EXPECT_EQ(*parse_capability("CAP_NET_RAW"), 1ULL << CAP_NET_RAW);
  EXPECT_EQ(*parse_capability("net_raw"), 1ULL << CAP_NET_RAW);
  EXPECT_EQ(*parse_capability("Cap_Sys_Resource"), 1ULL << CAP_SYS_RESOURCE);
  EXPECT_EQ(*parse_capability("CAP_SETFCAP"), 1ULL << CAP_SETFCAP);
  EXPECT_EQ(*parse_capability("CAP_CHECKPOINT_RESTORE"), 1ULL << CAP_CHECKPOINT_RESTORE);
  EXPECT_EQ(*parse_capability("all"), ~0ULL);  // also those that a newer kernel has
}

TEST(Capabilities, BadOnesAreToldWithTheNearestRightOne) {
  EXPECT_THAT(parse_capability("CAP_NET_RW").failure().message, HasSubstr("did you mean CAP_NET_RAW?"));
  EXPECT_THAT(parse_capability("netadmin").failure().message, HasSubstr("did you mean CAP_NET_ADMIN?"));
  EXPECT_THAT(parse_capability("everything").failure().message, HasSubstr("write it like CAP_NET_RAW, or ALL"));
  EXPECT_FALSE(parse_capability("CAP_ALL"));
}

// ---- umask ----------------------------------------------------------------------------------------------------------

TEST(Umask, IsOctal) {
  EXPECT_EQ(*parse_umask("022"), 022U);
  EXPECT_EQ(*parse_umask("0027"), 027U);
  EXPECT_EQ(*parse_umask("0"), 0U);
  EXPECT_EQ(*parse_umask("777"), 0777U);
  for (const char* bad : {"", "8", "1000", "-1", "0o22", "u=rwx", "22 2"}) {
    const auto mask = parse_umask(bad);
    ASSERT_FALSE(mask) << bad;
    EXPECT_THAT(mask.failure().message, HasSubstr("000 to 777"));
  }
}

// ---- patterns -------------------------------------------------------------------------------------------------------

TEST(VariablePattern, IsANameNotAnAssignment) {
  EXPECT_EQ(*parse_variable_pattern("LC_*"), "LC_*");
  const auto assignment = parse_variable_pattern("TOKEN=hunter2");
  ASSERT_FALSE(assignment);
  EXPECT_THAT(assignment.failure().message, AllOf(HasSubstr("TOKEN"), testing::Not(HasSubstr("hunter2"))));
}

}  // namespace
}  // namespace jobinit::cli

// ---- failures of the steps ------------------------------------------------------------------------------------------

namespace jobinit::supervise {
namespace {

TEST(SetUp, AFailedStepIsToldAsItsSettingAndTheErrno) {
  ProcessSetup setup;
  setup.limits = {{"core", {RLIMIT_CORE, 0, 0}}, {"nofile", {RLIMIT_NOFILE, 1024, kernel::kUnlimited}}};
  setup.niceness = -5;
  setup.group = 100;
  setup.groups = {{100, 200}};
  setup.folder = "/data";
  struct Row {
    SetupFailure failure;
    const char* message;
  };
  const auto told = [&](const Row& row) {
    const Error failure = explain(row.failure, setup);
    EXPECT_EQ(failure.code, row.failure.code);
    EXPECT_EQ(failure.message, row.message);
  };
  told({{SetupStep::limit, 1, EPERM},
        "--limit nofile=1024:unlimited: Operation not permitted; above the present hard limit it takes "
        "CAP_SYS_RESOURCE"});
  told({{SetupStep::niceness, 0, EACCES},
        "--nice -5: Permission denied; below the present niceness it takes CAP_SYS_NICE"});
  told({{SetupStep::bounding_set, 0, EPERM},
        "--drop-caps: leaving the bounding set: Operation not permitted; it takes CAP_SETPCAP"});
  told({{SetupStep::groups, 0, EPERM},
        "--group: changing the groups to 100, 200: Operation not permitted; it takes CAP_SETGID, as root has it"});
  told({{SetupStep::folder, 0, ENOENT}, "--chdir /data: No such file or directory"});
  told({{SetupStep::folder, 0, EACCES}, "--chdir /data: Permission denied"});
  setup.user = 7;
  told({{SetupStep::group, 0, EINVAL},
        "--user: changing the group to 100: Invalid argument; this user namespace has no such id"});
  told({{SetupStep::user, 0, EPERM},
        "--user: becoming user 7: Operation not permitted; it takes CAP_SETUID, as root has it"});
  told({{SetupStep::user, 0, EAGAIN}, "--user: becoming user 7: Resource temporarily unavailable"});
}

TEST(SetUp, NothingToDoCannotFail) { EXPECT_EQ(set_up(ProcessSetup()).code, 0); }

}  // namespace
}  // namespace jobinit::supervise
