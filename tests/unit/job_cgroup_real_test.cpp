// Job groups in the tree of the kernel that this runs on. v1: below the group of this process. v2: only where the group
// is delegated to it, since everybody in it is moved for the while.
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>

#include "jobinit/kernel/job_cgroup.hpp"
#include "support.hpp"

namespace jobinit::kernel {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr std::size_t kMi = 1U << 20U;

// A child that has joined the job's group before it does anything else.
pid_t start_in(const JobCgroup& job, const std::function<void()>& what) {
  const std::vector<int> fds = job.procs_fds();
  const pid_t child = ::fork();
  if (child == 0) {
    if (join_cgroups(fds.data(), fds.size()) != 0) {
      ::_exit(3);
    }
    what();
    ::_exit(0);
  }
  return child;
}

int status_of(pid_t child) {
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return status;
}

// Tells when it is there, then waits for its signal.
class Sleeper {
 public:
  explicit Sleeper(const JobCgroup& job) {
    auto ready = make_pipe();
    EXPECT_TRUE(ready);
    pid_ = start_in(job, [&] {
      ready->write.reset();
      for (;;) {
        ::pause();
      }
    });
    ready->write.reset();
    wait_until_readable({ready->read.get()}, std::chrono::minutes(1));
  }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;
  ~Sleeper() { end(); }
  pid_t pid() const { return pid_; }
  void end() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      wait();
    }
  }
  int wait() { return status_of(std::exchange(pid_, -1)); }

 private:
  pid_t pid_ = -1;
};

class RealTree : public testing::Test {
 protected:
  void SetUp() override {
    const auto place = find_cgroup("memory");
    if (!place) {
      GTEST_SKIP() << place.failure().message;
    }
    auto groups = JobCgroups::open(place->version == 1);
    if (!groups) {
      GTEST_SKIP() << groups.failure().message;
    }
    groups_.emplace(*std::move(groups));
  }

  std::string own_groups() const { return test::content_of("/proc/self/cgroup"); }

  const std::string before_ = own_groups();
  std::optional<JobCgroups> groups_;
};

TEST_F(RealTree, TakesAJobInAndLetsGoOfIt) {
  auto made = groups_->make({.memory = 64 * kMi, .swap = {}, .processes = {}});
  ASSERT_TRUE(made) << made.failure().message;
  std::optional<JobCgroup> job = *std::move(made);
  const std::string folder = job->folder();
  EXPECT_FALSE(job->populated());
  Sleeper one(*job);
  Sleeper two(*job);
  EXPECT_THAT(job->members(), UnorderedElementsAre(one.pid(), two.pid()));
  EXPECT_TRUE(job->populated());
  one.end();
  EXPECT_THAT(job->members(), UnorderedElementsAre(two.pid()));
  two.end();
  EXPECT_THAT(job->members(), IsEmpty());
  EXPECT_FALSE(job->populated());
  job.reset();
  EXPECT_FALSE(std::filesystem::exists(folder));
}

TEST_F(RealTree, KillsTheJobAndNobodyElseAtItsLimit) {
  auto job = groups_->make({.memory = 32 * kMi, .swap = 0, .processes = {}});
  ASSERT_TRUE(job) << job.failure().message;
  const int status = status_of(start_in(*job, [] {
    constexpr std::size_t size = 128 * kMi;
    void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (std::size_t i = 0; memory != MAP_FAILED && i < size; i += 4096) {
      static_cast<volatile char*>(memory)[i] = 1;
    }
  }));
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
  const std::string counters = job->folder() + (job->version() == 2 ? "/memory.events" : "/memory.oom_control");
  // Where memory.oom.group is set, Linux 6.1 counts the one it chose twice: with the group again.
  EXPECT_THAT(test::content_of(counters), AnyOf(HasSubstr("oom_kill 1\n"), HasSubstr("oom_kill 2\n")));
}

TEST_F(RealTree, LimitsTheNumberOfProcesses) {
  auto job = groups_->make({.memory = 64 * kMi, .swap = {}, .processes = 1});
  if (!job) {
    GTEST_SKIP() << job.failure().message;
  }
  const int status = status_of(start_in(*job, [] { ::_exit(::fork() < 0 ? 42 : 0); }));
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 42) << status;
}

