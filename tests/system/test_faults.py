"""Every call to the kernel that may fail, fails once at each place where it is made. strace(1) makes it fail.

Whatever fails: jobinit neither hangs nor crashes, no process of the job stays, and what it tells is what happened; or it
says what went wrong, and exits with 125.
"""
import concurrent.futures
import json
import os
import re
import shutil
import subprocess

import pytest

from conftest import BINARY, HANG, SANITIZED, clean_env

pytestmark = [
    pytest.mark.skipif(not shutil.which("strace"), reason="needs strace"),
    pytest.mark.skipif(SANITIZED, reason="the sanitizer's own calls would be the ones that fail"),
]

# The wire's end of file says that nobody of the job lives any more; `ran` says how often it came to its end.
BIG = 200_000
JOB = f"echo begin >> $RAN; head -c {BIG} /dev/zero; echo err >&2; echo end >> $RAN; exit 3"
STUBBORN = "echo begin >> $RAN; trap '' TERM; while :; do sleep 1; done"
EVERYTHING = ["--notify", "--deadline", "@4000000000", "--timeout", "1h", "--idle-timeout", "1h", "--cpu-timeout", "1h",
              "--watchdog", "1h", "--retries", "1", "--retry-backoff", "1ms", "--before", "true", "--after", "true"]
QUICKLY = ["--timeout", "150ms", "--stop-grace", "50ms", "--report-reserve", "0"]
SCENARIOS = {
    "plain": ([], JOB),
    "everything": (EVERYTHING, JOB),
    "limit": (QUICKLY, STUBBORN),
}
# What may fail, and how it does when descriptors, memory, processes or disk run out, or a signal comes in between.
CALLS = {
    "vfork,fork,clone,clone3": ("EAGAIN", "ENOMEM"),
    "pipe2": ("EMFILE",),
    "epoll_create1": ("EMFILE", "ENOMEM"),
    "epoll_ctl": ("ENOSPC",),
    "epoll_wait,epoll_pwait,epoll_pwait2": ("EINTR",),
    "eventfd2": ("EMFILE",),
    "timerfd_create": ("EMFILE",),
    "signalfd4": ("EMFILE", "ENOMEM"),
    "pidfd_open": ("EMFILE", "ENOSYS"),
    "memfd_create": ("EMFILE", "ENOSYS"),
    "fcntl": ("EMFILE",),
    "socket,bind,setsockopt": ("EMFILE",),
    "openat": ("EMFILE", "EACCES"),
    "read": ("EIO", "EINTR"),
    "write": ("ENOSPC", "EINTR"),
    "lseek,fsync,rename": ("EIO",),
    "waitid": ("EINTR",),
    "poll,ppoll": ("EINTR",),
    "kill": ("EPERM",),
    "prctl": ("EINVAL",),
    "getrandom,sched_getaffinity,uname": ("ENOSYS",),
}
# These fail in the child, between fork and exec.
CHILD_CALLS = {
    "execve": ("ENOMEM", "EAGAIN", "E2BIG", "EIO", "ETXTBSY", "EACCES"),
    "dup2": ("EBUSY",),
    "setsid": ("EPERM",),
}
CHILD_DUPS = 2  # for stdout and stderr; what the job itself does with dup2 is its own business
# Changing or removing a watch needs no memory, and a pipe of ours has no disk.
CANNOT_FAIL = re.compile(r"EPOLL_CTL_(MOD|DEL)[^\n]*INJECTED|read\(\d+, [^\n]*, 65536\)[^\n]*EIO[^\n]*INJECTED")
# More often than this, a call is only made once a process in /proc.
MOST = 130


