"""On a real terminal: who has the foreground, Ctrl-C and Ctrl-Z, job control under a shell, and its end."""
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios

import pytest

from conftest import BINARY, HANG, NAMESPACE, clean_env, needs_namespace, python

INTERRUPT, SUSPEND = b"\x03", b"\x1a"


class Terminal:
    """The master's side of a pty whose session leader is `command`."""

    def __init__(self, command, **env):
        self.pid, self.fd = os.forkpty()
        if self.pid == 0:
            os.execvpe(command[0], list(command), clean_env(TERM="dumb", PS1="$ ", **env))
        self.seen = b""
        self.code = None

    def read(self):
        ready, _, _ = select.select([self.fd], [], [], HANG)
        assert ready, f"nothing more came; so far: {self.seen!r}"
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # EIO: nobody has the other side open any more
            data = b""
        self.seen += data
        return data

    def expect(self, pattern):
        """Reads until the pattern has come, and forgets all up to its end."""
        while not (found := re.search(pattern, self.seen)):
            assert self.read(), f"{pattern!r} never came: {self.seen!r}"
        self.seen = self.seen[found.end():]
        return found

    def send(self, data):
        os.write(self.fd, data)

    def suspend(self):
        """Ctrl-Z, until the shell has taken the terminal."""
        self.send(SUSPEND)
        self.expect(rb"Stopped .*\r\n\$ ")

    def wait(self):
        """The exit code, once everything is read."""
        while self.read():
            pass
        self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.code

    def close(self):
        os.close(self.fd)
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


@pytest.fixture
def terminal():
    opened = []

    def start(*command, **env):
        opened.append(Terminal([str(word) for word in command], **env))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


# A job that forks nothing, so that a signal to its group meets nothing half done.
WAITER = """
import os, sys, time
print("ready", flush=True)
while not os.path.exists(sys.argv[1]): time.sleep(0.01)
print(*sys.argv[2:] or ["got:" + input()], flush=True)
"""


# jobinit as whoever has the terminal: its session's leader, or PID 1 of a namespace as under `docker run -it`.
@pytest.fixture(params=["not PID 1", pytest.param("PID 1", marks=needs_namespace)])
def leader(request):
    return [*NAMESPACE, "setsid", "--ctty", BINARY] if request.param == "PID 1" else [BINARY]


@pytest.fixture
def shell(terminal, tmp_path):
    """An interactive bash that finds jobinit in its PATH."""
    (tmp_path / "jobinit").symlink_to(BINARY)
    one = terminal("bash", "--norc", "--noprofile", "--noediting", "-i", PATH=f"{tmp_path}:{os.environ['PATH']}")
    one.send(b"stty -echo; echo here-$((1+1))\n")
    one.expect(rb"here-2\r\n\$ ")
    return one


WHO = ("import os; print('group', os.getpgrp() == os.getpid() == os.tcgetpgrp(0), 'session', "
       "os.getsid(0) != os.getpid(), 'end', flush=True)")


def test_the_job_is_the_foreground_group_of_our_session(terminal, leader):
    one = terminal(*leader, "--", *python(WHO))
    assert one.expect(rb"group (\w+) session (\w+) end").groups() == (b"True", b"True")
    assert one.wait() == 0


def test_ctrl_c_reaches_the_job(terminal, leader):
    one = terminal(*leader, "--", *python(
        "import signal,time\n"
        "signal.signal(2, lambda *_: (print('interrupted', flush=True), exit(3)))\n"
        "print('ready', flush=True)\n"
        "while True: time.sleep(1)"))
    one.expect(b"ready")
    one.send(INTERRUPT)
    one.expect(b"interrupted")
    assert one.wait() == 3


def test_ctrl_c_that_ends_the_job(terminal, leader):
    one = terminal(*leader, "--", "sh", "-c", "echo ready; exec sleep 1000")
    one.expect(b"ready")
    one.send(INTERRUPT)
    assert one.wait() == 130


def test_the_job_reads_from_the_terminal(terminal, leader):
    one = terminal(*leader, "--", "sh", "-c", "read line; echo got:$line")
    one.send(b"words\n")
    one.expect(b"got:words")
    assert one.wait() == 0


