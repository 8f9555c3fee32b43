"""memory.oom.group=1, as Kubernetes sets it: whoever reaches the limit is killed with all of the group, PID 1 with it.

So the job must be ended before that, and a job that is in no need must not.
"""
import pytest

from conftest import MIB

MANNERS = ["malloc {size}M", "mmap {size}M", "shared {size}M", "slow {size}M --rate 32M", "tmpfs {size}M /dev/shm",
           "fork {size}M", "fork {size}M --children 12", "many {size}M"]


@pytest.mark.parametrize("manner", MANNERS)
def test_the_job_is_ended_before_the_kernel_kills_the_group(vm, ending, draw, manner):
    limit = draw.randint(40, 96)
    result = vm(f"""
        group job memory.max={limit}M memory.oom.group=1 pids.max=500
        contain job -- hog {manner.format(size=limit + draw.randint(8, 64))}
    """)
    end = ending(result)
    assert end.how == ("exit", 137), "PID 1 was killed"
    assert end.cause == "memory_limit"
    assert end.report["memory"]["enforced_by"] == "guard"
    # What is kept for PID 1 and its report: 16M, at most an eighth.
    assert end.resources["memory_limit_bytes"] == limit * MIB - min(16 * MIB, limit * MIB // 8)
    assert end.resources["oom_kills"] == result.event("oom_group_kill") == 0
    # Near the end of what there was, not at a guess.
    assert result.number("job.memory.peak") > limit * MIB // 2


def test_a_job_that_has_filled_the_page_cache_before_it_grows(vm, ending):
    """The group is at its limit from early on; only what cannot be given back counts."""
    result = vm("""
        group job memory.max=64M memory.oom.group=1
        contain job -- sh -c 'hog cache 80M /disk/file --rounds 1
            hog cache 80M /disk/other --rounds 20 & hog slow 128M --rate 32M'
    """)
    end = ending(result)
    assert (end.how, end.cause) == (("exit", 137), "memory_limit")


def test_a_job_that_is_ended_by_the_guard_may_tidy_up(vm, ending):
    """In order: the stop signal first, where there is time for that."""
    result = vm("""
        group job memory.max=48M memory.oom.group=1
        contain job -- sh -c 'trap "echo tidied; exit 3" TERM; hog slow 96M --rate 16M & wait'
    """)
    end = ending(result)
    assert (end.how, end.cause) == (("exit", 137), "memory_limit")
    assert "tidied" in end.out


@pytest.mark.parametrize("manner", ["malloc 80M", "fork 80M", "slow 80M --rate 32M"])
def test_a_limit_below_the_containers_is_the_guards_to_hold(vm, ending, manner):
    result = vm(f"""
        group job memory.max=128M
        contain job -- --memory 48M -- hog {manner}
    """)
    end = ending(result)
    assert (end.how, end.cause) == (("exit", 137), "memory_limit")
    assert end.report["memory"]["enforced_by"] == "guard"
    assert end.resources["memory_limit_bytes"] == 48 * MIB


@pytest.mark.parametrize("command", ["hog hold 32M --for 1", "hog cache 80M /disk/file --rounds 2"])
def test_a_job_below_its_own_limit_is_left_alone(vm, ending, command):
    result = vm(f"""
        group job memory.max=128M
        contain job -- --memory 48M -- {command}
    """)
    end = ending(result)
    assert (end.how, end.cause, end.resources["oom_kills"]) == (("exit", 0), "success", 0)


@pytest.mark.parametrize("command", [
    "hog cache 80M /disk/file --rounds 2",
    "sh -c 'hog hold 24M --then sleep & hog cache 80M /disk/file --rounds 2'",
    "hog hold 36M --for 1",
    "hog many 30M --for 1",
    "sh -c 'for i in 1 2 3 4 5; do hog malloc 32M; done'",
    "sh -c 'hog tmpfs 30M /dev/shm; hog malloc 30M'",
])
def test_a_job_in_no_need_is_left_alone(vm, ending, command):
    result = vm(f"""
        group job memory.max=64M memory.oom.group=1
        contain job -- {command}
    """)
    end = ending(result)
    assert (end.how, end.cause, end.resources["oom_kills"]) == (("exit", 0), "success", 0)


def test_an_init_that_may_ask_to_be_spared_needs_no_guard(vm, ending):
    """The kernel then kills the group but for PID 1, which tells of it."""
    result = vm("""
        group job memory.max=64M memory.oom.group=1
        contain job --privileged -- hog malloc 128M
    """)
    end = ending(result)
    assert (end.how, end.cause) == (("exit", 137), "oom_killed")
    assert end.report["memory"]["enforced_by"] == "kernel"
    assert end.report["memory"]["oom_evidence"] == "at_end"


def test_what_is_kept_from_the_job_can_be_set(vm, ending):
    result = vm("""
        group job memory.max=64M memory.oom.group=1
        contain job -- --memory-reserve 4M -- hog hold 16M
    """)
    end = ending(result)
    assert (end.how, end.cause) == (("exit", 0), "success")
    assert end.report["memory"]["enforced_by"] == "guard"
    assert end.resources["memory_limit_bytes"] == 60 * MIB


def test_only_the_init_is_spared(vm):
    """Not the job, under its own name or a peer's: nothing could be taken from it any more."""
    result = vm("""
        echo 0 >/proc/self/oom_score_adj
        show='cat /proc/self/oom_score_adj /proc/$PPID/oom_score_adj'
        jobinit -- sh -c "$show" >own
        ln -s "$(which jobinit)" tini
        JOBINIT_NAME=feed ./tini -s -- sh -c "$show" >peer
        ./tini -s -- sh -c "$show" >peer.alone
        rm tini
    """)
    assert result.text("own").split() == ["500", "-1000"]
    assert result.text("peer").split() == ["0", "-1000"]
    assert result.text("peer.alone").split() == ["0", "0"]


@pytest.mark.parametrize("writable", [True, False])
def test_the_kernel_wakes_the_guard_where_it_may_be_asked_to(vm, ending, writable):
    """Held up at memory.high, the job stands still for want of memory, and the guard is told so (PSI)."""
    result = vm(f"""
        group job memory.high=32M memory.max=96M
        contain job {"--writable" if writable else ""} -- --memory 64M --memory-tier guard -- hog hold 40M
    """)
    end = ending(result)
    assert result.event("high") > 0, "the job was never throttled, so that this proves nothing"
    assert (end.how, end.cause) == (("exit", 0), "success")
    notices = end.report["memory"]["pressure_notices"]
    assert notices >= 1 if writable else notices is None