class Faulty:
    """One run with one fault, and what is wrong with it."""

    def __init__(self, folder, scenario, inject, options=()):
        folder.mkdir()
        flags, job = SCENARIOS[scenario]
        self.limited = scenario == "limit"
        self.ran, log, report = folder / "ran", folder / "log", folder / "report"
        wire, wire_end = os.pipe()
        process = subprocess.Popen(
            ["strace", "-o", str(log), *options, "-e", f"trace={inject.split(':')[0]}", "-e", f"inject={inject}", BINARY,
             "--report-to", f"file:{report}", *flags, "--", "/bin/sh", "-c", job],
            env=clean_env(RAN=str(self.ran)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            pass_fds=[wire_end])
        os.close(wire_end)
        self.wrong = ""
        try:
            self.out, err = process.communicate(timeout=HANG)
        except subprocess.TimeoutExpired:
            self.wrong = "hangs"
            jobinit = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True).stdout
            for pid in jobinit.split():
                os.kill(int(pid), 9)
            self.out, err = process.communicate()
        self.code, self.err = process.returncode, err.decode(errors="replace")
        os.set_blocking(wire, False)
        try:
            os.read(wire, 1)
        except BlockingIOError:
            self.wrong += " leaves somebody behind"
        os.close(wire)
        self.made = "INJECTED" in log.read_text()
        self.report = json.loads(report.read_text()) if report.exists() else None
        if CANNOT_FAIL.search(log.read_text()):
            self.wrong = ""
            return
        self.wrong = self.wrong or self.judge()
        if self.wrong:
            self.wrong = f"{inject}: {self.wrong}; exit code {self.code}, stderr {self.err!r}, {log.read_text()[-300:]}"

    def judge(self):
        words = self.ran.read_text().split() if self.ran.exists() else []
        if self.code < 0:
            return "crashes"
        if self.code not in ((124, 125, 126) if self.limited else (3, 125, 126)):
            return "an exit code of nobody's"
        if self.code == 3 and words.count("end") < 1:
            return "the exit code of a job that did not come to its end"
        if self.code == 126 and words:
            return "not started, yet it ran"
        if self.report is None:
            return "" if "jobinit: " in self.err else "neither a report nor a word"
        told = self.report["outcome"]
        if told["exit_code"] != self.code:
            return f"the report says {told}"
        true = {3: ("failed", 3), 124: ("timeout", None), 126: ("not_started", None)}
        if self.code in true and (told["cause"], told["job_exit_code"]) != true[self.code]:
            return f"the report says {told}"
        if self.code == 125 and told["cause"] != "internal" and (words or told["cause"] not in ("not_started", "rejected")):
            return f"the report says {told}"
        if self.code == 125 and not (told["problems"] and "jobinit: " in self.err):
            return "nobody says why"
        return self.judge_output(words)

    def judge_output(self, words):
        """Whatever the job wrote has come, or is counted as dropped."""
        for name, stream in self.report["logs"]["streams"].items():
            missing = len(self.out) - (stream["bytes"] - stream["dropped_bytes"])
            # Where no pipe is to be had, an attempt writes to jobinit's own output.
            if name == "stdout" and missing not in (0, BIG, 2 * BIG):
                return f"{len(self.out)} bytes came, told is {stream}"
        if self.code == 3 and not self.report["logs"]["streams"] and len(self.out) < BIG:
            return "output is missing"
        return ""


def at_each_place(tmp_path, scenario, call, error, most, options):
    """The fault at the first place, the second, and so on until there is no other."""
    wrong = []
    for place in range(1, most + 1):
        run = Faulty(tmp_path / f"{scenario}-{call}-{error}-{place}", scenario, f"{call}:error={error}:when={place}", options)
        if not run.made:
            return place - 1, wrong
        if run.wrong:
            wrong.append(f"{scenario}, {run.wrong}")
    return most, wrong


def all_of(calls, tmp_path, most=MOST, options=()):
    runs = [(tmp_path, scenario, call, error, min(most, 40) if scenario == "limit" else most, options)
            for names, errors in calls.items() for error in errors for call in names.split(",") for scenario in SCENARIOS]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda one: at_each_place(*one), runs))
    assert sum(places for places, _ in results) > 0
    wrong = [one for _, some in results for one in some]
    assert not wrong, f"{len(wrong)} are wrong:\n" + "\n".join(wrong[:20])


@pytest.mark.parametrize("calls", CALLS)
def test_a_call_that_fails(calls, tmp_path):
    all_of({calls: CALLS[calls]}, tmp_path)


@pytest.mark.parametrize("call", CHILD_CALLS)
def test_a_call_that_fails_between_fork_and_exec(call, tmp_path):
    # For the job's file only: its other calls are not ours.
    options = ["-f", "-P", "/bin/sh"] if call == "execve" else ["-f"]
    all_of({call: CHILD_CALLS[call]}, tmp_path, CHILD_DUPS if call == "dup2" else MOST, options)
