"""Every limit ends the job by its own name, and what the job says of itself counts."""
import datetime
import os
import signal
import subprocess
import time

import pytest

from conftest import HANG, NAMESPACE, clean_env, needs_namespace, python, read_report, wait_for_line

# say(text): one datagram to the notify socket, as sd_notify(3) does it.
SAY = (
    "import os, socket, sys, time, signal\n"
    "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
    "def say(text): s.sendto(text.encode(), '\\0' + os.environ['NOTIFY_SOCKET'][1:])\n"
)
# On SIGUSR1 it tells so and goes on.
TELLS_USR1 = (
    "import signal, time\n"
    "signal.signal(signal.SIGUSR1, lambda *_: print('warned', flush=True))\n"
    "print('ready', flush=True)\n"
    "while True: time.sleep(1000)"
)


def says(code):
    return python(SAY + code)


def outcome(run):
    return run.code, run.cause, run.report["outcome"]["limit"]


def soon(**delta):
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**delta)
    return when.isoformat(timespec="milliseconds")


def test_deadline(jobinit, place):
    run = jobinit("--deadline", soon(seconds=1), "--", "sleep", "1000", place=place)
    assert outcome(run) == (124, "timeout", "deadline")
    assert "ran into its deadline" in run.err


def test_a_deadline_ends_the_job_when_it_is_there_and_not_before(jobinit):
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=1)
    run = jobinit("--deadline", when.isoformat(), "--", "sleep", "1000")
    ended = datetime.datetime.fromisoformat(run.report["times"]["ended_at"].replace("Z", "+00:00"))
    # The report has milliseconds.
    assert ended >= when - datetime.timedelta(milliseconds=1)


def test_a_job_that_is_done_before_its_deadline(jobinit):
    run = jobinit("--deadline", soon(hours=1), "--", "true")
    assert outcome(run) == (0, "success", None)


@needs_namespace
def test_a_deadline_follows_the_wall_clock_when_that_is_set(tmp_path):
    """In a time namespace the wall clock cannot be set alone, and setting this machine's is out of the question: what the kernel
    tells a timer about a clock that is set is what a deadline in the far future shows when it is not."""
    settime = subprocess.run(["strace", "-f", "-e", "trace=timerfd_settime", "-o", tmp_path / "trace",
                              os.environ.get("JI_BINARY", "build/jobinit"), "--deadline", soon(hours=1), "--", "true"],
                             env=clean_env(ASAN_OPTIONS="detect_leaks=0"), timeout=HANG, stderr=subprocess.PIPE)
    assert settime.returncode == 0, settime.stderr
    assert "TFD_TIMER_ABSTIME|TFD_TIMER_CANCEL_ON_SET" in (tmp_path / "trace").read_text()


def test_attempt_timeout(jobinit, place):
    run = jobinit("--attempt-timeout", "200ms", "--", "sleep", "1000", place=place)
    assert outcome(run) == (124, "timeout", "attempt_timeout")


def test_cpu_timeout_of_the_whole_tree(jobinit, place):
    """Two grandchildren burn the time, the main process none."""
    burn = "sh -c 'while :; do :; done' & sh -c 'while :; do :; done' & wait"
    run = jobinit("--cpu-timeout", "500ms", "--", "sh", "-c", burn, place=place)
    assert outcome(run) == (124, "cpu_limit", "cpu_timeout")
    used = run.report["resources"]["cpu_user_seconds"] + run.report["resources"]["cpu_system_seconds"]
    assert used >= 0.5


def test_cpu_timeout_counts_children_that_are_gone(jobinit):
    """None of them lives long enough to be seen at the limit."""
    run = jobinit("--cpu-timeout", "300ms", "--",
                  "sh", "-c", "while :; do sh -c 'i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done'; done")
    assert outcome(run) == (124, "cpu_limit", "cpu_timeout")


def test_a_job_that_sleeps_uses_no_cpu_time(jobinit):
    run = jobinit("--cpu-timeout", "10s", "--", "sleep", "0.3")
    assert outcome(run) == (0, "success", None)


def test_start_timeout(jobinit, place):
    run = jobinit("--start-timeout", "300ms", "--", "sleep", "1000", place=place)
    assert outcome(run) == (124, "timeout", "start_timeout")
    assert "was not ready within 0.3s" in run.err


def test_a_job_that_says_it_is_ready_has_started(jobinit, place):
    run = jobinit("--start-timeout", "20s", "--", *says("say('READY=1\\nSTATUS=reading 9 feeds'); time.sleep(0.1)"), place=place)
    assert outcome(run) == (0, "success", None)
    self_report = run.report["self_report"]
    assert self_report["status"] == "reading 9 feeds"
    assert self_report["ready_after_seconds"] > 0


def test_watchdog(jobinit, place):
    run = jobinit("--watchdog", "1s", "--",
                  *says("assert os.environ['WATCHDOG_USEC'] == '1000000'\n"
                        "for _ in range(4): say('WATCHDOG=1'); time.sleep(0.4)\n"
                        "print('still there', flush=True)\n"
                        "time.sleep(1000)"), place=place)
    assert outcome(run) == (124, "watchdog", "watchdog")
    assert run.report["outcome"]["signal"] == "SIGABRT"
    assert run.out == b"still there\n"


def test_a_watchdog_that_is_triggered(jobinit):
    run = jobinit("--watchdog", "1h", "--", *says("say('WATCHDOG=trigger'); time.sleep(1000)"))
    assert outcome(run) == (124, "watchdog", "watchdog")


def test_a_job_may_ask_for_more_time(jobinit):
    run = jobinit("--notify", "--timeout", "1s", "--",
                  *says("say('EXTEND_TIMEOUT_USEC=60000000'); time.sleep(1.5); sys.exit(7)"))
    assert outcome(run) == (7, "failed", None)


