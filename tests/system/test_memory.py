"""The memory limit, enforced by the guard: PID 1 watches the job's processes and ends the job before anybody else does.
What needs a real container limit is in tests/container and tests/cgroup2."""
import os
import pathlib
import subprocess
import sys

import pytest

from conftest import BINARY, HANG, clean_env

MIB = 1 << 20


def can_be_spared():
    """Whether the OOM killer may be asked to spare a process: CAP_SYS_RESOURCE."""
    return subprocess.run(["sh", "-c", "echo -1000 >/proc/self/oom_score_adj"], stderr=subprocess.DEVNULL).returncode == 0


needs_sparing = pytest.mark.skipif(not can_be_spared(), reason="asking the OOM killer to spare one needs CAP_SYS_RESOURCE")


def python(code):
    return ["/usr/bin/python3", "-c", "import os, signal, sys, time\n" + code]


def hog(code="", mib=4000, pause=0.0):
    """Takes so much, at the speed of the machine or with a pause for each MiB, and then stays."""
    return python(code + f"\nkept = []\nfor i in range({mib}): kept.append(b'x' * {MIB}); {pause} and time.sleep({pause})\n"
                  "print('had it all', flush=True)\ntime.sleep(1000)")


def outcome(run):
    return run.code, run.cause, run.report["outcome"]["limit"]


def test_the_guard_ends_a_job_at_its_limit(jobinit, place):
    run = jobinit("--memory", "100M", "--", *hog(), place=place)
    assert outcome(run) == (137, "memory_limit", "memory")
    assert run.report["memory"]["enforced_by"] == "guard"
    assert run.report["resources"]["memory_limit_bytes"] == 100 * MIB
    assert "used more memory than its limit of 100 MiB" in run.err
    assert b"had it all" not in run.out


def test_the_report_names_who_used_it(jobinit, place):
    run = jobinit("--memory", "100M", "--", "sh", "-c", 'sleep 1000 & "$@"; true', "-", *hog(), place=place)
    assert outcome(run) == (137, "memory_limit", "memory")
    largest = run.report["memory"]["largest_processes"]
    assert largest[0]["name"].startswith("python3")
    assert largest[0]["bytes"] > 50 * MIB
    assert largest == sorted(largest, key=lambda one: -one["bytes"])


def test_children_count_together(jobinit, place):
    """None of them is large, and the main process is the smallest of all."""
    code = ("for i in range(8):\n"
            "    if os.fork() == 0:\n"
            f"        kept = b'x' * (30 * {MIB}); time.sleep(1000)\n"
            "time.sleep(1000)")
    run = jobinit("--memory", "120M", "--", *python(code), place=place)
    assert outcome(run) == (137, "memory_limit", "memory")


def test_what_is_shared_counts_once(jobinit, place):
    """Ten processes of 60 MiB, which are the same 60 MiB."""
    code = (f"kept = b'x' * (60 * {MIB})\n"
            "for i in range(10):\n"
            "    if os.fork() == 0: time.sleep(1); os._exit(0)\n"
            "for i in range(10): os.wait()")
    run = jobinit("--memory", "200M", "--", *python(code), place=place)
    assert outcome(run) == (0, "success", None)


def test_files_that_are_read_do_not_count(jobinit, place, tmp_path):
    """A mapped file is page cache, whoever has touched all of it."""
    (tmp_path / "data").write_bytes(b"x" * (150 * MIB))
    code = (f"import mmap\nfile = open({str(tmp_path / 'data')!r}, 'rb')\n"
            "view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)\n"
            "print(sum(view[i] for i in range(0, len(view), 4096)), flush=True)\ntime.sleep(0.3)")
    run = jobinit("--memory", "100M", "--", *python(code), place=place)
    assert outcome(run) == (0, "success", None)


def test_a_job_may_put_its_affairs_in_order(jobinit, place):
    """The cause is the limit all the same, and so is the exit code."""
    goodbye = "signal.signal(signal.SIGTERM, lambda *_: (print('saved', flush=True), os._exit(0)))"
    run = jobinit("--memory", "100M", "--", *hog(goodbye, pause=0.002), place=place)
    assert outcome(run) == (137, "memory_limit", "memory")
    assert run.report["outcome"]["job_exit_code"] == 0
    assert run.out == b"saved\n"


def test_by_a_signal_of_ones_own(jobinit):
    told = "signal.signal(signal.SIGUSR1, lambda *_: (print('told', flush=True), os._exit(9)))"
    run = jobinit("--memory", "100M", "--memory-action", "signal=USR1", "--", *hog(told, pause=0.002))
    assert outcome(run) == (137, "memory_limit", "memory")
    assert run.report["outcome"]["job_exit_code"] == 9
    assert run.out == b"told\n"


