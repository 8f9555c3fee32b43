"""Every ending has one cause and one exit code, as PID 1 and not as PID 1."""
import os
import signal
import subprocess
import sys
import threading

import pytest

from conftest import HANG, needs_namespace, python, read_report, wait_for_line

IGNORES_TERM = "import signal,time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(1000)"
SAYS_READY = "import time; print('ready', flush=True); time.sleep(1000)"
EXITS_7_ON_TERM = (
    "import signal,sys,time\n"
    "signal.signal(15, lambda *_: sys.exit(7))\n"
    "print('ready', flush=True)\n"
    "while True: time.sleep(1000)"
)


def test_success(jobinit, place):
    run = jobinit("--", "true", place=place)
    assert (run.code, run.cause) == (0, "success")
    assert run.report["outcome"]["job_exit_code"] == 0


def test_failure_keeps_the_jobs_own_code(jobinit, place):
    run = jobinit("--", "sh", "-c", "exit 3", place=place)
    assert (run.code, run.cause) == (3, "failed")
    assert "failed: exit 3" in run.err


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_that_jobinit_did_not_send(jobinit, place, number):
    run = jobinit("--", "sh", "-c", f"kill -{number:d} $$", place=place)
    assert (run.code, run.cause) == (128 + number, "signaled")
    assert run.report["outcome"]["signal"] == number.name


def test_timeout(jobinit, place):
    run = jobinit("--timeout", "200ms", "--", "sleep", "1000", place=place)
    assert (run.code, run.cause) == (124, "timeout")
    assert run.report["outcome"]["signal"] == "SIGTERM"


def test_timeout_of_a_job_that_ignores_the_stop_signal(jobinit, place):
    run = jobinit("--timeout", "3s", "--stop-grace", "300ms", "--report-reserve", "0", "--",
                  *python(IGNORES_TERM), place=place)
    assert (run.code, run.cause) == (124, "timeout")
    assert run.report["outcome"]["signal"] == "SIGKILL"


def test_timeout_whose_job_then_exits_by_itself_is_a_timeout_all_the_same(jobinit, place):
    run = jobinit("--timeout", "3s", "--", *python(EXITS_7_ON_TERM), place=place)
    assert (run.code, run.cause) == (124, "timeout")
    assert run.report["outcome"]["job_exit_code"] == 7


def test_stop_signal_is_the_one_that_was_set(jobinit):
    run = jobinit("--timeout", "200ms", "--stop-signal", "int", "--", "sleep", "1000")
    assert run.report["outcome"]["signal"] == "SIGINT"


@pytest.mark.parametrize(
    "job, code",
    [(SAYS_READY, 128 + signal.SIGTERM), (EXITS_7_ON_TERM, 7)],
    ids=["dies of it", "exits by itself"],
)
def test_stopped(start, tmp_path, job, code):
    process = start("--", *python(job))
    wait_for_line(process.stdout, b"ready")
    process.send_signal(signal.SIGTERM)
    assert process.wait(HANG) == code
    assert read_report(tmp_path)["outcome"]["cause"] == "stopped"


def test_stopped_job_that_ignores_it_is_killed_before_the_platform_would(start, tmp_path):
    process = start("--stop-grace", "1s", "--report-reserve", "700ms", "--", *python(IGNORES_TERM))
    wait_for_line(process.stdout, b"ready")
    process.send_signal(signal.SIGTERM)
    assert process.wait(HANG) == 128 + signal.SIGKILL
    outcome = read_report(tmp_path)["outcome"]
    assert (outcome["cause"], outcome["signal"]) == ("stopped", "SIGKILL")


@needs_namespace
def test_stopped_as_pid_1(start, tmp_path):
    from conftest import NAMESPACE

    process = start("--", *python(SAYS_READY), place=NAMESPACE)
    wait_for_line(process.stdout, b"ready")
    children = subprocess.check_output(["pgrep", "-P", str(process.pid)]).split()
    os.kill(int(children[0]), signal.SIGTERM)
    process.wait(HANG)
    assert read_report(tmp_path)["outcome"]["cause"] == "stopped"


def test_a_signal_that_is_no_stop_request_is_only_passed_on(start, tmp_path):
    job = (
        "import signal,sys\n"
        "signal.signal(signal.SIGUSR2, lambda *_: sys.exit(5))\n"
        "print('ready', flush=True)\n"
        "while True: signal.pause()"
    )
    process = start("--", *python(job))
    wait_for_line(process.stdout, b"ready")
    process.send_signal(signal.SIGUSR2)
    assert process.wait(HANG) == 5
    assert read_report(tmp_path)["outcome"]["cause"] == "failed"


