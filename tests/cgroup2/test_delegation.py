"""A cgroup tree that may be written to: the job gets a group of its own, and the kernel kills that, never PID 1."""
import pytest

from conftest import MIB, near


@pytest.mark.parametrize("group_kill", [0, 1])
@pytest.mark.parametrize("manner", ["malloc 96M", "fork 96M", "shared 96M"])
def test_the_job_is_killed_in_its_own_group(vm, ending, manner, group_kill):
    result = vm(f"""
        group job memory.max=64M memory.oom.group={group_kill}
        contain job --writable -- hog {manner}
    """)
    end = ending(result)
    assert (end.how, end.cause) == (("exit", 137), "oom_killed")
    assert end.report["memory"]["enforced_by"] == "cgroup"
    assert end.resources["oom_kills"] >= 1
    assert end.report["memory"]["limit_hits"] >= 1
    assert end.resources["memory_limit_bytes"] <= 64 * MIB
    assert result.text("job.groups") == "", "groups are left"


def test_a_limit_below_the_containers(vm, ending):
    result = vm("""
        group job memory.max=128M
        contain job --writable -- --memory 48M -- hog malloc 64M
    """)
    end = ending(result)
    assert (end.how, end.cause) == (("exit", 137), "oom_killed")
    assert end.report["memory"]["enforced_by"] == "cgroup"
    assert end.resources["memory_limit_bytes"] == 48 * MIB
    assert end.resources["peak_memory_bytes"] == near(48 * MIB)
    assert result.text("job.groups") == "", "groups are left"


def test_a_tree_that_is_delegated_to_a_user(vm, ending):
    """The files that cgroup-v2.rst names for a delegation belong to the user, and no more."""
    result = vm("""
        chmod 777 .
        group job memory.max=64M
        (cd /sys/fs/cgroup/job; chown 1000:1000 . cgroup.procs cgroup.threads cgroup.subtree_control)
        contain job --writable --user 1000 -- hog malloc 96M
    """)
    end = ending(result)
    assert (end.how, end.cause) == (("exit", 137), "oom_killed")
    assert end.report["memory"]["enforced_by"] == "cgroup"
    assert result.text("job.groups") == "", "groups are left"


def test_the_job_runs_in_a_group_below_and_its_init_beside_it(vm, ending):
    result = vm("""
        group job memory.max=64M
        contain job --writable -- sh -c 'cat /proc/1/cgroup /proc/self/cgroup'
    """)
    end = ending(result)
    assert (end.how, end.cause) == (("exit", 0), "success")
    init, job = end.out.split()
    assert init != job and job != "0::/"
    assert result.text("job.groups") == "", "groups are left"


def test_a_good_job_in_a_tree_that_may_be_written_to(vm, ending):
    result = vm("""
        group job memory.max=64M
        contain job --writable -- hog hold 32M
    """)
    end = ending(result)
    assert (end.how, end.cause, end.resources["oom_kills"]) == (("exit", 0), "success", 0)
    assert end.resources["memory_limit_bytes"] <= 64 * MIB
    assert result.text("job.groups") == "", "groups are left"


def test_a_fork_bomb_does_not_outrun_its_end(vm, ending):
    """cgroup.kill reaches also who is being forked."""
    result = vm("""
        group job memory.max=128M pids.max=400
        contain job --writable -- --timeout 2s --stop-grace 2500ms -- \\
            sh -c 'trap "" TERM; bomb() { while :; do bomb & done; }; (bomb) 2>/dev/null & exec sleep 1000'
    """)
    end = ending(result)
    assert (end.how, end.cause) == (("exit", 124), "timeout")
    assert end.report["processes"]["unkillable"] is False
    assert end.report["processes"]["killed"] > 1
    assert result.text("job.groups") == "", "groups are left, and so somebody lives in them"
