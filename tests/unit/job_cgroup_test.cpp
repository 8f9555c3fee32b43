// Dividing a group and making one for a job, on a model of the kernel's tree.
#include "jobinit/kernel/job_cgroup.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include "cgroup_model.hpp"
#include "support.hpp"

namespace jobinit::kernel {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr std::uint64_t kMi = 1U << 20U;

std::string self() { return std::to_string(::getpid()); }

test::Tree container_tree() {
  const std::string group = "/sys/fs/cgroup";
  return {{"/proc/self/cgroup", "0::/\n"},
          {"/proc/self/stat", "1 (jobinit) S 0 1 1\n"},
          {"/proc/self/mountinfo", "36 30 0:31 / /sys/fs/cgroup rw - cgroup2 cgroup rw\n"},
          {group + "/cgroup.procs", self() + "\n999999998\n"},
          {group + "/cgroup.type", "domain\n"},
          {group + "/cgroup.controllers", "cpu memory pids\n"},
          {group + "/cgroup.subtree_control", "\n"},
          {group + "/memory.max", "1073741824\n"},
          {group + "/memory.oom.group", "0\n"},
          {group + "/cpu.max", "max 100000\n"}};
}

// A container of cgroup v2 whose tree can be written to: this process and another live in it.
class Container : public testing::Test {
 protected:
  std::string path(std::string_view name) const { return machine_.root()("/sys/fs/cgroup/") + std::string(name); }
  std::vector<std::string> words(std::string_view name) const { return test::CgroupModel::words(path(name)); }
  bool exists(std::string_view name) const { return std::filesystem::exists(path(name)); }
  Result<JobCgroups> open() { return JobCgroups::open(false, machine_.root(), kernel_); }

  std::string refusal() {
    const auto groups = open();
    return groups ? "" : groups.failure().message;
  }

