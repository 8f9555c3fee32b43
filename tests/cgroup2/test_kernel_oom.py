"""What the kernel's OOM killer does to a job, and what jobinit tells of it."""
import json

import pytest

from conftest import MIB, near

# How the job comes by its memory; each ends as the one process that has all of it.
ALONE = ["malloc", "mmap", "shared", "slow"]


@pytest.mark.parametrize("mode", ALONE)
def test_the_main_process_is_taken(vm, ending, draw, mode):
    limit = draw.randint(32, 96)
    result = vm(f"""
        group job memory.max={limit}M
        contain job -- hog {mode} {limit + draw.randint(8, 64)}M --rate 256M
    """)
    end = ending(result)
    assert (end.how, end.cause) == (("exit", 137), "oom_killed")
    assert end.report["outcome"]["signal"] == "SIGKILL"
    assert end.report["outcome"]["job_exit_code"] is None
    assert end.resources["oom_kills"] == result.event("oom_kill") == 1
    assert end.resources["memory_limit_bytes"] == limit * MIB
    assert end.resources["peak_memory_source"] == "cgroup"
    assert end.resources["peak_memory_bytes"] == near(limit * MIB)
    assert end.resources["peak_memory_bytes"] <= result.number("job.memory.peak")
    assert "was killed by the kernel, out of memory, after" in end.err
    assert f" of {limit} MiB, 1 report delivered" in end.err
    assert end.report["logs"]["tail"] == "hog: up\n"


@pytest.mark.parametrize("user", ["", "--user 1000"])
def test_a_job_is_taken_before_its_init(vm, ending, user):
    """Its score says so, whoever it is, and that of all it starts."""
    result = vm(f"""
        chmod 777 .
        group job memory.max=32M
        contain job {user} -- \\
            sh -c 'cat /proc/self/oom_score_adj; usleep 50000; cat /proc/$$/oom_score_adj; exec hog malloc 64M'
    """)
    end = ending(result)
    assert (end.how, end.cause, end.resources["oom_kills"]) == (("exit", 137), "oom_killed", 1)
    assert end.out.split()[:2] == ["500", "500"]


def test_files_in_memory_fill_the_limit(vm, ending, draw):
    """They outlive the writer: after the kill the group is as full as before, and PID 1 still has to tell."""
    limit = draw.randint(32, 64)
    result = vm(f"""
        group job memory.max={limit}M
        mkdir /dev/shm/full
        contain job -- hog tmpfs {limit * 2}M /dev/shm/full
    """)
    end = ending(result)
    assert (end.how, end.cause) == (("exit", 137), "oom_killed")


def test_a_job_of_many_processes_loses_one_and_gives_up(vm, ending, draw):
    result = vm(f"""
        group job memory.max=64M pids.max=200
        contain job -- hog {draw.choice(["fork", "many"])} 96M
    """)
    end = ending(result)
    assert (end.how, end.cause) == (("exit", 137), "oom_killed")
    assert end.report["outcome"]["job_exit_code"] == 137
    assert end.resources["oom_kills"] == result.event("oom_kill") >= 1


@pytest.mark.parametrize("command, code, cause", [
    ("hog malloc 96M; echo it ended with $?", 0, "success"),
    ("hog malloc 96M; exit 5", 5, "failed"),
    ("hog malloc 96M", 137, "oom_killed"),
    ("hog malloc 96M; exit $?", 137, "oom_killed"),
    ("hog malloc 96M & wait; echo goes on", 0, "success"),
])
def test_a_child_is_taken(vm, ending, command, code, cause):
    """The ending is the main process' own, unless it says 137; the kill is told in any case."""
    # `:` first, or the shell would become the hog.
    result = vm(f"""
        group job memory.max=48M
        contain job -- sh -c ':; {command}'
    """)
    end = ending(result)
    assert (end.how, end.cause) == (("exit", code), cause)
    assert end.resources["oom_kills"] == 1
    assert end.resources["peak_memory_bytes"] == near(48 * MIB)
    assert ("the kernel's OOM killer took 1 process" in end.err) == (cause != "oom_killed")


def test_a_child_is_taken_while_the_timeouts_grace_runs(vm, ending):
    """The first reason stands."""
    result = vm("""
        group job memory.max=48M
        contain job -- --timeout 1s --stop-grace 30s -- \\
            sh -c 'trap "hog malloc 96M; exit 3" TERM; while :; do sleep 0.1; done'
    """)
    end = ending(result)
    assert (end.how, end.cause) == (("exit", 124), "timeout")
    assert end.resources["oom_kills"] == 1


def test_each_attempt_is_taken_and_counted(vm, ending):
    result = vm("""
        group job memory.max=32M
        contain job -- --retries 2 --retry-on oom_killed --retry-backoff 10ms -- hog malloc 64M
    """)
    end = ending(result)
    assert (end.how, end.cause) == (("exit", 137), "oom_killed")
    assert [attempt["cause"] for attempt in end.report["attempts"]] == ["oom_killed"] * 3
    assert end.resources["oom_kills"] == 3