def test_sigquit_is_the_jobs_own_business(start, tmp_path):
    """A JVM answers it with a thread dump, and runs on."""
    job = (
        "import signal,sys\n"
        "signal.signal(signal.SIGQUIT, lambda *_: print('dump', flush=True))\n"
        "signal.signal(signal.SIGUSR1, lambda *_: sys.exit(0))\n"
        "print('ready', flush=True)\n"
        "while True: signal.pause()"
    )
    process = start("--stop-grace", "300ms", "--report-reserve", "0", "--", *python(job))
    wait_for_line(process.stdout, b"ready")
    process.send_signal(signal.SIGQUIT)
    wait_for_line(process.stdout, b"dump")
    threading.Event().wait(1)  # several times the grace
    process.send_signal(signal.SIGUSR1)
    assert process.wait(HANG) == 0
    assert read_report(tmp_path)["outcome"]["cause"] == "success"


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1, signal.SIGWINCH, signal.SIGRTMIN, signal.SIGRTMAX])
def test_every_forwardable_signal_reaches_the_job(start, number):
    job = (
        "import signal,sys\n"
        f"signal.signal({int(number)}, lambda n, _: (print('got', n, flush=True), sys.exit(0)))\n"
        "print('ready', flush=True)\n"
        "while True: signal.pause()"
    )
    process = start("--quiet", "--", *python(job))
    wait_for_line(process.stdout, b"ready")
    process.send_signal(number)
    wait_for_line(process.stdout, f"got {int(number)}".encode())
    assert process.wait(HANG) == 0


def test_a_job_that_dies_of_a_forwarded_signal_was_stopped(start, tmp_path):
    process = start("--", *python(SAYS_READY))
    wait_for_line(process.stdout, b"ready")
    process.send_signal(signal.SIGHUP)
    assert process.wait(HANG) == 128 + signal.SIGHUP
    assert read_report(tmp_path)["outcome"]["cause"] == "stopped"


class TestNotStarted:
    """126 and 127 as a shell gives them, each with words."""

    def check(self, run, code, words):
        assert (run.code, run.cause) == (code, "not_started")
        assert words in run.err
        assert words in run.report["outcome"]["problems"][0]

    def test_not_in_path(self, jobinit, place):
        self.check(jobinit("--", "no-such-command", place=place), 127, "command not found in PATH")

    def test_no_such_file(self, jobinit):
        self.check(jobinit("--", "/no/such/file"), 127, "no such file")

    def test_not_executable(self, jobinit, tmp_path):
        file = tmp_path / "data"
        file.write_text("no program")
        self.check(jobinit("--", file), 126, "not executable")

    def test_a_folder(self, jobinit, tmp_path):
        self.check(jobinit("--", tmp_path), 126, "not executable")

    def test_no_interpreter_line(self, jobinit, tmp_path):
        file = tmp_path / "script"
        file.write_text("echo hello\n")
        file.chmod(0o755)
        self.check(jobinit("--", file), 126, "nor a script that begins with #!")

    def test_interpreter_is_missing(self, jobinit, tmp_path):
        file = tmp_path / "script"
        file.write_text("#!/no/such/interpreter\n")
        file.chmod(0o755)
        self.check(jobinit("--", file), 127, "interpreter")

    def test_file_without_permission_does_not_hide_a_good_one_later_in_path(self, jobinit, tmp_path):
        for name, mode in (("first", 0o644), ("second", 0o755)):
            (tmp_path / name).mkdir()
            (tmp_path / name / "tool").write_text("#!/bin/sh\nexit 9\n")
            (tmp_path / name / "tool").chmod(mode)
        env = dict(os.environ, PATH=f"{tmp_path}/first:{tmp_path}/second:{os.environ['PATH']}")
        assert jobinit("--", "tool", env={k: v for k, v in env.items() if not k.startswith("JI_")}).code == 9


class TestExitCodes:
    def test_by_cause(self, jobinit):
        assert jobinit("--exit-code", "timeout=75", "--timeout", "100ms", "--", "sleep", "1000").code == 75

    def test_success_codes(self, jobinit):
        run = jobinit("--success-codes", "0,3", "--", "sh", "-c", "exit 3")
        assert (run.code, run.cause) == (3, "success")

    def test_remap(self, jobinit):
        run = jobinit("--remap-exit", "143=0", "--", "sh", "-c", "exit 143")
        assert (run.code, run.cause) == (0, "failed")
        assert run.report["outcome"]["job_exit_code"] == 143


def test_arguments_and_argv0_arrive_as_they_are(jobinit):
    odd = ["", " ", "two words", "--timeout", "--", "a\nb", "ünï", "$HOME"]
    run = jobinit("--", *python("import sys; sys.stdout.write(repr(sys.argv[1:]))", *odd))
    assert run.out.decode() == repr(odd)
    # argv[0] as it was given, not the path it was found at.
    assert jobinit("--", "cat", "/proc/self/cmdline").out == b"cat\0/proc/self/cmdline\0"


def test_standard_input_is_the_jobs(jobinit):
    read, write = os.pipe()
    os.write(write, b"from outside")
    os.close(write)
    assert jobinit("--", "cat", stdin=read).out == b"from outside"
    os.close(read)