def test_the_job_sees_the_window_and_its_changes(terminal, leader):
    one = terminal(*leader, "--", *python(
        "import os,signal,time\n"
        "def show(*_): print('size', *os.get_terminal_size(0), flush=True)\n"
        "signal.signal(signal.SIGWINCH, show)\n"
        "input('ready'); show()\n"
        "while True: time.sleep(1)"))
    one.expect(b"ready")
    fcntl.ioctl(one.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 31, 97, 0, 0))
    one.send(b"\n")
    one.expect(rb"size 97 31\r")
    fcntl.ioctl(one.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 32, 98, 0, 0))
    one.expect(rb"size 98 32\r")


def test_ctrl_z_where_nobody_could_continue_the_job(terminal, leader):
    """The kernel discards it for a process that no shell has started, and so for the job."""
    one = terminal(*leader, "--", *python(
        "import signal,time\n"
        "signal.signal(signal.SIGCONT, lambda *_: (print('on it goes', flush=True), exit(0)))\n"
        "print('ready', flush=True)\n"
        "while True: time.sleep(1)"))
    one.expect(b"ready")
    one.send(SUSPEND)
    one.expect(b"on it goes")
    assert one.wait() == 0


def test_an_interactive_shell_as_the_job_has_job_control(terminal, leader):
    one = terminal(*leader, "--", "bash", "--norc", "--noprofile", "-i")
    one.send(b"stty -echo; echo flags:$-:\n")
    assert b"m" in one.expect(rb"flags:(\w+):").group(1)
    one.send(b"sh -c 'echo ready; exec sleep 1000'\n")
    one.expect(b"ready\r\n")
    one.send(SUSPEND)
    one.expect(b"Stopped")
    one.send(b"kill -9 %1; disown %1; exit 5\n")
    assert one.wait() == 5


def test_suspend_and_continue_under_a_shell(shell):
    shell.send(b"jobinit -- sh -c 'echo ready; read a; echo one:$a; read b; echo two:$b'\n")
    shell.expect(b"ready")
    shell.suspend()
    shell.send(b"echo the shell is here\n")
    shell.expect(b"the shell is here\r\n")
    for word, name in ((b"alpha", b"one"), (b"beta", b"two")):
        shell.send(b"fg\n")
        shell.expect(b"jobinit .*\r\n")
        shell.send(word + b"\n")
        shell.expect(name + b":" + word)
        if name == b"one":
            shell.suspend()
    shell.expect(rb"succeeded")
    shell.send(b"echo code:$?\n")
    shell.expect(b"code:0")


def test_ctrl_c_after_suspend(shell, tmp_path):
    (tmp_path / "job.py").write_text(
        "import signal,time\n"
        "signal.signal(signal.SIGINT, signal.SIG_DFL)\n"
        "signal.signal(signal.SIGCONT, lambda *_: print('on it goes', flush=True))\n"
        "print('ready', flush=True)\n"
        "while True: time.sleep(1)")
    shell.send(f"jobinit -- {sys.executable} {tmp_path}/job.py\n".encode())
    shell.expect(b"ready")
    shell.suspend()
    shell.send(b"fg\n")
    shell.expect(b"on it goes")  # what the shell says comes before it gives the terminal away
    shell.send(INTERRUPT)
    shell.expect(rb"\$ ")
    shell.send(b"echo code:$?\n")
    shell.expect(b"code:130")


def test_a_job_in_the_background_does_not_take_the_terminal(shell):
    """It is stopped when it reads, and so is jobinit; in the foreground it goes on."""
    shell.send(b"jobinit -- sh -c 'echo ready; read a; echo got:$a' & echo started\n")
    shell.expect(b"ready")
    shell.send(b"echo the shell is here\n")
    shell.expect(b"the shell is here\r\n")
    shell.send(b"while ! jobs -s | grep -q jobinit; do :; done; echo stopped-it\n")
    shell.expect(b"stopped-it\r\n")
    shell.send(b"fg\n")
    shell.expect(b"jobinit .*\r\n")
    shell.send(b"words\n")
    shell.expect(b"got:words")


@pytest.fixture
def waiter(tmp_path):
    """The command line of a job that says `ready`, waits for the file `go`, and says what it is told or reads."""
    (tmp_path / "waiter.py").write_text(WAITER)

    def line(*says):
        return " ".join(["jobinit --", sys.executable, str(tmp_path / "waiter.py"), str(tmp_path / "go"), *says]).encode()

    return line


