// The memory cgroup as containers of every kind show it: /proc/self/{cgroup,mountinfo} and the hierarchy, as fixtures.
#include "jobinit/kernel/cgroup.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include "support.hpp"

namespace jobinit::kernel {
namespace {

constexpr std::uint64_t kMi = 1U << 20U;

// mountinfo's other lines, which must not confuse anybody.
constexpr const char* kOtherMounts =
    "22 1 0:21 / /proc rw,nosuid - proc proc rw\n"
    "23 1 0:22 / /sys ro,nosuid - sysfs sysfs ro\n"
    "30 23 0:25 / /sys/fs/cgroup ro - tmpfs tmpfs rw,mode=755\n"
    "31 30 0:26 / /sys/fs/cgroup/cpu,cpuacct ro master:5 - cgroup cgroup rw,cpu,cpuacct\n"
    "32 30 0:27 / /sys/fs/cgroup/systemd ro - cgroup cgroup rw,xattr,name=systemd\n"
    "garbage\n"
    "40 1 8:1 / /data rw - ext4 /dev/sda1 rw\n";

std::string mounts(const std::string& cgroup_line) { return kOtherMounts + cgroup_line; }

struct Row {
  const char* name;
  test::Tree tree;
  int version;
  std::vector<std::string> folders;
  std::optional<std::uint64_t> limit;
  std::optional<std::uint64_t> peak;
  std::optional<std::uint64_t> oom_kills;
  friend void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }
};

class Cgroup : public testing::TestWithParam<Row> {};

TEST_P(Cgroup, IsReadAsTheKernelMeansIt) {
  const Row& row = GetParam();
  const test::Machine machine(row.tree);
  const auto group = MemoryCgroup::find(machine.root());
  ASSERT_TRUE(group);
  EXPECT_EQ(group->version(), row.version);
  std::vector<std::string> folders;
  for (const std::string& folder : row.folders) {
    folders.push_back(machine.root()(folder));
  }
  EXPECT_EQ(group->folders(), folders);
  EXPECT_EQ(group->limit(), row.limit);
  EXPECT_EQ(group->peak(), row.peak);
  EXPECT_EQ(group->oom_kills(), row.oom_kills);
}

const std::vector<Row>& rows() {
  static const std::vector<Row> all{
      {"v1, docker without a cgroup namespace",
       {{"/proc/self/cgroup",
         "12:pids:/docker/4f1c\n11:cpu,cpuacct:/docker/4f1c\n9:memory:/docker/4f1c\n1:name=systemd:/x\n"},
        {"/proc/self/mountinfo",
         mounts("36 30 0:31 /docker/4f1c /sys/fs/cgroup/memory ro,nosuid master:15 - cgroup cgroup rw,memory\n")},
        {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "536870912\n"},
        {"/sys/fs/cgroup/memory/memory.max_usage_in_bytes", "104857600\n"},
        {"/sys/fs/cgroup/memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"}},
       1,
       {"/sys/fs/cgroup/memory"},
       512 * kMi,
       100 * kMi,
       3},
      {"v1, on the host, a tighter parent",
       {{"/proc/self/cgroup", "9:hugetlb,memory:/slurm/job_7/step_0\n"},
        {"/proc/self/mountinfo", mounts("36 30 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n")},
        {"/sys/fs/cgroup/memory/slurm/job_7/step_0/memory.limit_in_bytes", "9223372036854771712\n"},
        {"/sys/fs/cgroup/memory/slurm/job_7/memory.limit_in_bytes", "268435456\n"},
        {"/sys/fs/cgroup/memory/slurm/memory.limit_in_bytes", "536870912\n"},
        {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"},
        {"/sys/fs/cgroup/memory/slurm/job_7/step_0/memory.max_usage_in_bytes", "4096\n"}},
       1,
       {"/sys/fs/cgroup/memory/slurm/job_7/step_0", "/sys/fs/cgroup/memory/slurm/job_7", "/sys/fs/cgroup/memory/slurm",
        "/sys/fs/cgroup/memory"},
       256 * kMi,
       4096,
       std::nullopt},  // before 4.13 the counter is not there
      {"v1, no limit",
       {{"/proc/self/cgroup", "9:memory:/\n"},
        {"/proc/self/mountinfo", mounts("36 30 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n")},
        {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"},
        {"/sys/fs/cgroup/memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n"}},
       1,
       {"/sys/fs/cgroup/memory"},
       std::nullopt,
       std::nullopt,
       0},
      {"v1, 64 KiB pages, no limit",
       {{"/proc/self/cgroup", "9:memory:/\n"},
        {"/proc/self/mountinfo", mounts("36 30 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n")},
        {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854710272\n"}},
       1,
       {"/sys/fs/cgroup/memory"},
       std::nullopt,
       std::nullopt,
       std::nullopt},
      {"v2, private namespace",
       {{"/proc/self/cgroup", "0::/\n"},
        {"/proc/self/mountinfo", mounts("36 23 0:31 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw,nsdelegate\n")},
        {"/sys/fs/cgroup/memory.max", "1073741824\n"},
        {"/sys/fs/cgroup/memory.peak", "209715200\n"},
        {"/sys/fs/cgroup/memory.events", "low 0\nhigh 0\nmax 12\noom 2\noom_kill 1\noom_group_kill 5\n"}},
       2,
       {"/sys/fs/cgroup"},
       1024 * kMi,
       200 * kMi,
       1},
      {"v2, a tighter ancestor, and max here",
       {{"/proc/self/cgroup", "0::/kubepods/pod1/c1\n"},
        {"/proc/self/mountinfo", mounts("36 23 0:31 / /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n")},
        {"/sys/fs/cgroup/kubepods/pod1/c1/memory.max", "max\n"},
        {"/sys/fs/cgroup/kubepods/pod1/memory.max", "134217728\n"},
        {"/sys/fs/cgroup/kubepods/memory.max", "8589934592\n"},
        {"/sys/fs/cgroup/kubepods/pod1/c1/memory.events", "oom_kill 0\n"}},
       2,
       {"/sys/fs/cgroup/kubepods/pod1/c1", "/sys/fs/cgroup/kubepods/pod1", "/sys/fs/cgroup/kubepods", "/sys/fs/cgroup"},
       128 * kMi,
       std::nullopt,  // before 5.19 the kernel does not say
       0},
      {"v2, no limit anywhere",
       {{"/proc/self/cgroup", "0::/\n"},
        {"/proc/self/mountinfo", mounts("36 23 0:31 / /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n")},
        {"/sys/fs/cgroup/memory.max", "max\n"}},
       2,
       {"/sys/fs/cgroup"},
       std::nullopt,
       std::nullopt,
       std::nullopt},
      {"v2, a limit of nothing is a limit",
       {{"/proc/self/cgroup", "0::/\n"},
        {"/proc/self/mountinfo", mounts("36 23 0:31 / /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n")},
        {"/sys/fs/cgroup/memory.max", "0\n"}},
       2,
       {"/sys/fs/cgroup"},
       0,
       std::nullopt,
       std::nullopt},
      {"v2, without a namespace, only the container's own folder mounted",
       {{"/proc/self/cgroup", "0::/system.slice/docker-4f1c.scope\n"},
        {"/proc/self/mountinfo",
         mounts("36 23 0:31 /system.slice/docker-4f1c.scope /sys/fs/cgroup ro - cgroup2 cgroup rw\n")},
        {"/sys/fs/cgroup/memory.max", "67108864\n"}},
       2,
       {"/sys/fs/cgroup"},
       64 * kMi,
       std::nullopt,
       std::nullopt},
      {"v2, moved below the mounted folder",
       {{"/proc/self/cgroup", "0::/docker/4f1c/job\n"},
        {"/proc/self/mountinfo", mounts("36 23 0:31 /docker/4f1c /sys/fs/cgroup rw - cgroup2 cgroup rw\n")},
        {"/sys/fs/cgroup/memory.max", "67108864\n"},
        {"/sys/fs/cgroup/job/memory.max", "33554432\n"}},
       2,
       {"/sys/fs/cgroup/job", "/sys/fs/cgroup"},
       32 * kMi,
       std::nullopt,
       std::nullopt},
      {"v2, a path that only starts like the mounted folder",
       {{"/proc/self/cgroup", "0::/docker/4f1cafe/job\n"},
        {"/proc/self/mountinfo", mounts("36 23 0:31 /docker/4f1c /sys/fs/cgroup rw - cgroup2 cgroup rw\n")},
        {"/sys/fs/cgroup/memory.max", "67108864\n"}},
       2,
       {"/sys/fs/cgroup"},
       64 * kMi,
       std::nullopt,
       std::nullopt},
      {"v2, outside of the namespace's root",
       {{"/proc/self/cgroup", "0::/../../other\n"},
        {"/proc/self/mountinfo", mounts("36 23 0:31 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n")},
        {"/sys/fs/cgroup/memory.max", "67108864\n"}},
       2,
       {"/sys/fs/cgroup"},
       64 * kMi,
       std::nullopt,
       std::nullopt},
      {"hybrid: memory is in v1, though v2 is mounted too",
       {{"/proc/self/cgroup", "9:memory:/docker/4f1c\n1:name=systemd:/docker/4f1c\n0::/docker/4f1c\n"},
        {"/proc/self/mountinfo",
         mounts("35 30 0:30 /docker/4f1c /sys/fs/cgroup/unified ro - cgroup2 cgroup2 rw\n"
                "36 30 0:31 /docker/4f1c /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n")},
        {"/sys/fs/cgroup/unified/memory.max", "1\n"},
        {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "536870912\n"}},
       1,
       {"/sys/fs/cgroup/memory"},
       512 * kMi,
       std::nullopt,
       std::nullopt},
      {"hybrid: memory was moved to v2",
       {{"/proc/self/cgroup", "8:cpu,cpuacct:/docker/4f1c\n0::/docker/4f1c\n"},
        {"/proc/self/mountinfo", mounts("35 30 0:30 /docker/4f1c /sys/fs/cgroup/unified ro - cgroup2 cgroup2 rw\n")},
        {"/sys/fs/cgroup/unified/memory.max", "536870912\n"}},
       2,
       {"/sys/fs/cgroup/unified"},
       512 * kMi,
       std::nullopt,
       std::nullopt},
      {"v1, Kubernetes, burstable: the limit is the container's",
       {{"/proc/self/cgroup",
         "11:memory:/kubepods/burstable/pod1d2c/4f1c\n4:pids:/kubepods/burstable/pod1d2c/4f1c\n1:name=systemd:/x\n"},
        {"/proc/self/mountinfo",
         mounts("36 30 0:31 /kubepods/burstable/pod1d2c/4f1c /sys/fs/cgroup/memory ro,nosuid,nodev,noexec,relatime "
                "master:17 - cgroup cgroup rw,memory\n")},
        {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "268435456\n"},
        {"/sys/fs/cgroup/memory/memory.soft_limit_in_bytes", "134217728\n"}},
       1,
       {"/sys/fs/cgroup/memory"},
       256 * kMi,
       std::nullopt,
       std::nullopt},
      {"v2, Kubernetes, guaranteed, seen from the host's namespace: the pod's limit is as tight",
       {{"/proc/self/cgroup", "0::/kubepods.slice/kubepods-pod1d2c.slice/cri-containerd-4f1c.scope\n"},
        {"/proc/self/mountinfo", mounts("36 23 0:31 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw,nsdelegate\n")},
        {"/sys/fs/cgroup/kubepods.slice/kubepods-pod1d2c.slice/cri-containerd-4f1c.scope/memory.max", "536870912\n"},
        {"/sys/fs/cgroup/kubepods.slice/kubepods-pod1d2c.slice/cri-containerd-4f1c.scope/memory.oom.group", "1\n"},
        {"/sys/fs/cgroup/kubepods.slice/kubepods-pod1d2c.slice/memory.max", "536870912\n"},
        {"/sys/fs/cgroup/kubepods.slice/memory.max", "max\n"}},
       2,
       {"/sys/fs/cgroup/kubepods.slice/kubepods-pod1d2c.slice/cri-containerd-4f1c.scope",
        "/sys/fs/cgroup/kubepods.slice/kubepods-pod1d2c.slice", "/sys/fs/cgroup/kubepods.slice", "/sys/fs/cgroup"},
       512 * kMi,
       std::nullopt,
       std::nullopt},
      {"v1, ECS: the task's limit is out of sight",
       {{"/proc/self/cgroup", "9:memory:/ecs/0f9c/0f9c-1234\n1:name=systemd:/ecs/0f9c/0f9c-1234\n"},
        {"/proc/self/mountinfo",
         mounts(
             "36 30 0:31 /ecs/0f9c/0f9c-1234 /sys/fs/cgroup/memory ro,nosuid master:15 - cgroup cgroup rw,memory\n")},
        {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "1073741824\n"}},
       1,
       {"/sys/fs/cgroup/memory"},
       1024 * kMi,
       std::nullopt,
       std::nullopt},
      {"v2, podman without root: the container's processes are one folder below its scope",
       {{"/proc/self/cgroup",
         "0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-4f1c.scope/container\n"},
        {"/proc/self/mountinfo",
         mounts("36 23 0:31 /user.slice/user-1000.slice/user@1000.service/user.slice/libpod-4f1c.scope /sys/fs/cgroup "
                "ro,nosuid - cgroup2 cgroup2 rw,nsdelegate\n")},
        {"/sys/fs/cgroup/memory.max", "67108864\n"},
        {"/sys/fs/cgroup/container/memory.max", "max\n"},
        {"/sys/fs/cgroup/container/memory.peak", "1048576\n"}},
       2,
       {"/sys/fs/cgroup/container", "/sys/fs/cgroup"},
       64 * kMi,
       kMi,
       std::nullopt},
      {"v2, Slurm: the step's limit, above the task's folder",
       {{"/proc/self/cgroup", "0::/system.slice/slurmstepd.scope/job_12/step_0/user/task_0\n"},
        {"/proc/self/mountinfo", mounts("36 23 0:31 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")},
        {"/sys/fs/cgroup/system.slice/slurmstepd.scope/job_12/memory.max", "209715200\n"},
        {"/sys/fs/cgroup/system.slice/slurmstepd.scope/job_12/step_0/memory.max", "104857600\n"},
        {"/sys/fs/cgroup/system.slice/slurmstepd.scope/job_12/step_0/user/task_0/memory.max", "max\n"}},
       2,
       {"/sys/fs/cgroup/system.slice/slurmstepd.scope/job_12/step_0/user/task_0",
        "/sys/fs/cgroup/system.slice/slurmstepd.scope/job_12/step_0/user",
        "/sys/fs/cgroup/system.slice/slurmstepd.scope/job_12/step_0",
        "/sys/fs/cgroup/system.slice/slurmstepd.scope/job_12", "/sys/fs/cgroup/system.slice/slurmstepd.scope",
        "/sys/fs/cgroup/system.slice", "/sys/fs/cgroup"},
       100 * kMi,
       std::nullopt,
       std::nullopt},
      {"figures that are none",
       {{"/proc/self/cgroup", "0::/\n"},
        {"/proc/self/mountinfo", mounts("36 23 0:31 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n")},
        {"/sys/fs/cgroup/memory.max", "12 34\n"},
        {"/sys/fs/cgroup/memory.peak", "\n"},
        {"/sys/fs/cgroup/memory.events", "oom_kill\noom_kill_x 3\n"}},
       2,
       {"/sys/fs/cgroup"},
       std::nullopt,
       std::nullopt,
       std::nullopt},
  };
  return all;
}

INSTANTIATE_TEST_SUITE_P(Containers, Cgroup, testing::ValuesIn(rows()), test::kRowName);

constexpr const char* kV2Mount = "36 23 0:31 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n";

test::Tree v2(const std::string& path, test::Tree more) {
  more.emplace("/proc/self/cgroup", "0::" + path + "\n");
  more.emplace("/proc/self/mountinfo", mounts(kV2Mount));
  return more;
}

TEST(Cgroups, TheTightestFolderIsTheOneToLookAt) {
  const test::Machine machine(v2("/pod/container", {{"/sys/fs/cgroup/pod/container/memory.max", "max\n"},
                                                    {"/sys/fs/cgroup/pod/memory.max", "1000\n"},
                                                    {"/sys/fs/cgroup/memory.max", "2000\n"}}));
  EXPECT_EQ(MemoryCgroup::find(machine.root())->limiting_folder(), machine.root()("/sys/fs/cgroup/pod"));
}

TEST(Cgroups, TheInnermostIsWhereThereIsNoLimit) {
  const test::Machine machine(v2("/pod", {{"/sys/fs/cgroup/pod/memory.max", "max\n"}}));
  EXPECT_EQ(MemoryCgroup::find(machine.root())->limiting_folder(), machine.root()("/sys/fs/cgroup/pod"));
}

TEST(Cgroups, TheOomKillerTakesAllOfAGroupThatAsksForIt) {
  for (const auto& [here, above, taken] :
       {std::tuple{"0\n", "0\n", false}, std::tuple{"1\n", "0\n", true}, std::tuple{"0\n", "1\n", true}}) {
    const test::Machine machine(
        v2("/pod", {{"/sys/fs/cgroup/pod/memory.oom.group", here}, {"/sys/fs/cgroup/memory.oom.group", above}}));
    EXPECT_EQ(MemoryCgroup::find(machine.root())->kills_group(), taken) << here << above;
  }
  const test::Machine old(v2("/pod", {}));  // before Linux 4.19
  EXPECT_FALSE(MemoryCgroup::find(old.root())->kills_group());
}

TEST(Cgroups, SwapIsWhatTheMachineHasAndTheGroupMayUse) {
  constexpr const char* swap = "MemTotal:       16 kB\nSwapTotal:      2048 kB\nSwapFree:       1 kB\n";
  struct Case {
    const char* name;
    test::Tree tree;
    std::uint64_t room;
  };
  const auto v1 = [](test::Tree more) {
    more.emplace("/proc/self/cgroup", "9:memory:/\n");
    more.emplace("/proc/self/mountinfo", mounts("36 30 0:31 / /m ro - cgroup cgroup rw,memory\n"));
    return more;
  };
  for (const Case& one : {
           Case{"no swap on the machine", v2("/", {{"/proc/meminfo", "SwapTotal: 0 kB\n"}}), 0},
           Case{"nothing known of the machine", v2("/", {}), 0},
           Case{"as much as there is", v2("/", {{"/proc/meminfo", swap}, {"/sys/fs/cgroup/memory.swap.max", "max\n"}}),
                2048 * 1024},
           Case{"none for the group", v2("/", {{"/proc/meminfo", swap}, {"/sys/fs/cgroup/memory.swap.max", "0\n"}}), 0},
           Case{"some for the group", v2("/", {{"/proc/meminfo", swap}, {"/sys/fs/cgroup/memory.swap.max", "4096\n"}}),
                4096},
           Case{"v1: the sum is limited",
                v1({{"/proc/meminfo", swap},
                    {"/m/memory.limit_in_bytes", "1000\n"},
                    {"/m/memory.memsw.limit_in_bytes", "1500\n"}}),
                500},
           Case{"v1: not accounted for", v1({{"/proc/meminfo", swap}, {"/m/memory.limit_in_bytes", "1000\n"}}),
                2048 * 1024},
       }) {
    const test::Machine machine(one.tree);
    EXPECT_EQ(MemoryCgroup::find(machine.root())->swap_room(), one.room) << one.name;
  }
}

TEST(Cgroups, SayHowMuchWasInSwapWhereTheKernelDoes) {
  const test::Machine machine(v2("/", {{"/sys/fs/cgroup/memory.swap.peak", "4096\n"}}));
  EXPECT_EQ(MemoryCgroup::find(machine.root())->peak_swap(), 4096U);
  const test::Machine bare(v2("/", {}));
  EXPECT_EQ(MemoryCgroup::find(bare.root())->peak_swap(), std::nullopt);
  const test::Machine old(test::Tree{{"/v1/memory.memsw.max_usage_in_bytes", "4096\n"}});
  EXPECT_EQ(MemoryCgroup::at(1, old.root()("/v1")).peak_swap(), std::nullopt) << "that is the sum with memory";
}

TEST(Cgroups, CountWhatHappensToTheGroup) {
  using std::chrono::microseconds;
  const test::Machine machine(v2(
      "/", {{"/sys/fs/cgroup/memory.events", "low 1\nhigh 2\nmax 3\noom 4\noom_kill 5\noom_group_kill 6\n"},
            {"/sys/fs/cgroup/memory.pressure",
             "some avg10=0.50 avg60=0.10 avg300=0.00 total=700\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=30\n"}}));
  const MemoryCounters counters = MemoryCgroup::find(machine.root())->counters();
  EXPECT_EQ(counters.oom_kills, 5U);
  EXPECT_EQ(counters.limit_hits, 3U);
  EXPECT_EQ(counters.throttled, 2U);
  EXPECT_EQ(counters.stalled_some, microseconds(700));
  EXPECT_EQ(counters.stalled_full, microseconds(30));

  const test::Machine bare(v2("/", {}));
  const MemoryCounters none = MemoryCgroup::find(bare.root())->counters();
  EXPECT_EQ(none.oom_kills, std::nullopt);
  EXPECT_EQ(none.limit_hits, std::nullopt);
  EXPECT_EQ(none.stalled_some, std::nullopt);

  const MemoryCounters v1 = MemoryCgroup::at(1, machine.root()("/v1")).counters();
  EXPECT_EQ(v1.limit_hits, std::nullopt);
  const test::Machine old({{"/v1/memory.failcnt", "9\n"}, {"/v1/memory.oom_control", "oom_kill 2\n"}});
  const MemoryCounters counted = MemoryCgroup::at(1, old.root()("/v1")).counters();
  EXPECT_EQ(counted.limit_hits, 9U);
  const test::Machine swapping({{"/v1/memory.failcnt", "9\n"}, {"/v1/memory.memsw.failcnt", "30\n"}});
  EXPECT_EQ(MemoryCgroup::at(1, swapping.root()("/v1")).counters().limit_hits, 39U);
  EXPECT_EQ(counted.oom_kills, 2U);
}

TEST(CgroupSearch, FindsNoneWhereNoneIsToBeSeen) {
  const std::string v2_mount = mounts("36 23 0:31 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n");
  for (const test::Tree& tree : std::vector<test::Tree>{
           {},                                                                              // no /proc
           {{"/proc/self/cgroup", "0::/\n"}},                                               // half of it
           {{"/proc/self/mountinfo", v2_mount}},                                            //
           {{"/proc/self/cgroup", ""}, {"/proc/self/mountinfo", v2_mount}},                 //
           {{"/proc/self/cgroup", "garbage\n:\n1\n"}, {"/proc/self/mountinfo", v2_mount}},  //
           {{"/proc/self/cgroup", "0::/\n"}, {"/proc/self/mountinfo", kOtherMounts}},       // not mounted
           {{"/proc/self/cgroup", "9:memory:/\n"}, {"/proc/self/mountinfo", v2_mount}},     // the other version is
           {{"/proc/self/cgroup", "8:cpu:/\n"},
            {"/proc/self/mountinfo", mounts("36 30 0:31 / /m rw - cgroup c rw,memory")}},
       }) {
    const test::Machine machine(tree);
    EXPECT_FALSE(MemoryCgroup::find(machine.root())) << testing::PrintToString(tree);
  }
}

// gVisor, lxcfs and friends write these files too. Whatever they say, PID 1 must not fall over it.
TEST(CgroupSearch, SurvivesAPathWithoutASlash) {
  const test::Machine machine(
      {{"/proc/self/cgroup", "0::docker\n"},
       {"/proc/self/mountinfo", mounts("36 23 0:31 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n")}});
  EXPECT_NO_THROW(static_cast<void>(MemoryCgroup::find(machine.root())));
}

TEST(CgroupSearch, IsExclusiveOnlyWhenNobodyElseIsCounted) {
  struct Case {
    const char* name;
    std::optional<std::string> procs;
    bool exclusive;
  };
  const std::string self = std::to_string(::getpid()) + "\n";
  const std::string parent = std::to_string(::getppid()) + "\n";
  for (const Case& one : {
           Case{"alone", self, true},
           Case{"with the parent: docker run --init", parent + self, true},
           Case{"with a stranger", self + "999999999\n", false},
           Case{"with one of another pid namespace", "0\n" + self, false},
           Case{"not told", std::nullopt, false},
           Case{"nonsense", "self\n", false},
           // The folder that we see is not the one we are in: a v2 group with children has no processes itself.
           Case{"nobody, so not us", "", false},
           Case{"only the parent, so not us", parent, false},
       }) {
    test::Tree tree{{"/proc/self/cgroup", "0::/\n"},
                    {"/proc/self/mountinfo", mounts("36 23 0:31 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n")}};
    if (one.procs) {
      tree["/sys/fs/cgroup/cgroup.procs"] = *one.procs;
    }
    const test::Machine machine(tree);
    const auto group = MemoryCgroup::find(machine.root());
    ASSERT_TRUE(group);
    EXPECT_EQ(group->exclusive(), one.exclusive) << one.name;
  }
}

// cgroup.procs has ourselves alone each time; v1 does not list whom our pid namespace does not know.
TEST(CgroupSearch, IsNotExclusiveWhereStrangersWouldNotBeListed) {
  struct Case {
    const char* name;
    const char* pid_namespace;
    const char* mounted;
    bool exclusive;
  };
  for (const Case& one :
       {Case{"on the machine itself", "pid:[4026531836]", "/", true},
        Case{"a namespace in a machine's group", "pid:[4026532201]", "/", false},
        Case{"a container", "pid:[4026532201]", "/group", true}, Case{"without /proc/self/ns", nullptr, "/", true}}) {
    const test::Machine machine(
        {{"/proc/self/cgroup", "9:memory:/group\n"},
         {"/proc/self/mountinfo", mounts(fmt::format("36 30 0:31 {} /m ro - cgroup cgroup rw,memory\n", one.mounted))},
         {"/m/cgroup.procs", fmt::format("{}\n", ::getpid())},
         {"/m/group/cgroup.procs", fmt::format("{}\n", ::getpid())},
         {"/proc/self/ns/.keep", ""}});
    if (one.pid_namespace != nullptr) {
      std::filesystem::create_symlink(one.pid_namespace, machine.root()("/proc/self/ns/pid"));
    }
    EXPECT_EQ(MemoryCgroup::find(machine.root())->exclusive(), one.exclusive) << one.name;
  }
}

}  // namespace
}  // namespace jobinit::kernel