TEST_F(RealTree, KeepsALeftoversGroupAndGivesTheNextAttemptAnother) {
  auto first = groups_->make({});
  ASSERT_TRUE(first) << first.failure().message;
  std::optional<JobCgroup> job = *std::move(first);
  const std::string folder = job->folder();
  Sleeper leftover(*job);
  job.reset();
  EXPECT_TRUE(std::filesystem::exists(folder));
  {
    const auto second = groups_->make({});
    ASSERT_TRUE(second);
    EXPECT_NE(second->folder(), folder);
  }
  groups_.reset();
  EXPECT_TRUE(std::filesystem::exists(folder));
  EXPECT_EQ(own_groups(), before_) << "we are back where we were";
  leftover.end();
  EXPECT_EQ(CgroupTree::real().remove(folder), 0);
}

TEST_F(RealTree, RemovesTheGroupsThatAJobMade) {
  auto made = groups_->make({});
  ASSERT_TRUE(made);
  std::optional<JobCgroup> job = *std::move(made);
  const std::string folder = job->folder();
  ASSERT_EQ(CgroupTree::real().make(folder + "/a"), 0);
  ASSERT_EQ(CgroupTree::real().make(folder + "/a/b"), 0);
  {
    Sleeper sleeper(*job);
    ASSERT_EQ(CgroupTree::real().write(folder + "/a/b/cgroup.procs", std::to_string(sleeper.pid())), 0);
    EXPECT_THAT(job->members(), UnorderedElementsAre(sleeper.pid()));
    EXPECT_TRUE(job->populated());
  }
  job.reset();
  EXPECT_FALSE(std::filesystem::exists(folder));
}

TEST_F(RealTree, IsAsBeforeAfterwards) {
  const std::string folder = groups_->folder();
  const auto names = [&] {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.is_directory() && entry.path().filename().string().starts_with("jobinit.")) {
        found.push_back(entry.path());
      }
    }
    return found;
  };
  {
    const auto job = groups_->make({});
    EXPECT_FALSE(names().empty());
  }
  groups_.reset();
  EXPECT_THAT(names(), IsEmpty());
  EXPECT_EQ(own_groups(), before_);
}

class RealTreeV2 : public RealTree {
 protected:
  void SetUp() override {
    RealTree::SetUp();
    if (groups_ && groups_->version() != 2) {
      GTEST_SKIP() << "the memory controller is in cgroup v1 here";
    }
  }
};

TEST_F(RealTreeV2, KillsEverybodyInTheGroupAndBelow) {
  auto job = groups_->make({});
  ASSERT_TRUE(job);
  Sleeper one(*job);
  Sleeper two(*job);
  ASSERT_EQ(CgroupTree::real().make(job->folder() + "/below"), 0);
  ASSERT_EQ(CgroupTree::real().write(job->folder() + "/below/cgroup.procs", std::to_string(two.pid())), 0);
  if (!job->kill()) {
    GTEST_SKIP() << "no cgroup.kill before Linux 5.14";
  }
  EXPECT_EQ(WTERMSIG(one.wait()), SIGKILL);
  EXPECT_EQ(WTERMSIG(two.wait()), SIGKILL);
  EXPECT_FALSE(job->populated());
}

TEST_F(RealTreeV2, ShowsAJobEveryControllerOfItsContainer) {
  const auto job = groups_->make({});
  ASSERT_TRUE(job);
  EXPECT_EQ(test::content_of(job->folder() + "/cgroup.controllers"),
            test::content_of(groups_->folder() + "/cgroup.controllers"));
}

TEST_F(RealTreeV2, ShowsAJobTheLimitsOfItsContainer) {
  const auto job = groups_->make({});
  ASSERT_TRUE(job);
  for (const char* name : {"/memory.max", "/memory.oom.group", "/cpu.max"}) {
    if (std::filesystem::exists(groups_->folder() + name)) {
      EXPECT_EQ(test::content_of(job->folder() + name), test::content_of(groups_->folder() + name)) << name;
    }
  }
}

// A second jobinit in the container.
TEST_F(RealTreeV2, IsNotDividedTwice) {
  const auto second = JobCgroups::open(false);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.failure().message, HasSubstr("is not delegated"));
}

}  // namespace
}  // namespace jobinit::kernel