def test_by_sigkill(jobinit, place):
    deaf = "signal.signal(signal.SIGTERM, lambda *_: print('heard', flush=True))"
    run = jobinit("--memory", "100M", "--memory-action", "kill", "--", *hog(deaf), place=place)
    assert outcome(run) == (137, "memory_limit", "memory")
    assert run.report["outcome"]["signal"] == "SIGKILL"


def test_a_job_that_goes_on_taking_gets_no_grace(jobinit, place):
    """It ignores the stop signal, has a grace of minutes, and would have had it all by then."""
    run = jobinit("--memory", "100M", "--stop-grace", "10m", "--",
                  *hog("signal.signal(signal.SIGTERM, signal.SIG_IGN)"), place=place)
    assert outcome(run) == (137, "memory_limit", "memory")
    assert run.report["outcome"]["signal"] == "SIGKILL"
    assert b"had it all" not in run.out


def test_a_warning(jobinit, place):
    run = jobinit("--memory", "200M", "--memory-warn", "50%", "--",
                  *python(f"kept = b'x' * (130 * {MIB}); time.sleep(0.5)"), place=place)
    assert outcome(run) == (0, "success", None)
    assert run.err.count("warning: the job uses") == 1
    assert "of 200 MiB" in run.err
    assert run.report["memory"]["warned_after_seconds"] > 0


def test_no_warning_without_need(jobinit):
    run = jobinit("--memory", "200M", "--memory-warn", "150M", "--", "sleep", "0.3")
    assert outcome(run) == (0, "success", None)
    assert "warning" not in run.err
    assert run.report["memory"]["warned_after_seconds"] is None


def test_a_process_that_may_not_take_more_says_so_itself(jobinit):
    run = jobinit("--memory-per-process", "200M", "--", *hog())
    assert outcome(run) == (1, "failed", None)
    assert b"had it all" not in run.out
    assert "MemoryError" in run.report["logs"]["tail"]


@needs_sparing
@pytest.mark.parametrize("arguments, expected", [([], 500), (["--oom-score-adj", "7"], 7)])
def test_the_job_is_not_spared_as_its_init_is(jobinit, place, arguments, expected):
    run = jobinit(*arguments, "--", "sh", "-c", "cat /proc/self/oom_score_adj /proc/$PPID/oom_score_adj", place=place)
    assert run.out.split() == [b"%d" % expected, b"-1000"]


@needs_sparing
def test_under_a_peers_name_the_job_keeps_the_score_that_was_there(place, tmp_path):
    """jobinit itself is spared there too, once there is anything of it to be seen."""
    (tmp_path / "tini").symlink_to(os.path.abspath(BINARY))
    seen = []
    for extra in ({}, {"JOBINIT_NAME": "feed"}):
        done = subprocess.run([*place, tmp_path / "tini", "-s", "--", "sh", "-c",
                               "cat /proc/self/oom_score_adj /proc/$PPID/oom_score_adj"],
                              env=clean_env(**extra), stdout=subprocess.PIPE, timeout=HANG)
        seen.append(done.stdout.split())
    inherited = open("/proc/self/oom_score_adj", "rb").read().strip()
    assert seen == [[inherited, inherited], [inherited, b"-1000"]]


def test_a_warning_does_not_count_files(own_cgroup, tmp_path):
    """They fill the cgroup to beyond the warning, and are read again and again."""
    (tmp_path / "data").write_bytes(b"x" * (150 * MIB))
    os.sync()
    with open(tmp_path / "data", "rb") as data:
        os.posix_fadvise(data.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)  # or it would be ours, not the job's
    code = f"data = open({str(tmp_path / 'data')!r}, 'rb')\nwhile data.read(1 << 20): pass\ntime.sleep(0.6)"
    run = own_cgroup("--memory", "400M", "--memory-warn", "25%", "--", *python(code))
    assert outcome(run) == (0, "success", None)
    assert run.report["resources"]["peak_memory_bytes"] > 140 * MIB
    assert "warning" not in run.err


def test_retries_have_the_limit_each_time(jobinit):
    run = jobinit("--memory", "100M", "--retries", "1", "--retry-backoff", "10ms", "--", *hog())
    assert outcome(run) == (137, "memory_limit", "memory")
    assert [one["cause"] for one in run.report["attempts"]] == ["memory_limit"] * 2


def test_leftovers_that_are_waited_for_are_still_within_the_limit(jobinit, place):
    late = "if os.fork() == 0:\n    time.sleep(0.2)\nelse:\n    os._exit(0)"
    run = jobinit("--memory", "100M", "--leftovers", "wait", "--", *hog(late), place=place)
    assert outcome(run) == (137, "memory_limit", "memory")
    assert run.report["outcome"]["job_exit_code"] == 0


