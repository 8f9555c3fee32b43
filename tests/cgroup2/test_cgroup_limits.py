"""Limits that do not kill, and which of several limits counts."""
import pytest

from conftest import MIB, near


@pytest.mark.parametrize("outer, inner", [(48, 96), (96, 48)])
def test_the_tightest_limit_that_can_be_seen_counts(vm, ending, outer, inner):
    result = vm(f"""
        group pod memory.max={outer}M
        group pod/job memory.max={inner}M
        contain pod/job --host -- hog malloc 128M
    """)
    end = ending(result, "pod.job")
    assert (end.how, end.cause, end.resources["oom_kills"]) == (("exit", 137), "oom_killed", 1)
    assert end.resources["memory_limit_bytes"] == 48 * MIB
    assert end.resources["peak_memory_bytes"] == near(48 * MIB)


def test_a_limit_above_the_container_cannot_be_seen_from_inside(vm, ending):
    result = vm("""
        group pod memory.max=48M
        group pod/job memory.max=96M
        contain pod/job -- hog malloc 128M
    """)
    end = ending(result, "pod.job")
    assert (end.how, end.cause, end.resources["oom_kills"]) == (("exit", 137), "oom_killed", 1)
    assert end.resources["memory_limit_bytes"] == 96 * MIB
    assert end.resources["peak_memory_bytes"] == near(48 * MIB)


def test_an_entrypoint_that_puts_jobinit_into_a_group_of_its_own(vm, ending):
    """As a delegated container may: the group's own limit counts then, and so do its kills."""
    result = vm("""
        group job memory.max=96M
        wrap= contain job --writable -- sh -ec '
            cd /sys/fs/cgroup
            mkdir inner
            echo 1 >inner/cgroup.procs
            echo +memory >cgroup.subtree_control
            echo 48M >inner/memory.max
            mount -o remount,bind,ro /sys/fs/cgroup
            exec jobinit hog malloc 128M'
    """)
    end = ending(result)
    assert (end.how, end.cause, end.resources["oom_kills"]) == (("exit", 137), "oom_killed", 1)
    assert end.resources["memory_limit_bytes"] == 48 * MIB


def test_no_limit_at_all(vm, ending):
    result = vm("""
        group job
        contain job -- hog hold 40M
    """)
    end = ending(result)
    assert (end.how, end.cause) == (("exit", 0), "success")
    assert (end.resources["memory_limit_bytes"], end.resources["oom_kills"]) == (None, 0)
    assert 40 * MIB <= end.resources["peak_memory_bytes"] <= result.number("job.memory.peak")


@pytest.mark.parametrize("also", ["", "hog hold 16M --then sleep & "])
def test_page_cache_is_no_need(vm, ending, also):
    """A file far larger than the limit goes through, whatever the group's peak says."""
    result = vm(f"""
        group job memory.max=32M
        contain job -- sh -c '{also}hog cache 64M /disk/file'
    """)
    end = ending(result)
    assert result.event("max") > 0, "the limit was never reached, so that this proves nothing"
    assert (end.how, end.cause, end.resources["oom_kills"]) == (("exit", 0), "success", 0)
    assert end.resources["peak_memory_bytes"] == near(32 * MIB)


def test_memory_high_slows_the_job_and_no_more(vm, ending):
    result = vm("""
        group job memory.high=32M memory.max=64M
        contain job -- hog hold 33M
    """)
    end = ending(result)
    assert result.event("high") > 0, "the job was never throttled, so that this proves nothing"
    assert (end.how, end.cause, end.resources["oom_kills"]) == (("exit", 0), "success", 0)
    assert end.resources["memory_limit_bytes"] == 64 * MIB


@pytest.mark.parametrize("group_kill", [0, 1])
def test_a_job_that_can_be_swapped_out_lives(vm, ending, group_kill):
    """More than the limit, all of it in use, and nobody in need: also where the whole group would be killed."""
    result = vm(f"""
        dd if=/dev/zero of=/disk/swap bs=1M count=128 2>/dev/null
        mkswap /disk/swap >/dev/null
        swapon /disk/swap
        group job memory.max=48M memory.oom.group={group_kill}
        contain job -- hog hold 64M
        swapoff /disk/swap
    """)
    end = ending(result)
    assert (end.how, end.cause, end.resources["oom_kills"]) == (("exit", 0), "success", 0)
    assert "hog: holds" in end.out
