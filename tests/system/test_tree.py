"""Orphans, leftovers and whole trees."""
import os
import signal
import time

from conftest import HANG, python, read_report, wait_for_line

# Leaves the session, the process group and its parent, as a daemon does, and ignores what it can.
DAEMON = """
import os, signal, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(15, signal.SIG_IGN)
        open(sys.argv[1], 'w').write(str(os.getpid()))
        time.sleep(1000)
    os._exit(0)
os.wait()
while not os.path.exists(sys.argv[1]) or not open(sys.argv[1]).read(): time.sleep(0.01)
"""


def gone(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_orphans_are_reaped_while_the_job_runs(jobinit, place):
    job = (
        "import os,time\n"
        "for _ in range(200):\n"
        "    if os.fork() == 0:\n"
        "        if os.fork() == 0: os._exit(0)\n"
        "        os._exit(0)\n"
        "    os.wait()\n"
        "def zombies():\n"
        "    count = 0\n"
        "    for pid in filter(str.isdigit, os.listdir('/proc')):\n"
        "        try: fields = open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()\n"
        "        except OSError: continue\n"
        "        count += fields[0] == 'Z' and int(fields[1]) == os.getppid()\n"
        "    return count\n"
        "while zombies(): time.sleep(0.01)"
    )
    run = jobinit("--", *python(job), place=place)
    assert run.code == 0
    assert run.report["processes"]["reaped"] == 200


def test_a_daemon_that_is_left_behind_is_ended(jobinit, tmp_path):
    pidfile = tmp_path / "pid"
    run = jobinit("--leftover-grace", "100ms", "--", *python(DAEMON, pidfile))
    assert (run.code, run.cause) == (0, "success")
    assert run.report["processes"]["leftover"] == 1
    assert run.report["processes"]["killed"] == 1
    assert gone(int(pidfile.read_text()))


def test_a_leftover_that_heeds_the_stop_signal_is_not_killed(jobinit, place):
    run = jobinit("--leftover-grace", "1m", "--", "sh", "-c", "sleep 1000 & exit 4", place=place)
    assert (run.code, run.cause) == (4, "failed")
    assert run.report["processes"]["leftover"] == 1
    assert run.report["processes"]["killed"] == 0


def test_a_leftover_that_holds_the_pipe_does_not_hold_the_run(jobinit):
    """The run ends when the job and its tree have, not at the end of file; its last words are all there."""
    run = jobinit("--leftover-grace", "100ms", "--", "sh", "-c", "trap '' TERM; sleep 1000 & echo last words; exit 0")
    assert run.code == 0
    assert run.out == b"last words\n"


def test_a_stranger_that_holds_the_pipe_does_not_hold_the_run(start, tmp_path):
    """A descriptor that was handed out of the tree: no end of file comes, and nobody of ours could bring it about."""
    import socket

    ours, theirs = socket.socketpair()
    job = (
        "import array,socket,sys\n"
        f"s = socket.socket(fileno={theirs.fileno()})\n"
        "s.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [1]))])\n"
        "print('done', flush=True)"
    )
    process = start("--", *python(job), pass_fds=[theirs.fileno()])
    _, fds, _, _ = socket.recv_fds(ours, 1, 1)
    assert process.communicate(timeout=HANG)[0] == b"done\n"
    assert process.returncode == 0
    os.close(fds[0])


def test_a_timeout_ends_the_whole_tree(jobinit, tmp_path):
    pidfile = tmp_path / "pid"
    job = DAEMON + "time.sleep(1000)"
    run = jobinit("--timeout", "2s", "--stop-grace", "200ms", "--report-reserve", "0", "--leftover-grace", "100ms", "--",
                  *python(job, pidfile))
    assert (run.code, run.cause) == (124, "timeout")
    assert gone(int(pidfile.read_text()))


def test_a_stopped_process_is_killed_too(jobinit):
    run = jobinit("--timeout", "300ms", "--stop-grace", "100ms", "--report-reserve", "0", "--", "sh", "-c", "kill -STOP $$")
    assert (run.code, run.cause) == (124, "timeout")


def test_a_stop_request_reaches_the_group(start, tmp_path):
    process = start("--", "sh", "-c", "sleep 1000 & echo ready; wait")
    wait_for_line(process.stdout, b"ready")
    process.send_signal(signal.SIGTERM)
    assert process.wait(HANG) == 143
    report = read_report(tmp_path)
    assert report["outcome"]["cause"] == "stopped"
    assert report["processes"]["killed"] == 0


def test_the_job_has_a_session_of_its_own(jobinit):
    run = jobinit("--", *python("import os; print(os.getsid(0) == os.getpid() == os.getpgrp())"))
    assert run.out == b"True\n"


def test_oom_score_is_raised(jobinit):
    assert jobinit("--", "cat", "/proc/self/oom_score_adj").out == b"500\n"
    assert jobinit("--oom-score-adj", "700", "--", "cat", "/proc/self/oom_score_adj").out == b"700\n"


def test_a_sleeping_run_does_not_wake_up(start):
    """No timer runs when nothing is to be waited for; the kernel counts every time that a process gives up the CPU."""
    process = start("--", "sh", "-c", "echo ready; exec sleep 1000")
    wait_for_line(process.stdout, b"ready")

    def switches():
        text = open(f"/proc/{process.pid}/status").read()
        return [line for line in text.splitlines() if "ctxt_switches" in line]

    before = switches()
    while True:  # the line just read was its last piece of work
        time.sleep(0.3)
        now = switches()
        if now == before:
            break
        before = now
    time.sleep(3)
    assert switches() == before


class TestLeftovers:
    SLOW = "(sleep 0.5; echo late) & echo early; exit 4"

    def test_are_waited_for(self, jobinit, place):
        run = jobinit("--leftovers", "wait", "--", "sh", "-c", self.SLOW, place=place)
        assert (run.code, run.cause, run.out) == (4, "failed", b"early\nlate\n")
        processes = run.report["processes"]
        assert (processes["reaped"], processes["killed"]) == (1, 0)
        assert processes["leftover"] in (1, 2)  # the sleep may not have been there yet

    def test_that_are_waited_for_too_long(self, jobinit, place):
        run = jobinit("--leftovers", "wait", "--timeout", "500ms", "--", "sh", "-c", "sleep 1000 & exit 0", place=place)
        assert (run.code, run.cause) == (124, "timeout")

    def test_are_left_alone(self, jobinit, tmp_path):
        run = jobinit("--leftovers", "ignore", "--", *python(DAEMON, tmp_path / "pid"))
        pid = int((tmp_path / "pid").read_text())
        try:
            assert (run.code, run.cause) == (0, "success")
            assert run.report["processes"] == {"reaped": 0, "leftover": 1, "killed": 0, "unkillable": False}
            assert not gone(pid)
        finally:
            os.kill(pid, signal.SIGKILL)