def test_fg_for_a_job_that_still_runs(shell, waiter, tmp_path):
    """The shell then sends no SIGCONT: that the job is stopped when it reads tells jobinit."""
    shell.send(waiter() + b" &\n")
    shell.expect(b"ready")
    shell.send(b"fg\n")
    shell.expect(b"jobinit .*\r\n")
    (tmp_path / "go").write_text("")
    shell.send(b"words\n")
    shell.expect(b"got:words")


def test_bg_lets_the_job_go_on(shell, waiter, tmp_path):
    shell.send(waiter("seen") + b"\n")
    shell.expect(b"ready")
    shell.suspend()
    shell.send(b"bg\n")
    shell.expect(rb"jobinit .*&\r\n")
    (tmp_path / "go").write_text("")
    shell.expect(b"seen")
    shell.send(b"wait; echo the shell is here\n")
    shell.expect(b"the shell is here\r\n")


def test_the_terminal_is_given_back(terminal):
    """To the group that had it, here a script's, which then reads from it."""
    one = terminal("sh", "-c", f"{BINARY} --quiet -- sh -c 'exit 4'; read line; echo got:$line")
    one.send(b"words\n")
    one.expect(b"got:words")
    assert one.wait() == 0


def test_the_terminal_is_given_back_when_the_job_could_not_start(terminal):
    one = terminal("sh", "-c", f"{BINARY} --quiet -- /no/such/command; read line; echo got:$line")
    one.send(b"words\n")
    one.expect(b"got:words")
    assert one.wait() == 0


def test_a_whole_script_is_suspended_with_its_job(shell):
    """jobinit and the script are one group to the shell; the job alone would leave it without the terminal."""
    shell.send(b"sh -c 'jobinit -- sh -c \"echo ready; read a; echo got:\\$a\"; echo after'\n")
    shell.expect(b"ready")
    shell.suspend()
    shell.send(b"fg\n")
    shell.expect(b"sh -c .*\r\n")
    shell.send(b"words\n")
    shell.expect(b"got:words")
    shell.expect(b"after")


def test_without_a_terminal_the_job_has_a_session_of_its_own(terminal):
    one = terminal("sh", "-c", f"{BINARY} -- {sys.executable} -c "
                   "'import os; print(\"own\", os.getsid(0) == os.getpid())' </dev/null")
    one.expect(b"own True")
    assert one.wait() == 0


def test_a_stop_request_on_a_terminal(terminal, leader):
    one = terminal(*leader, "--timeout", "500ms", "--", "sh", "-c", "trap 'echo asked; exit 0' TERM; while :; do sleep 0.1; done")
    one.expect(b"asked")
    assert one.wait() == 124


# ---- the parent's death ---------------------------------------------------------------------------------------------

# Starts jobinit, and dies when the job says that it is there.
PARENT = """
import os, sys
read, write = os.pipe()
if os.fork() == 0:
    os.set_inheritable(write, True)
    os.environ["READY"] = str(write)
    os.execv(sys.argv[1], sys.argv[1:])
os.read(read, 1)
os._exit(0)
"""
# Says so, and how it learns of the death of jobinit's parent: by a signal, or by looking.
JOB = """
import os, signal, sys, time
def parent(pid): return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[1]
def say(text): print(text, flush=True); os._exit(0)
signal.signal(signal.SIGUSR1, lambda *_: say("signalled"))
before = parent(os.getppid())
os.write(int(os.environ["READY"]), b".")
if sys.argv[1] == "look":
    while parent(os.getppid()) == before: time.sleep(0.01)
    say("orphaned")
while True: time.sleep(1)
"""


@pytest.mark.parametrize("settings,job,says", [
    (["--parent-death-signal", "USR1"], "wait", b"signalled\n"),
    ([], "look", b"orphaned\n"),  # or the line above would pass for a wrong reason
])
def test_the_parents_death(settings, job, says):
    parent = subprocess.Popen([*python(PARENT), BINARY, "--quiet", *settings, "--", *python(JOB, job)],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=clean_env())
    # To the end of file, which comes when jobinit has ended as well.
    assert parent.communicate(timeout=HANG)[0] == says
    assert parent.returncode == 0