@pytest.mark.parametrize("arguments, words", [
    (["--memory", "101%"], "at most 100%"),
    (["--memory", "some"], "neither a size"),
    (["--memory-tier", "cgroups"], "none of auto, cgroup, guard, off"),
    (["--memory-action", "signal=NOPE"], "NOPE"),
    (["--memory", "1M", "--memory-tier", "off"], "nobody would enforce it"),
    (["--memory-per-process", "1G", "--limit", "data=2G"], "keep one"),
])
def test_what_cannot_be_is_refused(jobinit, arguments, words):
    run = jobinit(*arguments, "--", sys.executable, "-c", "print('started')")
    assert (run.code, run.cause) == (125, "rejected")
    assert words in run.err
    assert run.out == b""


# ---- a cgroup of the job's own --------------------------------------------------------------------------------------

def groups():
    """Those that jobinit has made anywhere on this machine."""
    return {path for kind in ("jobinit.job*", "jobinit.init") for path in pathlib.Path("/sys/fs/cgroup").rglob(kind)}


@pytest.fixture
def own_cgroup(jobinit):
    """jobinit, told that the cgroup tree is its own; skipped where it is not."""
    before = groups()
    first = jobinit("--memory-tier", "cgroup", "--memory", "1G", "--", "true")
    if first.code == 125:
        pytest.skip(first.err.splitlines()[0])

    def run(*arguments, **options):
        done = jobinit("--memory-tier", "cgroup", *arguments, **options)
        assert groups() == before, "a group was left behind"
        return done

    return run


def test_the_kernel_kills_in_the_jobs_own_cgroup(own_cgroup, place):
    run = own_cgroup("--memory", "100M", "--", *hog(), place=place)
    assert outcome(run) == (137, "oom_killed", None)
    assert run.report["memory"]["enforced_by"] == "cgroup"
    resources = run.report["resources"]
    assert resources["memory_limit_bytes"] == 100 * MIB
    assert resources["oom_kills"] >= 1
    assert resources["peak_memory_source"] == "cgroup"
    assert 90 * MIB < resources["peak_memory_bytes"] <= 100 * MIB
    assert b"had it all" not in run.out


def test_a_job_within_its_limit_has_its_own_peak(own_cgroup, place):
    run = own_cgroup("--memory", "1G", "--", *python(f"kept = b'x' * (200 * {MIB})"), place=place)
    assert outcome(run) == (0, "success", None)
    assert 200 * MIB < run.report["resources"]["peak_memory_bytes"] < 260 * MIB
    assert run.report["resources"]["oom_kills"] == 0


def test_each_attempt_has_a_cgroup(own_cgroup):
    run = own_cgroup("--memory", "100M", "--retries", "2", "--retry-backoff", "10ms", "--", *hog())
    assert [one["cause"] for one in run.report["attempts"]] == ["oom_killed"] * 3
    assert run.report["resources"]["oom_kills"] >= 3


def test_children_are_in_it_too(own_cgroup, place):
    code = ("import subprocess\n"
            "child = subprocess.run([sys.executable, '-c', 'kept = [b\"x\" * (1 << 20) for _ in range(4000)]'])\n"
            "print(child.returncode, flush=True)\nsys.exit(5)")
    run = own_cgroup("--memory", "100M", "--", *python(code), place=place)
    assert outcome(run) == (5, "failed", None)
    assert run.out == b"-9\n"
    assert "the kernel's OOM killer took" in run.err


def test_a_job_has_so_many_processes(own_cgroup, place):
    """As the kernel counts: the main process is one of them."""
    code = ("started = 0\n"
            "try:\n"
            "    while started < 100:\n"
            "        if os.fork() == 0: time.sleep(1000)\n"
            "        started += 1\n"
            "except BlockingIOError: pass\n"
            "print(started, flush=True)")
    run = own_cgroup("--pids", "20", "--", *python(code), place=place)
    assert outcome(run) == (0, "success", None)
    assert run.out == b"19\n"
    assert run.report["processes"]["leftover"] == 19


def test_a_storm_of_forks_ends(own_cgroup, place):
    storm = "import itertools\nfor _ in itertools.count():\n    try: os.fork()\n    except OSError: pass"
    run = own_cgroup("--pids", "300", "--timeout", "1s", "--stop-grace", "2500ms", "--", *python(storm), place=place)
    assert outcome(run)[:2] == (124, "timeout")
    assert run.report["processes"]["unkillable"] is False


def test_a_warning_comes_of_the_jobs_own_cgroup(own_cgroup):
    run = own_cgroup("--memory", "200M", "--memory-warn", "50%", "--",
                     *python(f"kept = b'x' * (130 * {MIB}); time.sleep(0.5)"))
    assert outcome(run) == (0, "success", None)
    assert run.err.count("warning: the job uses") == 1


def test_hooks_are_not_in_it(own_cgroup):
    before = f"/usr/bin/python3 -c 'kept = b\"x\" * (150 * {MIB})'"
    run = own_cgroup("--memory", "100M", "--before", before, "--", "true")
    assert outcome(run) == (0, "success", None)