def test_the_machine_itself_is_out_of_memory(vm, ending):
    result = vm("""
        group job
        contain job -- hog malloc 1G
    """, processors=2)  # the other machine's kernel takes ten seconds for it once it has had swap
    end = ending(result)
    assert (end.how, end.cause) == (("exit", 137), "oom_killed")
    assert end.resources["oom_kills"] == 1
    assert end.resources["memory_limit_bytes"] is None


# Where the limit is not the container's own

def test_the_pods_limit_takes_this_container(vm, ending):
    """Nothing of the pod can be seen from inside, but the kill is counted where the victim was."""
    result = vm("""
        group pod memory.max=64M
        group pod/job
        group pod/other
        contain pod/job -- hog hold 40M --then sleep &
        until_says pod.job.out up
        contain pod/other -- hog slow 36M --rate 64M --then sleep &
        wait %1
        kill $(cat pod.other.pid)
        wait
    """)
    end = ending(result, "pod.job")
    assert (end.how, end.cause) == (("exit", 137), "oom_killed")
    assert end.resources["oom_kills"] == 1
    assert end.resources["memory_limit_bytes"] is None
    other = ending(result, "pod.other")
    assert (other.how, other.cause, other.resources["oom_kills"]) == (("exit", 143), "stopped", 0)


@pytest.mark.parametrize("view", ["", "--host"])
def test_a_neighbour_is_taken_while_this_job_is_killed_by_hand(vm, ending, view):
    result = vm(f"""
        group pod
        group pod/job memory.max=64M
        group pod/other memory.max=32M
        contain pod/job {view} -- hog hold 40M --then sleep &
        until_says pod.job.out up
        contain pod/other {view} -- sh -c 'for i in 1 2 3; do hog malloc 64M; done; echo three times; sleep 1000' &
        until_says pod.other.out up
        kill -KILL $(pid_of hog hold)
        until_says pod.other.out three
        kill $(cat pod.other.pid)
        wait
    """)
    end = ending(result, "pod.job")
    assert (end.how, end.cause, end.resources["oom_kills"]) == (("exit", 137), "signaled", 0)
    assert "which jobinit did not send" in end.err
    assert ending(result, "pod.other").resources["oom_kills"] == 3


def test_a_stranger_in_the_same_cgroup_is_taken(vm, ending):
    """Whose kill the counter means cannot be told then; it is no proof that it was the job."""
    result = vm("""
        group job memory.max=64M
        sh -c 'echo 0 >/sys/fs/cgroup/job/cgroup.procs; echo 1000 >/proc/self/oom_score_adj
            until [ -e go ]; do sleep 0.1; done; exec hog malloc 96M' >stranger &
        until_true grep -q . /sys/fs/cgroup/job/cgroup.procs
        contain job -- hog hold 16M --then sleep &
        until_says job.out up
        touch go
        wait %1 || echo $? >stranger.code
        kill -KILL $(pid_of hog hold)
        wait
    """)
    end = ending(result)
    assert result.text("stranger.code") == "137\n"
    assert (end.how, end.cause) == (("exit", 137), "signaled")
    # The job's own, not the stranger's.
    assert end.resources["peak_memory_source"] == "process"
    assert end.resources["peak_memory_bytes"] < 32 * MIB


# A kill that is not the kernel's

@pytest.mark.parametrize("filled", [1, 60])
def test_a_kill_from_inside(vm, ending, filled):
    """However full the group is."""
    result = vm(f"""
        group job memory.max=64M
        contain job -- sh -c 'hog hold {filled}M --then sleep >up & until grep up up; do sleep 0.1; done
            (kill -KILL $$); sleep 1000'
    """)
    end = ending(result)
    assert (end.how, end.cause, end.resources["oom_kills"]) == (("exit", 137), "signaled", 0)


def test_a_kill_from_outside(vm, ending):
    result = vm("""
        group job memory.max=64M
        contain job -- hog hold 40M --then sleep &
        until_says job.out up
        kill -KILL $(pid_of hog hold)
        wait
    """)
    end = ending(result)
    assert (end.how, end.cause, end.resources["oom_kills"]) == (("exit", 137), "signaled", 0)
    assert end.resources["memory_limit_bytes"] == 64 * MIB
    assert 40 * MIB <= end.resources["peak_memory_bytes"] < 64 * MIB


def test_init_itself_is_killed_after_an_oom_kill(vm, ending):
    """Nobody is left to report but the watcher, and it reads the counter."""
    result = vm("""
        mkdir state
        group job memory.max=48M
        contain job --host -- --state-dir /result/state -- sh -c 'hog malloc 96M; echo on; sleep 1000' &
        until_says job.out on
        kill -KILL $(cat job.pid)
        wait
        JOBINIT_REPORT_TO=file:/result/watch.report jobinit watch state --once >watch.out 2>watch.err
    """)
    assert result.text("job.end") == "signal 9\n"
    assert "job.report" not in result.files
    lost = json.loads(result.text("watch.report"))
    assert (lost["outcome"]["cause"], lost["outcome"]["exit_code"]) == ("oom_killed", 137)
