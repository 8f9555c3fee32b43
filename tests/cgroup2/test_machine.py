"""The machine itself: it has what the tests are about, and a test that hangs in it costs no more than itself."""
import pytest

from conftest import ScriptFailed
from machine import Hang


def test_the_kernel_has_all_that_the_tests_are_about(vm):
    vm("""
        group job
        cd /sys/fs/cgroup/job
        for file in cgroup.kill memory.peak memory.oom.group memory.events.local memory.reclaim memory.pressure; do
            [ -e $file ] || { echo there is no $file >&2; exit 1; }
        done
    """)


def test_a_container_is_one(vm):
    """PID 1 of its own, at the root of its own cgroups, and cannot write there."""
    result = vm("""
        group job memory.max=32M
        wrap= contain job -- sh -c 'echo $$ $(cat /proc/self/cgroup) $(cat /sys/fs/cgroup/memory.max)
            echo 1 >/sys/fs/cgroup/memory.max || exit 7'
    """)
    assert result.text("job.out").split() == ["1", "0::/", str(32 * 1024 * 1024)]
    assert result.text("job.end") == "exit 7\n"
    assert "Read-only file system" in result.text("job.err")


def test_a_script_that_hangs_fails_and_is_cleared_away(vm):
    with pytest.raises(ScriptFailed):
        vm("""
            group job
            contain job -- sh -c 'trap "" TERM; sleep 1000; sleep 1000'
        """, seconds=2)
    result = vm("find /sys/fs/cgroup -mindepth 1 -type d; ls /tmp /dev/shm; ps")
    assert result.text("out").splitlines()[0] == "/sys/fs/cgroup/script"
    assert "sleep" not in result.text("out")


def test_a_machine_that_dies_says_why_and_there_is_another(vm):
    with pytest.raises(Hang, match="sysrq triggered crash"):
        vm("echo c >/proc/sysrq-trigger", processors=2)
    assert vm("nproc", processors=2).text("out") == "2\n"