def test_signal_state_of_the_job_is_the_callers(jobinit):
    """Whatever was blocked or ignored before jobinit is blocked or ignored in the job, and nothing else."""
    caller = (
        "import os,signal,sys\n"
        "signal.pthread_sigmask(signal.SIG_SETMASK, {signal.SIGUSR1})\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "signal.signal(signal.SIGPIPE, signal.SIG_DFL)\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\n"
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    show = ["grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"]
    from conftest import BINARY, clean_env

    plain = subprocess.check_output([sys.executable, "-c", caller, "/bin/grep", *show[1:]], env=clean_env())
    under = subprocess.check_output([sys.executable, "-c", caller, BINARY, "--quiet", "--", *show], env=clean_env())
    assert plain == under
    assert b"SigBlk:\t0000000000000200" in plain


def test_inherited_descriptors_reach_the_job_and_none_of_ours_do(jobinit):
    read, write = os.pipe()
    os.set_inheritable(read, True)
    run = jobinit("--", "sh", "-c", "ls /proc/self/fd", pass_fds=[read])
    seen = {int(name) for name in run.out.split()}
    os.close(read)
    os.close(write)
    # ls itself has one more open, for the folder it lists.
    assert {0, 1, 2, read} <= seen and len(seen) == 5


class TestIdleTimeout:
    def test_a_job_that_says_nothing(self, jobinit, place):
        run = jobinit("--idle-timeout", "300ms", "--", "sleep", "1000", place=place)
        assert (run.code, run.cause) == (124, "idle_timeout")
        assert "wrote nothing for 0.3s: killed by SIGTERM" in run.err

    def test_output_of_either_stream_is_a_sign_of_life(self, jobinit):
        """It talks for much longer than the limit, which it never reaches between two lines."""
        talk = "import sys,time\nfor i in range(40): print(i, file=(sys.stdout, sys.stderr)[i % 2], flush=True); time.sleep(0.1)"
        assert jobinit("--idle-timeout", "2s", "--", *python(talk)).cause == "success"

    def test_a_job_that_waits_for_its_logs_reader_is_not_idle(self, start, tmp_path):
        process = start("--idle-timeout", "300ms", "--", *python("import os; os.write(1, bytes(500_000))"))
        threading.Event().wait(1.5)  # nobody reads for several times the limit
        assert len(process.communicate(timeout=HANG)[0]) == 500_000
        assert read_report(tmp_path)["outcome"]["cause"] == "success"


class TestForwarding:
    # The parent tells what reaches it; so does its child, which is in the same process group.
    PAIR = (
        "import os,signal,sys,time\n"
        "who = 'child' if (pid := os.fork()) == 0 else 'parent'\n"
        "got = lambda n, _: os.write(1, f'{who} {n}\\n'.encode())\n"
        "signal.signal(signal.SIGUSR1, got); signal.signal(signal.SIGUSR2, got); signal.signal(signal.SIGQUIT, got)\n"
        "os.write(1, b'ready\\n')\n"
        "while True: time.sleep(1000)"
    )

    def lines(self, start, *options, send, until=()):
        """What they told: all of `until` for sure, and whatever else came before the end."""
        process = start(*options, "--stop-signal", "KILL", "--", *python(self.PAIR))
        for _ in range(2):
            wait_for_line(process.stdout, b"ready")
        for number in send:
            process.send_signal(number)
        got = set()
        while not set(until) <= got:
            line = process.stdout.readline()
            assert line, f"ended with only {got}"
            got.add(line.decode().strip())
        process.send_signal(signal.SIGINT)
        return got | set(process.communicate(timeout=HANG)[0].decode().splitlines())

    def test_to_the_group(self, start):
        both = {"parent 12", "child 12"}
        assert self.lines(start, "--rewrite-signal", "USR1:USR2", send=[signal.SIGUSR1], until=both) == both

    def test_to_the_child_alone(self, start):
        assert self.lines(start, "--forward", "child", send=[signal.SIGUSR1], until={"parent 10"}) == {"parent 10"}

    def test_to_nobody(self, start):
        assert self.lines(start, "--forward", "none", send=[signal.SIGUSR1]) == set()

    def test_a_rewritten_stop_signal_is_a_stop_request(self, start, tmp_path):
        process = start("--rewrite-signal", "TERM:QUIT", "--stop-grace", "3s", "--report-reserve", "0", "--",
                        *python(self.PAIR))
        for _ in range(2):
            wait_for_line(process.stdout, b"ready")
        process.send_signal(signal.SIGTERM)
        out = process.communicate(timeout=HANG)[0].decode().splitlines()
        assert set(out) == {"parent 3", "child 3"}
        outcome = read_report(tmp_path)["outcome"]
        assert (outcome["cause"], outcome["signal"]) == ("stopped", "SIGKILL")


def test_each_further_stop_request_shortens_the_grace(start, tmp_path):
    """A grace of an hour is over after some twenty requests: each halves it."""
    process = start("--stop-grace", "1h", "--report-reserve", "0", "--", *python(IGNORES_TERM))
    wait_for_line(process.stdout, b"ready")
    for _ in range(30):
        process.send_signal(signal.SIGTERM)
        threading.Event().wait(0.05)  # one at a time: pending ones are merged by the kernel
    assert process.wait(HANG) == 128 + signal.SIGKILL
    assert read_report(tmp_path)["outcome"]["cause"] == "stopped"