  test::Machine machine_{container_tree()};
  test::CgroupModel kernel_{machine_.root()("/sys/fs/cgroup"), 2};
  const std::map<std::string, std::vector<std::string>> untouched_ = kernel_.snapshot();
};

// ---- dividing -------------------------------------------------------------------------------------------------------

TEST_F(Container, IsDividedWhenEverybodyLivesInALeaf) {
  const auto groups = open();
  ASSERT_TRUE(groups) << groups.failure().message;
  EXPECT_EQ(groups->version(), 2);
  EXPECT_EQ(groups->folder() + "/", path(""));
  EXPECT_THAT(words("cgroup.procs"), IsEmpty());
  EXPECT_THAT(words("jobinit.init/cgroup.procs"), UnorderedElementsAre(self(), "999999998"));
  EXPECT_THAT(words("cgroup.subtree_control"), UnorderedElementsAre("memory", "cpu", "pids"));
}

TEST_F(Container, IsAsBeforeAfterwards) {
  {
    const auto groups = open();
    ASSERT_TRUE(groups);
  }
  EXPECT_EQ(kernel_.snapshot(), untouched_);
}

TEST_F(Container, IsDividedOnceHoweverOftenItsOwnerMoves) {
  {
    auto first = open();
    ASSERT_TRUE(first);
    JobCgroups second = *std::move(first);
    EXPECT_TRUE(exists("jobinit.init"));
    EXPECT_TRUE(second.make({}));
  }
  EXPECT_EQ(kernel_.snapshot(), untouched_);
}

TEST_F(Container, IsDividedWithoutAControllerThatCannotBe) {
  kernel_.before = [](const std::string&, std::string_view what) { return what == "+cpu" ? EINVAL : 0; };
  const auto groups = open();
  ASSERT_TRUE(groups);
  EXPECT_THAT(words("cgroup.subtree_control"), UnorderedElementsAre("memory", "pids"));
}

TEST_F(Container, IsEmptiedOfThoseWhoForkMeanwhile) {
  int forked = 0;
  kernel_.before = [&](const std::string& file, std::string_view) {
    if (file.ends_with("jobinit.init/cgroup.procs") && forked < 5) {
      test::CgroupModel::add(path(""), std::to_string(900'000'000 + forked++));
    }
    return 0;
  };
  ASSERT_TRUE(open());
  EXPECT_EQ(forked, 5);
}

TEST_F(Container, IsEmptiedAgainWhenSomebodyJoinsAtTheLastMoment) {
  int joined = 0;
  kernel_.before = [&](const std::string&, std::string_view what) {
    if (what == "+memory" && joined < 3) {
      test::CgroupModel::add(path(""), std::to_string(900'000'000 + joined++));
    }
    return 0;
  };
  const auto groups = open();
  ASSERT_TRUE(groups) << groups.failure().message;
  EXPECT_THAT(words("jobinit.init/cgroup.procs"), Contains("900000002"));
}

TEST_F(Container, IsDividedThoughSomebodyEndsBeforeHeIsMoved) {
  kernel_.before = [&](const std::string&, std::string_view what) {
    if (what == "999999998") {
      test::CgroupModel::end(path(""), "999999998");
    }
    return 0;
  };
  EXPECT_EQ(refusal(), "");
}

TEST_F(Container, IsDividedWhenWhoWasEndingHasEnded) {
  kernel_.ending = {"999999998"};
  int asked = 0;
  kernel_.before = [&](const std::string&, std::string_view what) {
    if (what == "999999998" && ++asked == 5) {
      test::CgroupModel::end(path(""), "999999998");
    }
    return 0;
  };
  EXPECT_EQ(refusal(), "");
}

TEST_F(Container, IsLeftAloneWhenWhoIsEndingDoesNotEnd) {
  kernel_.ending = {"999999998"};
  EXPECT_THAT(refusal(), HasSubstr("moving the process 999999998"));
  EXPECT_EQ(kernel_.snapshot(), untouched_);
}

// ---- what cannot be is undone ---------------------------------------------------------------------------------------

TEST_F(Container, IsAsBeforeWhicheverStepFails) {
  int steps = 0;
  for (int failing = 0; failing <= steps; ++failing) {
    steps = 0;
    kernel_.before = [&](const std::string&, std::string_view) { return steps++ == failing ? EIO : 0; };
    {
      const auto groups = open();
      EXPECT_TRUE(groups || groups.failure().code == EIO) << groups.failure().message;
      kernel_.before = nullptr;  // the undoing itself succeeds
    }
    EXPECT_EQ(kernel_.snapshot(), untouched_) << "step " << failing;
  }
  EXPECT_GE(steps, 6) << "a leaf, two processes, three controllers";
}

TEST_F(Container, IsLeftAloneWhenItNeverGetsEmpty) {
  int forked = 0;
  kernel_.before = [&](const std::string& file, std::string_view what) {
    if (file.ends_with("jobinit.init/cgroup.procs") && what != "0") {
      test::CgroupModel::add(path(""), std::to_string(900'000'000 + forked++));
    }
    return 0;
  };
  EXPECT_THAT(refusal(), HasSubstr("moving the process 9"));
  EXPECT_FALSE(exists("jobinit.init"));
  EXPECT_THAT(words("cgroup.procs"), Contains(self()));
}

TEST_F(Container, IsLeftAloneWhenAnotherJobinitDividesIt) {
  ASSERT_EQ(kernel_.make(path("jobinit.init")), 0);
  EXPECT_THAT(refusal(), HasSubstr("jobinit.init is there already: another jobinit"));
  EXPECT_TRUE(exists("jobinit.init"));
  EXPECT_THAT(words("cgroup.procs"), Contains(self()));
}

TEST_F(Container, IsLeftAloneWhenAProcessOfAnotherNamespaceLivesThere) {
  test::CgroupModel::add(path(""), "0");
  EXPECT_THAT(refusal(), HasSubstr("a process of another pid namespace lives in"));
  test::CgroupModel::end(path(""), "0");
  EXPECT_EQ(kernel_.snapshot(), untouched_);
}

TEST_F(Container, IsLeftAloneWhenItIsNotOurs) {
  std::filesystem::remove(path("cgroup.type"));
  const auto before = kernel_.snapshot();
  kernel_.before = [](const std::string& file, std::string_view) {
    ADD_FAILURE() << file;
    return 0;
  };
  EXPECT_THAT(refusal(), HasSubstr("the machine's own tree"));
  EXPECT_EQ(kernel_.snapshot(), before);
}

// ---- the job's group ------------------------------------------------------------------------------------------------

TEST_F(Container, GivesAJobItsLimits) {
  auto groups = open();
  ASSERT_TRUE(groups);
  const auto job = groups->make({.memory = 64 * kMi, .swap = 0, .processes = 100});
  ASSERT_TRUE(job) << job.failure().message;
  EXPECT_EQ(job->folder(), path("jobinit.job"));
  EXPECT_EQ(job->version(), 2);
  EXPECT_THAT(words("jobinit.job/memory.max"), ElementsAre("67108864"));
  EXPECT_THAT(words("jobinit.job/memory.swap.max"), ElementsAre("0"));
  EXPECT_THAT(words("jobinit.job/pids.max"), ElementsAre("100"));
  EXPECT_THAT(words("jobinit.job/memory.oom.group"), ElementsAre("0"));
  EXPECT_THAT(words("jobinit.job/cpu.max"), ElementsAre("max"));
}

TEST_F(Container, ShowsAJobWhatHoldsFromAbove) {
  test::write_file(path("memory.oom.group"), "1\n");
  test::write_file(path("cpu.max"), "150000 100000\n");
  auto groups = open();
  ASSERT_TRUE(groups);
  const auto job = groups->make({});
  ASSERT_TRUE(job) << job.failure().message;
  EXPECT_THAT(words("jobinit.job/memory.max"), ElementsAre("1073741824"));
  EXPECT_THAT(words("jobinit.job/memory.swap.max"), ElementsAre("max"));
  EXPECT_THAT(words("jobinit.job/memory.oom.group"), ElementsAre("1"));
  EXPECT_THAT(words("jobinit.job/cpu.max"), ElementsAre("150000", "100000"));
}

TEST_F(Container, GivesAJobItsLimitsWhereSwapIsNotCounted) {
  auto groups = open();
  ASSERT_TRUE(groups);
  kernel_.before = [](const std::string& file, std::string_view) { return file.ends_with("swap.max") ? ENOENT : 0; };
  EXPECT_TRUE(groups->make({.memory = kMi, .swap = 0, .processes = {}}));
}

TEST_F(Container, KeepsNoGroupWithoutItsLimits) {
  test::write_file(path("memory.oom.group"), "1\n");
  auto groups = open();
  ASSERT_TRUE(groups);
  for (const char* name : {"memory.max", "memory.swap.max", "pids.max", "memory.oom.group"}) {
    kernel_.before = [&](const std::string& file, std::string_view) {
      return file.ends_with(fmt::format("jobinit.job/{}", name)) ? EIO : 0;
    };
    const auto job = groups->make({.memory = kMi, .swap = kMi, .processes = 7});
    ASSERT_FALSE(job) << name;
    EXPECT_EQ(job.failure().code, EIO);
    EXPECT_THAT(job.failure().message, HasSubstr("jobinit.job"));
    EXPECT_FALSE(exists("jobinit.job")) << name;
  }
  kernel_.before = nullptr;
}

TEST_F(Container, GivesEachAttemptAGroup) {
  auto groups = open();
  ASSERT_TRUE(groups);
  std::optional<JobCgroup> first = *groups->make({});
  test::CgroupModel::add(first->folder(), "900000001");  // a leftover of the first attempt
  first.reset();
  EXPECT_TRUE(exists("jobinit.job"));
  {
    const auto second = groups->make({});
    ASSERT_TRUE(second);
    EXPECT_EQ(second->folder(), path("jobinit.job.2"));
  }
  EXPECT_FALSE(exists("jobinit.job.2"));
  const auto third = groups->make({});
  ASSERT_TRUE(third);
  EXPECT_EQ(third->folder(), path("jobinit.job.2"));
}

TEST_F(Container, IsAsBeforeWhenTheLeftoversHaveEndedToo) {
  {
    auto groups = open();
    ASSERT_TRUE(groups);
    std::optional<JobCgroup> job = *groups->make({});
    ASSERT_EQ(kernel_.make(path("jobinit.job/below")), 0);
    test::CgroupModel::add(path("jobinit.job/below"), "900000001");
    job.reset();
    test::CgroupModel::end(path("jobinit.job/below"), "900000001");
  }
  EXPECT_EQ(kernel_.snapshot(), untouched_);
}

TEST_F(Container, KeepsTheGroupOfWhoeverIsLeft) {
  {
    auto groups = open();
    ASSERT_TRUE(groups);
    std::optional<JobCgroup> job = *groups->make({});
    test::CgroupModel::add(job->folder(), "900000001");
  }
  EXPECT_THAT(words("jobinit.job/cgroup.procs"), ElementsAre("900000001"));
  EXPECT_FALSE(exists("jobinit.init"));
  EXPECT_THAT(words("cgroup.procs"), UnorderedElementsAre(self(), "999999998"));
  EXPECT_THAT(words("cgroup.subtree_control"), IsEmpty());
}

TEST_F(Container, LeavesAGroupAloneThatHasTakenTheNameSince) {
  auto groups = open();
  ASSERT_TRUE(groups);
  std::optional<JobCgroup> job = *groups->make({});
  test::CgroupModel::add(job->folder(), "900000001");
  job.reset();
  // Another's folder, with another inode while the old one is still there.
  std::filesystem::rename(path("jobinit.job"), machine_.root()("/elsewhere"));
  ASSERT_EQ(kernel_.make(path("jobinit.job")), 0);
  { const JobCgroups gone = *std::move(groups); }
  EXPECT_TRUE(exists("jobinit.job"));
}

TEST_F(Container, KnowsTheMembersOfAJobsGroup) {
  auto groups = open();
  ASSERT_TRUE(groups);
  const auto job = groups->make({});
  ASSERT_TRUE(job);
  EXPECT_THAT(job->members(), IsEmpty());
  EXPECT_FALSE(job->populated());
  // The job divides its group, too.
  ASSERT_EQ(kernel_.make(path("jobinit.job/a")), 0);
  ASSERT_EQ(kernel_.make(path("jobinit.job/a/b")), 0);
  test::CgroupModel::add(path("jobinit.job"), "900000001");
  test::CgroupModel::add(path("jobinit.job/a/b"), "900000002");
  test::write_file(path("jobinit.job/cgroup.events"), "populated 1\nfrozen 0\n");
  EXPECT_THAT(job->members(), UnorderedElementsAre(900000001, 900000002));
  EXPECT_TRUE(job->populated());
  test::write_file(path("jobinit.job/cgroup.events"), "populated 0\nfrozen 1\n");
  EXPECT_FALSE(job->populated());
}

TEST_F(Container, RemovesTheGroupsThatAJobMade) {
  auto groups = open();
  ASSERT_TRUE(groups);
  std::optional<JobCgroup> job = *groups->make({});
  for (const char* name : {"jobinit.job/a", "jobinit.job/a/b", "jobinit.job/c"}) {
    ASSERT_EQ(kernel_.make(path(name)), 0);
  }
  job.reset();
  EXPECT_FALSE(exists("jobinit.job"));
}

TEST_F(Container, KillsByTheKernelsMeansWhereThereAreSome) {
  auto groups = open();
  ASSERT_TRUE(groups);
  auto job = groups->make({});
  ASSERT_TRUE(job);
  EXPECT_TRUE(job->kill());
  EXPECT_THAT(words("jobinit.job/cgroup.kill"), ElementsAre("1"));
  std::filesystem::remove(path("jobinit.job/cgroup.kill"));  // before Linux 5.14
  EXPECT_FALSE(job->kill());
}

TEST_F(Container, LetsAProcessJoin) {
  auto groups = open();
  ASSERT_TRUE(groups);
  const auto job = groups->make({});
  ASSERT_TRUE(job);
  const std::vector<int> fds = job->procs_fds();
  EXPECT_EQ(join_cgroups(fds.data(), fds.size()), 0);
  EXPECT_EQ(test::content_of(path("jobinit.job/cgroup.procs")), "0");
  test::write_file(path("jobinit.job/cgroup.procs"), "");
  const int closed = -1;
  EXPECT_EQ(join_cgroups(&closed, 1), EBADF);
}

TEST_F(Container, IsTheOldGroupUntilTheNewOneIsAssigned) {
  auto groups = open();
  ASSERT_TRUE(groups);
  auto job = groups->make({});
  auto next = groups->make({});
  ASSERT_TRUE(job);
  ASSERT_TRUE(next);
  *job = *std::move(next);
  EXPECT_FALSE(exists("jobinit.job"));
  EXPECT_EQ(job->folder(), path("jobinit.job.2"));
  EXPECT_TRUE(exists("jobinit.job.2"));
}

// ---- v1 -------------------------------------------------------------------------------------------------------------

class ContainerV1 : public testing::Test {
 protected:
  static test::Tree tree() {
    return {{"/proc/self/cgroup", "8:pids:/docker/4f1c\n4:memory:/docker/4f1c\n"},
            {"/proc/self/stat", "1 (jobinit) S 0 1 1\n"},
            {"/proc/self/mountinfo",
             "35 30 0:30 /docker/4f1c /sys/fs/cgroup/pids rw - cgroup c rw,pids\n"
             "36 30 0:31 /docker/4f1c /sys/fs/cgroup/memory rw - cgroup c rw,memory\n"},
            {"/sys/fs/cgroup/pids/cgroup.procs", self() + "\n"},
            {"/sys/fs/cgroup/memory/memory.use_hierarchy", "1\n"},
            {"/sys/fs/cgroup/memory/cgroup.procs", self() + "\n"}};
  }
  std::vector<std::string> words(std::string_view name) const {
    return test::CgroupModel::words(machine_.root()("/sys/fs/cgroup/") + std::string(name));
  }

