"""Many of everything at once: orphans, signals, processes that do not want to end."""
import os
import signal

import pytest

from conftest import HANG, SANITIZED, python, read_report, wait_for_line
from endings.play import children_of


# SIGKILL comes soon, the platform's does not: so many take their time to die.
SOON = ["--stop-grace", "60s", "--report-reserve", "59900ms"]


class Wire:
    """A pipe that all processes of the job inherit: they talk over it, and its end of file says that they are gone."""

    def __init__(self):
        ours, self.theirs = os.pipe()
        self.lines = os.fdopen(ours, "rb")

    def wait_for(self, line):
        wait_for_line(self.lines, line)

    def everybody_gone(self):
        os.close(self.theirs)
        return self.lines.read() == b""


@pytest.fixture
def wire():
    wire = Wire()
    yield wire
    wire.lines.close()


def pid_of_jobinit(process, place):
    """As seen from here; called when the job is known to run."""
    return next(pid for pid, _ in children_of(process.pid)) if place else process.pid


def test_ten_thousand_orphans_at_once(start, tmp_path, place, wire):
    """They end while jobinit stands still, so that it finds all of them dead in one look."""
    orphans = 1000 if SANITIZED else 10_000
    job = (
        "import os, sys\n"
        "os.write(int(sys.argv[1]), b'up\\n')\n"
        "sys.stdin.readline()\n"
        f"for _ in range({orphans // 100}):\n"
        "    if os.fork() == 0:\n"
        "        for _ in range(100):\n"
        "            if os.fork() == 0: os._exit(0)\n"
        "        os._exit(0)\n"
        "    os.wait()\n"
        "os.write(int(sys.argv[1]), b'orphaned\\n')\n"
        "sys.stdin.readline()\n"
        "os._exit(5)"
    )
    there, here = os.pipe()
    process = start("--", *python(job, wire.theirs), place=place, pass_fds=[wire.theirs], stdin=there)
    os.close(there)
    wire.wait_for(b"up")
    jobinit = pid_of_jobinit(process, place)
    os.kill(jobinit, signal.SIGSTOP)
    os.write(here, b"\n")
    wire.wait_for(b"orphaned")

    def dead():
        return sum(status["State"].startswith("Z") for _, status in children_of(jobinit))

    while dead() < orphans:  # the last of them are still on their way
        pass
    os.kill(jobinit, signal.SIGCONT)
    while dead():  # the job still runs
        pass
    os.write(here, b"\n")
    os.close(here)
    assert process.wait(HANG) == 5
    assert read_report(tmp_path)["processes"] == {"reaped": orphans, "leftover": 0, "killed": 0, "unkillable": False}
    assert wire.everybody_gone()


@pytest.mark.parametrize("whom", ["group", "child"])
def test_no_signal_is_lost_or_doubled(start, place, whom, wire):
    """Real-time signals queue: each one that is sent arrives once. The others are there or not."""
    job = (
        "import os, signal, sys\n"
        "numbers = [signal.SIGUSR1, *range(signal.SIGRTMIN + 1, signal.SIGRTMIN + 6)]\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, numbers)\n"
        "os.write(int(sys.argv[1]), b'up\\n')\n"
        "counts = dict.fromkeys(numbers, 0)\n"
        "while not counts[numbers[-1]]: counts[signal.sigwaitinfo(numbers).si_signo] += 1\n"
        "print(*counts.values())"
    )
    process = start("--forward", whom, "--", *python(job, wire.theirs), place=place, pass_fds=[wire.theirs])
    wire.wait_for(b"up")
    jobinit = pid_of_jobinit(process, place)
    for _ in range(250):
        os.kill(jobinit, signal.SIGUSR1)
        for number in range(1, 5):
            os.kill(jobinit, signal.SIGRTMIN + number)
    os.kill(jobinit, signal.SIGRTMIN + 5)  # the lowest number is delivered first: this one comes last
    standard, *queued = map(int, process.communicate(timeout=HANG)[0].split())
    assert queued == [250, 250, 250, 250, 1]
    assert 1 <= standard <= 250
    assert process.returncode == 0
    assert wire.everybody_gone()


# Many that sleep, in sessions of their own, and some that are never the same process for long.
BOMB = """
import os, signal, sys, time
wire, sleepers, runaways = map(int, sys.argv[1:])
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for number in range(sleepers):
    if os.fork() == 0:
        if number % 2: os.setsid()
        while True: time.sleep(1000)
for _ in range(runaways):
    if os.fork() == 0:
        while True:
            if os.fork(): os._exit(0)
            time.sleep(0.001)
os.write(wire, b'up\\n')
while True: time.sleep(1000)
"""


def test_a_fork_bomb_is_ended(start, tmp_path, place, wire):
    sleepers, runaways = (200, 2) if SANITIZED else (2000, 20)
    process = start(*SOON, "--", *python(BOMB, wire.theirs, sleepers, runaways),
                    place=place, pass_fds=[wire.theirs])
    wire.wait_for(b"up")
    os.kill(pid_of_jobinit(process, place), signal.SIGTERM)
    assert process.wait(HANG) == 137
    report = read_report(tmp_path)
    assert (report["outcome"]["cause"], report["outcome"]["signal"]) == ("stopped", "SIGKILL")
    assert report["processes"]["killed"] > sleepers
    assert not report["processes"]["unkillable"]
    assert wire.everybody_gone()


# Each of them is hard to get hold of in another way. The main process ends, or does not.
ODD = """
import ctypes, os, signal, sys, time
wire, stays = int(sys.argv[1]), sys.argv[2] == 'stays'
ptrace = ctypes.CDLL(None, use_errno=True).ptrace
TRACEME, SEIZE = 0, 0x4206
def child(do):
    pid = os.fork()
    if pid: return pid
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    do()
    while True: time.sleep(1000)
def tell(): os.write(wire, b'here\\n')
def traced():
    assert ptrace(TRACEME, 0, 0, 0) == 0
    tell()
    os.kill(os.getpid(), signal.SIGSTOP)
def traces_a_sibling(pid):
    assert ptrace(SEIZE, pid, 0, 0) == 0
    tell()
def daemon():
    os.setsid()
    if os.fork(): os._exit(0)
    os.setpgid(0, 0)
    tell()
def stopped():
    tell()
    os.kill(os.getpid(), signal.SIGSTOP)
sleeper = child(tell)
child(lambda: traces_a_sibling(sleeper))
child(traced)
child(stopped)
os.waitpid(child(daemon), 0)
if stays: signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.write(wire, b'up\\n')
sys.stdin.read()
if not stays: os._exit(6)
while True: time.sleep(1000)
"""


@pytest.mark.parametrize("main", ["stays", "ends"])
def test_processes_that_are_hard_to_get_hold_of(start, tmp_path, place, main, wire):
    there, here = os.pipe()
    process = start(*SOON, "--leftover-grace", "50ms",
                    "--", *python(ODD, wire.theirs, main), place=place, pass_fds=[wire.theirs], stdin=there)
    os.close(there)
    lines = [wire.lines.readline().strip() for _ in range(6)]
    assert sorted(lines) == [b"here"] * 5 + [b"up"]
    if main == "stays":
        os.kill(pid_of_jobinit(process, place), signal.SIGTERM)
    os.close(here)
    assert process.wait(HANG) == (137 if main == "stays" else 6)
    report = read_report(tmp_path)
    assert report["outcome"]["cause"] == ("stopped" if main == "stays" else "failed")
    assert report["processes"]["killed"] == 5 + (main == "stays")
    assert not report["processes"]["unkillable"]
    assert wire.everybody_gone()
