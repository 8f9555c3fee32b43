// How much memory is in use: what can be reclaimed does not count, what is shared counts once.
#include "jobinit/kernel/memory_meter.hpp"

#include <gmock/gmock.h>

#include "support.hpp"

namespace jobinit::kernel {
namespace {

using testing::ElementsAre;
using testing::Field;

std::optional<std::uint64_t> used(int version, const test::Tree& tree, std::uint64_t good_enough) {
  const test::Machine machine(tree);
  const auto meter = MemoryMeter::open(version, machine.root()("/group"));
  return meter ? meter->used(good_enough) : std::nullopt;
}

const test::Tree kV2{{"/group/memory.current", "1000\n"},
                     {"/group/memory.swap.current", "50\n"},
                     {"/group/memory.stat",
                      "anon 400\nfile 500\nkernel 60\ninactive_anon 300\nactive_anon 100\ninactive_file 200\n"
                      "active_file 290\nunevictable 10\nslab_reclaimable 30\nslab_unreclaimable 5\n"
                      "workingset_refault_file 7\n"}};

TEST(MemoryMeter, LeavesOutWhatTheKernelCanTakeBack) { EXPECT_EQ(used(2, kV2, 0), 1000U - 200 - 290 - 30 + 50); }

TEST(MemoryMeter, DoesNotAskFurtherWhereTheSumIsGoodEnough) {
  EXPECT_EQ(used(2, kV2, 1050), 1050U);
  EXPECT_EQ(used(2, kV2, 1049), 530U);
}

TEST(MemoryMeter, NeverGoesBelowZero) {
  EXPECT_EQ(used(2, {{"/group/memory.current", "100\n"}, {"/group/memory.stat", "active_file 4000\n"}}, 0), 0U);
}

TEST(MemoryMeter, KnowsNothingOfAGroupThatDoesNotTell) {
  EXPECT_EQ(used(2, {{"/group/memory.stat", "active_file 1\n"}}, 0), std::nullopt);
  EXPECT_EQ(used(2, {{"/group/memory.current", "nonsense\n"}, {"/group/memory.stat", ""}}, 0), std::nullopt);
}

// The host's usage of a container in v1 has the page cache of its files, and the kernel's own that it says nothing of.
TEST(MemoryMeter, OfV1) {
  test::Tree tree{{"/group/memory.usage_in_bytes", "1000\n"},
                  {"/group/memory.kmem.usage_in_bytes", "80\n"},
                  {"/group/memory.stat",
                   "cache 1\nactive_file 1\ninactive_file 1\ntotal_cache 500\ntotal_inactive_file 200\n"
                   "total_active_file 290\ntotal_unevictable 10\n"}};
  EXPECT_EQ(used(1, tree, 0), 1000U - 490 - 80);
  tree.emplace("/group/memory.memsw.usage_in_bytes", "1100\n");  // the sum of both
  EXPECT_EQ(used(1, tree, 0), 1000U - 490 - 80 + 100);
}

TEST(MemoryMeter, SeesTheFilesAsTheyAreNow) {
  const test::Machine machine(kV2);
  const auto meter = MemoryMeter::open(2, machine.root()("/group"));
  ASSERT_TRUE(meter);
  EXPECT_EQ(meter->used(2000), 1050U);
  test::write_file(machine.root()("/group/memory.current"), "1500\n");
  EXPECT_EQ(meter->used(2000), 1550U);
}

const test::Tree kProcesses{
    {"/proc/7/status",
     "Name:\tparent\nVmRSS:\t 900 kB\nRssAnon:\t 300 kB\nRssFile:\t 500 kB\nRssShmem:\t 100 kB\n"
     "VmSwap:\t 8 kB\n"},
    {"/proc/7/smaps_rollup",
     "55d0-7ffd ---p 00000000 00:00 0 [rollup]\nRss: 900 kB\nPss: 700 kB\nPss_Anon: 200 kB\n"
     "Pss_File: 400 kB\nPss_Shmem: 50 kB\nSwapPss: 4 kB\n"},
    {"/proc/8/status", "Name:\ta (child) of\\nit\nRssAnon:\t 301 kB\nRssShmem:\t 100 kB\nVmSwap:\t 0 kB\n"},
    {"/proc/9/status", "Name:\tkthread\n"},
};

TEST(ProcessMemory, IsTheResidentSizesWhereTheyAreGoodEnough) {
  const test::Machine machine(kProcesses);
  EXPECT_EQ(memory_of({7, 8, 9, 10}, 809 * 1024, machine.root()), 809U * 1024);
}

TEST(ProcessMemory, CountsWhatIsSharedOnceWhereTheKernelTells) {
  const test::Machine machine(kProcesses);
  // 8 belongs to somebody else, whose maps are closed to us.
  EXPECT_EQ(memory_of({7, 8, 9, 10}, 0, machine.root()), (254U + 401U) * 1024);
}

TEST(ProcessMemory, NamesTheLargest) {
  const test::Machine machine(kProcesses);
  const auto is = [](pid_t pid, std::string_view name, std::uint64_t kib) {
    return testing::AllOf(Field(&ProcessMemory::pid, pid), Field(&ProcessMemory::name, std::string(name)),
                          Field(&ProcessMemory::bytes, kib * 1024));
  };
  EXPECT_THAT(largest_of({8, 9, 7, 10}, 5, machine.root()),
              ElementsAre(is(7, "parent", 408), is(8, "a (child) of\\nit", 401)));
  EXPECT_THAT(largest_of({8, 9, 7, 10}, 1, machine.root()), ElementsAre(is(7, "parent", 408)));
}

}  // namespace
}  // namespace jobinit::kernel