  test::Machine machine_{tree()};
  test::CgroupModel kernel_{machine_.root()("/sys/fs/cgroup"), 1};
  const std::map<std::string, std::vector<std::string>> untouched_ = kernel_.snapshot();
};

TEST_F(ContainerV1, NeedsNotBeDivided) {
  const auto groups = JobCgroups::open(false, machine_.root(), kernel_);
  ASSERT_TRUE(groups) << groups.failure().message;
  EXPECT_EQ(groups->version(), 1);
  EXPECT_EQ(kernel_.snapshot(), untouched_);
}

TEST_F(ContainerV1, GivesAJobItsLimits) {
  auto groups = JobCgroups::open(false, machine_.root(), kernel_);
  ASSERT_TRUE(groups);
  {
    auto job = groups->make({.memory = 64 * kMi, .swap = 16 * kMi, .processes = 100});
    ASSERT_TRUE(job) << job.failure().message;
    EXPECT_EQ(job->folder(), machine_.root()("/sys/fs/cgroup/memory/jobinit.job"));
    EXPECT_THAT(words("memory/jobinit.job/memory.limit_in_bytes"), ElementsAre("67108864"));
    EXPECT_THAT(words("memory/jobinit.job/memory.memsw.limit_in_bytes"), ElementsAre("83886080"));
    EXPECT_THAT(words("pids/jobinit.job/pids.max"), ElementsAre("100"));
    EXPECT_FALSE(job->kill());

    const std::vector<int> fds = job->procs_fds();
    ASSERT_EQ(fds.size(), 2U);
    EXPECT_EQ(join_cgroups(fds.data(), fds.size()), 0);
    EXPECT_THAT(words("memory/jobinit.job/cgroup.procs"), ElementsAre("0"));
    EXPECT_THAT(words("pids/jobinit.job/cgroup.procs"), ElementsAre("0"));
    EXPECT_TRUE(job->populated());
    test::write_file(job->folder() + "/cgroup.procs", "");
    test::write_file(machine_.root()("/sys/fs/cgroup/pids/jobinit.job/cgroup.procs"), "");
    EXPECT_FALSE(job->populated());
  }
  EXPECT_EQ(kernel_.snapshot(), untouched_);
}

TEST_F(ContainerV1, LimitsNoMoreThanThereIs) {
  auto groups = JobCgroups::open(false, machine_.root(), kernel_);
  ASSERT_TRUE(groups);
  const auto job = groups->make({.memory = kMi, .swap = ~std::uint64_t{0}, .processes = {}});
  ASSERT_TRUE(job);
  EXPECT_THAT(words("memory/jobinit.job/memory.memsw.limit_in_bytes"), ElementsAre("18446744073709551615"));
}

TEST_F(ContainerV1, MakesNoGroupForProcessesUnlessTheyAreLimited) {
  auto groups = JobCgroups::open(false, machine_.root(), kernel_);
  ASSERT_TRUE(groups);
  const auto job = groups->make({.memory = kMi, .swap = {}, .processes = {}});
  ASSERT_TRUE(job);
  EXPECT_EQ(job->procs_fds().size(), 1U);
  EXPECT_FALSE(std::filesystem::exists(machine_.root()("/sys/fs/cgroup/pids/jobinit.job")));
}

TEST_F(ContainerV1, KeepsNoGroupWithoutItsLimits) {
  auto groups = JobCgroups::open(false, machine_.root(), kernel_);
  ASSERT_TRUE(groups);
  std::filesystem::remove(machine_.root()("/sys/fs/cgroup/pids/cgroup.procs"));
  const auto before = kernel_.snapshot();
  const auto job = groups->make({.memory = kMi, .swap = {}, .processes = 5});
  ASSERT_FALSE(job);
  EXPECT_THAT(job.failure().message, HasSubstr("/sys/fs/cgroup/pids/cgroup.procs does not list this process"));
  EXPECT_EQ(kernel_.snapshot(), before);
}

TEST_F(ContainerV1, UsesOneGroupWhereBothControllersAreMountedTogether) {
  test::write_file(machine_.root()("/proc/self/cgroup"), "4:memory,pids:/docker/4f1c\n");
  test::write_file(machine_.root()("/proc/self/mountinfo"),
                   "36 30 0:31 /docker/4f1c /sys/fs/cgroup/memory rw - cgroup c rw,memory,pids\n");
  auto groups = JobCgroups::open(false, machine_.root(), kernel_);
  ASSERT_TRUE(groups);
  const auto job = groups->make({.memory = kMi, .swap = {}, .processes = 5});
  ASSERT_TRUE(job) << job.failure().message;
  EXPECT_EQ(job->procs_fds().size(), 1U);
  EXPECT_THAT(words("memory/jobinit.job/pids.max"), ElementsAre("5"));
}

}  // namespace
}  // namespace jobinit::kernel