def test_a_job_may_ask_for_more_grace(jobinit):
    run = jobinit("--notify", "--timeout", "1s", "--stop-grace", "500ms", "--report-reserve", "0", "--",
                  *says("def on_term(*_):\n"
                        "    say('STOPPING=1\\nEXTEND_TIMEOUT_USEC=60000000')\n"
                        "    time.sleep(1.5)\n"
                        "    print('cleaned up', flush=True)\n"
                        "    sys.exit(3)\n"
                        "signal.signal(15, on_term)\n"
                        "time.sleep(1000)"))
    assert outcome(run) == (124, "timeout", "timeout")
    assert run.report["outcome"]["job_exit_code"] == 3
    assert run.out == b"cleaned up\n"
    assert run.report["self_report"]["stopping"]


def test_main_pid_is_not_for_the_job_to_say(jobinit):
    run = jobinit("--notify", "--", *says("say('MAINPID=1'); time.sleep(0.2); sys.exit(4)"))
    assert outcome(run) == (4, "failed", None)
    assert "MAINPID=, which is ignored" in run.err


def test_descriptors_that_are_sent_are_closed(jobinit):
    """What BARRIER=1 waits for, and what would otherwise fill PID 1's table."""
    run = jobinit("--notify", "--", *says(
        "r, w = os.pipe()\n"
        "s.connect('\\0' + os.environ['NOTIFY_SOCKET'][1:])\n"
        "socket.send_fds(s, [b'BARRIER=1'], [w])\n"
        "os.close(w)\n"
        "print(os.read(r, 1))"))  # the end of file, once nobody holds the other end
    assert run.out == b"b''\n"


def test_a_socket_that_lingers_holds_nothing_up(jobinit):
    """Closing it would wait for a peer that never reads."""
    run = jobinit("--notify", "--timeout", "3s", "--", *says(
        "import struct\n"
        "server = socket.create_server(('127.0.0.1', 0)); client = socket.create_connection(server.getsockname())\n"
        "client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 1000))\n"
        "client.setblocking(False)\n"
        "try:\n"
        "    while True: client.send(bytes(100000))\n"
        "except BlockingIOError: pass\n"
        "s.connect('\\0' + os.environ['NOTIFY_SOCKET'][1:])\n"
        "socket.send_fds(s, [b'FDSTORE=1'], [client.fileno()])\n"
        "os.fork() or time.sleep(1000)\n"  # keeps the peer, without the socket that was sent
        "os.close(client.detach()); time.sleep(0.5); say('STATUS=still heard'); time.sleep(1000)"))
    assert outcome(run) == (124, "timeout", "timeout")
    assert run.report["self_report"]["status"] == "still heard"


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_strangers_are_not_heard(start, tmp_path):
    process = start("--watchdog", "1h", "--", *says("print(os.environ['NOTIFY_SOCKET'], flush=True); time.sleep(2); sys.exit(3)"))
    address = process.stdout.readline().decode().strip()
    stranger = "import os,socket,sys; os.setuid(65534); s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n" \
               "s.sendto(b'WATCHDOG=trigger', '\\0' + sys.argv[1][1:])"
    subprocess.run(python(stranger, address), check=True)
    assert process.wait(HANG) == 3
    assert read_report(tmp_path)["outcome"]["cause"] == "failed"


def test_a_flood_of_messages_holds_nothing_up(jobinit, place):
    run = jobinit("--notify", "--timeout", "1s", "--", *says("while True: say('STATUS=' + 'x' * 4000)"), place=place)
    assert outcome(run) == (124, "timeout", "timeout")
    assert run.report["self_report"]["status"] == "x" * 1024


def test_without_a_need_for_it_the_job_keeps_the_socket_it_had(jobinit):
    run = jobinit("--", "sh", "-c", "echo $NOTIFY_SOCKET", env=clean_env(NOTIFY_SOCKET="/run/outer"))
    assert run.out == b"/run/outer\n"
    run = jobinit("--notify", "--", "sh", "-c", "echo $NOTIFY_SOCKET$WATCHDOG_PID$WATCHDOG_USEC",
                  env=clean_env(NOTIFY_SOCKET="/run/outer", WATCHDOG_PID="1", WATCHDOG_USEC="5"))
    assert run.out.startswith(b"@jobinit/") and b"run/outer" not in run.out


def test_warn_before(start, tmp_path):
    process = start("--timeout", "3s", "--warn-before", "1500ms=USR1,1s", "--", *python(TELLS_USR1))
    wait_for_line(process.stdout, b"ready")
    wait_for_line(process.stdout, b"warned")
    assert process.wait(HANG) == 124
    told = process.stderr.read().decode()
    assert told.count(" left\n") == 2
    assert read_report(tmp_path)["outcome"]["limit"] == "timeout"


@pytest.mark.parametrize(
    "arguments, problem",
    [
        (["--warn-before", "10s"], "no end to warn of"),
        (["--warn-before", "10s", "--timeout", "10s"], "is not less than --timeout"),
        (["--deadline", "2020-01-01T00:00:00Z"], "deadline: it is over"),
        (["--deadline", "soon"], "is not a moment such as"),
        (["--timeout", "101000d"], "--timeout"),
        (["--retries", "1", "--retry-on", "success"], "not an ending after which a job is started again"),
        (["--retries", "1", "--retry-on", "oom_kiled"], "did you mean oom_killed?"),
    ],
)
def test_settings_that_make_no_sense_are_refused(jobinit, arguments, problem):
    run = jobinit(*arguments, "--", "echo", "started")
    assert (run.code, run.cause, run.out) == (125, "rejected", b"")
    assert problem in run.err
