"""jobinit by another init's name beside that init itself: the same call, the same conditions, the same to be seen."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys

import pytest

from conftest import BINARY, HANG, NAMESPACE, clean_env, needs_namespace, python

PEERS = ["tini", "tini-static", "dumb-init", "catatonit"]
# With the option that changes whom signals go to.
MODES = pytest.mark.parametrize("peer,arguments", [
    ("tini", []), ("tini", ["-g"]), ("dumb-init", []), ("dumb-init", ["-c"]), ("catatonit", []), ("catatonit", ["-g"]),
], indirect=["peer"], ids=lambda words: words if isinstance(words, str) else " ".join(words) or "nothing")


def only(*names):
    return pytest.mark.parametrize("peer", names, indirect=True)


FAULTS = {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP, signal.SIGSYS, signal.SIGABRT}
TERMINAL = {signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}


@pytest.fixture(params=PEERS)
def peer(request):
    if not shutil.which(request.param):
        pytest.skip(f"{request.param} is not installed")
    return request.param


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    """ours(name): jobinit by that name."""
    folder = tmp_path_factory.mktemp("dropin")

    def link(name):
        path = folder / name
        if not path.exists():
            path.symlink_to(BINARY)
        return str(path)

    return link


@pytest.fixture(params=["not PID 1", pytest.param("PID 1", marks=needs_namespace)])
def place(request):
    return NAMESPACE if request.param == "PID 1" else []


@pytest.fixture
def both(peer, ours, place):
    """both(observe) -> (what it saw of ours, what of the peer). observe(start) is given start(*arguments, **options),
    which is Popen with the program in front."""

    def watch(observe):
        seen = []
        for program in (ours(peer), shutil.which(peer)):
            running = []

            def start(*arguments, env=None, **options):
                options.setdefault("stdin", subprocess.DEVNULL)
                options.setdefault("stdout", subprocess.PIPE)
                options.setdefault("stderr", subprocess.PIPE)
                # By its bare name, found in PATH: what it calls itself is the same then.
                env = env or clean_env()
                env = {**env, "PATH": f"{os.path.dirname(program)}:{env['PATH']}"}
                running.append(subprocess.Popen([*place, peer, *map(str, arguments)], env=env, **options))
                return running[-1]

            try:
                seen.append(observe(start))
            finally:
                for process in running:
                    if process.poll() is None:
                        process.kill()
                    process.communicate()
        return seen

    return watch


def ended(start, *arguments, **options):
    process = start(*arguments, **options)
    out, err = process.communicate(timeout=HANG)
    return process.returncode, out, err


def same(seen):
    mine, theirs = seen
    assert mine == theirs


def without_pids(err):
    return re.sub(rb"tini \(\d+\)|catatonit:\d+", b"INIT", err)


# ---- how it ends ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("command", [
    ["true"], ["false"], ["sh", "-c", "exit 7"], ["sh", "-c", "exit 255"], ["sh", "-c", "kill -TERM $$"],
    ["sh", "-c", "kill -KILL $$"], ["sh", "-c", "kill -SEGV $$"], ["sh", "-c", "echo out; echo err >&2; exit 3"],
], ids=" ".join)
def test_exit_codes_and_output(both, command):
    same(both(lambda start: ended(start, "--", *command, env=clean_env(TINI_VERBOSITY="0"))))


@pytest.mark.parametrize("command", ["/no/such/file", "no-such-command", "{plain}", "/", "/etc/passwd/x", "{script}",
                                     "{no_interpreter}"])
def test_what_cannot_be_started(both, command, tmp_path):
    files = {name: tmp_path / name for name in ("plain", "script", "no_interpreter")}
    files["plain"].write_text("nothing")
    files["script"].write_text("echo run by a shell: $1\nexit 9\n")  # no #!, as execvp(3) may run it
    files["no_interpreter"].write_text("#!/no/such/interpreter\n")
    for name in ("script", "no_interpreter"):
        files[name].chmod(0o755)

    def observe(start):
        code, out, err = ended(start, "--", command.format(**files), "word", env=clean_env(TINI_VERBOSITY="0"))
        # Who says so is the child there and the parent here.
        return code, out, without_pids(err).replace(b"sh: 0: ", b"")

    same(both(observe))


@pytest.mark.parametrize("arguments", [
    [], ["--"], ["-z"], ["--no-such-option"], ["-z", "true"], ["--version"], ["-V"], ["-h"], ["-l"], ["-L"], ["--help"],
    ["sh", "-c", "exit 3"], ["-e", "3", "--", "sh", "-c", "exit 3"], ["-e", "300", "true"], ["-e"], ["-r", "15:99", "true"],
    ["-r"], ["-c", "true"], ["-cv", "--", "true"], ["-g", "true"], ["-p", "NOT", "true"], ["-p", "SIGTERM", "true"],
    ["--single", "true"], ["--ver"], ["--help=x"], ["true", "--version"], ["true", "-z"], ["-"], ["-g", "-", "true"],
    ["-w", "-s", "--", "sh", "-c", "exit 4"],
], ids=lambda words: " ".join(words) or "nothing")
def test_the_command_line(both, arguments):
    """The exit code, and where something is said; what help and licences say is another thing."""

    def observe(start):
        code, out, err = ended(start, *arguments)
        return code, bool(out), bool(err), re.findall(rb"^\S+: (?:invalid|unrec|option).*", err, re.M)

    same(both(observe))


def test_the_version_has_the_peers_form(both):
    """dockerd wants "tini version ..."; what follows the peer's own words names jobinit."""
    (_, out, err), (_, their_out, their_err) = both(lambda start: ended(start, "--version"))
    assert err == their_err
    if their_err:  # dumb-init, whose suite wants it to the letter
        assert (out, their_out) == (b"", b"")
        return
    assert out.startswith(their_out.rstrip(b"\n"))
    assert re.fullmatch(rb"( \(jobinit [\d.]+\))?\n", out[len(their_out.rstrip(b"\n")):])


@only("tini")
def test_tini_warns_where_orphans_go_elsewhere(ours, peer):
    said = [subprocess.run([program, *flags, "true"], capture_output=True, env=clean_env(), timeout=HANG).stderr
            for program in (ours(peer), shutil.which(peer)) for flags in ([], ["-s"])]
    assert [b"zombie reaping won't work" in err for err in said] == [True, False] * 2


@pytest.mark.parametrize("verbosity", ["0", "1", "2"])
@only("tini")
def test_what_tini_says(ours, peer, verbosity):
    seen = []
    for program in (ours(peer), shutil.which(peer)):
        run = subprocess.run([program, "-s", "-w", "--", "sh", "-c", "(true &); sleep 0.2; exit 3"], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, env=clean_env(TINI_VERBOSITY=verbosity), timeout=HANG)
        seen.append((run.returncode, *(re.sub(rb"\d+", b"N", text) for text in (run.stdout, run.stderr))))
    same(seen)


@only("dumb-init")
def test_what_dumb_init_says(ours, peer):
    seen = []
    for program in (ours(peer), shutil.which(peer)):
        run = subprocess.run([program, "-v", "-r", "1:0", "--", "sh", "-c", "kill -HUP $PPID; sleep 0.2; exit 3"],
                             stdin=subprocess.DEVNULL, capture_output=True, env=clean_env(), timeout=HANG)
        # Its child says two of the lines, at whatever time.
        seen.append((run.returncode, run.stdout, sorted(re.sub(rb"PID \d+", b"PID N", run.stderr).splitlines())))
    mine, theirs = seen
    assert mine[:2] == theirs[:2]
    assert set(theirs[2]) - set(mine[2]) <= {
        b"[dumb-init] Unable to attach to controlling tty (errno=25 Inappropriate ioctl for device)."}
    assert set(mine[2]) <= set(theirs[2])


# ---- what the job finds ---------------------------------------------------------------------------------------------

LOOK = """
import json, os, time
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
me, init = os.getpid(), os.getppid()
inherited = f"/proc/{init}/fd/{os.environ['INHERITED']}"
# It is closed when the job runs already.
while "CLOSED" in os.environ and os.path.exists(inherited): time.sleep(0.01)
print(json.dumps({
    "own group": os.getpgrp() == me, "group of init": os.getpgrp() == os.getpgid(init),
    "own session": os.getsid(0) == me, "session of init": os.getsid(0) == os.getsid(init),
    "signals": {name: status[name] for name in ("SigBlk", "SigIgn", "SigCgt", "ShdPnd")},
    "oom": open("/proc/self/oom_score_adj").read(), "cwd": os.getcwd(), "cwd of init": os.readlink(f"/proc/{init}/cwd"),
    "files": {fd: os.readlink(f"/proc/self/fd/{fd}") for fd in ("0", "1", "2")},
    "inherited": os.path.exists(f"/proc/self/fd/{os.environ['INHERITED']}"),
    "inherited by init": os.path.exists(inherited),
    "listen": os.environ.get("LISTEN_PID") == str(me),
    "environment": {k: v for k, v in os.environ.items() if k not in ("LISTEN_PID", "PATH")},
    "umask": os.umask(0), "nice": os.nice(0),
}))
"""


def odd_signals():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGTTIN, signal.SIGILL})


@MODES
def test_what_the_job_finds(both, place, peer, arguments, tmp_path):
    output = tmp_path / "out"

    def observe(start):
        extra = {"CLOSED": "1"} if peer == "catatonit" else {}
        with output.open("w") as file, open("/dev/null") as inherited:
            process = start(*arguments, "--", *python(LOOK), stdout=file, stderr=file, cwd=tmp_path,
                            pass_fds=[inherited.fileno()], preexec_fn=odd_signals,
                            env=clean_env(INHERITED=str(inherited.fileno()), TINI_VERBOSITY="0", **extra))
            assert process.wait(HANG) == 0, output.read_text()
        return json.loads(output.read_text())

    same(both(observe))


@pytest.mark.parametrize("own", [True, False])
def test_listen_pid_follows_the_job(ours, peer, own):
    seen = []
    for program in (ours(peer), shutil.which(peer)):
        pid = "$$" if own else "1"
        job = python("import os; print(os.environ['LISTEN_PID'] == str(os.getpid()), os.environ['LISTEN_PID'] == '1')")
        run = subprocess.run(["sh", "-c", f'LISTEN_PID={pid} exec "$@"', "sh", program, "--", *job], capture_output=True,
                             env=clean_env(), timeout=HANG)
        seen.append(run.stdout)
    same(seen)


# ---- signals --------------------------------------------------------------------------------------------------------

# Says each signal that arrives, the real-time ones too, and ends with the last of them.
LISTEN = """
import signal, sys
every = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}
signal.pthread_sigmask(signal.SIG_BLOCK, every)
print("ready", flush=True)
while True:
    number = signal.sigwaitinfo(every).si_signo
    print(number, flush=True)
    if number == signal.SIGRTMAX: sys.exit(5)
"""


def init_of(process, place):
    """The process to signal: unshare's child, where there is one."""
    if not place:
        return process.pid
    return int(open(f"/proc/{process.pid}/task/{process.pid}/children").read().split()[0])


def test_signals_arrive(both, place, peer):
    numbers = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD} - TERMINAL -
                     (set() if peer == "dumb-init" else FAULTS))

    def observe(start):
        process = start("--", *python(LISTEN), env=clean_env(TINI_VERBOSITY="0"))
        assert process.stdout.readline() == b"ready\n"
        init, arrived = init_of(process, place), []
        for number in numbers:
            os.kill(init, number)
            arrived.append(int(process.stdout.readline()))
        return arrived, process.wait(HANG)

    same(both(observe))


# dumb-init stops itself with them: test_suspending.
@only("tini", "catatonit")
@pytest.mark.parametrize("number", sorted(TERMINAL))
def test_terminal_signals_that_are_sent(ours, peer, number):
    seen = []
    for program in (ours(peer), shutil.which(peer)):
        process = subprocess.Popen([program, "--", *python(LISTEN)], stdout=subprocess.PIPE,
                                   env=clean_env(TINI_VERBOSITY="0"))
        process.stdout.readline()
        process.send_signal(number)
        process.send_signal(signal.SIGRTMAX)
        seen.append((process.stdout.read(), process.wait(HANG)))
    same(seen)


def state(pid):
    return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0]


@pytest.mark.parametrize("arguments", [[], ["-c"]], ids=lambda words: " ".join(words) or "nothing")
@pytest.mark.parametrize("number", sorted(TERMINAL))
@only("dumb-init")
def test_suspending(ours, peer, arguments, number):
    """dumb-init stops itself after it has passed the signal on, and its session with it."""
    seen = []
    for program in (ours(peer), shutil.which(peer)):
        process = subprocess.Popen([program, *arguments, "--", *python(LISTEN)], stdout=subprocess.PIPE, env=clean_env())
        process.stdout.readline()
        job = int(open(f"/proc/{process.pid}/task/{process.pid}/children").read())
        process.send_signal(number)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        if arguments:
            assert process.stdout.readline() == f"{int(number)}\n".encode()
        else:
            while state(job) != "T":
                pass
        process.send_signal(signal.SIGCONT)
        os.waitid(os.P_PID, process.pid, os.WCONTINUED)
        process.send_signal(signal.SIGRTMAX)
        seen.append((process.stdout.read(), process.wait(HANG)))
    same(seen)


GROUP = """
import os, signal, sys, time
def say(number, _): os.write(1, f"{sys.argv[1]} {number}\\n".encode())
signal.signal(signal.SIGUSR1, say)
child = None
if sys.argv[1] == "main":
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        sys.argv[1] = "child"
        os.write(write, b".")
        # Python would sleep through a signal that comes just before a long sleep begins.
        while True: time.sleep(0.01)
    os.read(read, 1)
    signal.signal(signal.SIGUSR2, lambda *_: (os.kill(child, signal.SIGKILL), os.waitpid(child, 0), sys.exit(6)))
print("ready", flush=True)
while True: time.sleep(0.01)
"""


@MODES
def test_whom_signals_go_to(both, place, peer, arguments):
    group = arguments == ["-g"] or (peer == "dumb-init" and not arguments)

    def observe(start):
        process = start(*arguments, "--", *python(GROUP, "main"), env=clean_env(TINI_VERBOSITY="0"))
        assert process.stdout.readline() == b"ready\n"
        init = init_of(process, place)
        os.kill(init, signal.SIGUSR1)
        said = {process.stdout.readline() for _ in range(2 if group else 1)}
        os.kill(init, signal.SIGUSR2)
        return said, process.wait(HANG), process.stdout.read()

    mine, theirs = both(observe)
    assert mine == theirs
    assert len(mine[0]) == (2 if group else 1)


LEAVE = """
import os, signal, sys, time
read, write = os.pipe()
if os.fork() == 0:
    got = []
    # Of two that wait, the lower number comes first: SIGUSR1 must not end it before SIGTERM was noted.
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, lambda number, _: got.append(number))
    print(os.getpid(), flush=True)
    os.write(write, b".")
    while signal.SIGUSR1 not in got: time.sleep(0.01)
    print([number for number in got if number != signal.SIGUSR1], flush=True)
    os._exit(0)
os.read(read, 1)
sys.exit(3)
"""


@MODES
def test_the_end_is_the_main_process_end(peer, ours, arguments):
    """What is left lives on; dumb-init says TERM to it."""
    seen = []
    for program in (ours(peer), shutil.which(peer)):
        process = subprocess.Popen([program, *arguments, "--", *python(LEAVE)], stdout=subprocess.PIPE,
                                   env=clean_env(TINI_VERBOSITY="0"))
        left = int(process.stdout.readline())
        code = process.wait(HANG)
        os.kill(left, signal.SIGUSR1)
        seen.append((code, process.stdout.read()))
    same(seen)
    assert seen[0][1] == (b"[15]\n" if (peer, arguments) == ("dumb-init", []) else b"[]\n")


@only("catatonit")
def test_pausing(both, place, peer):
    def observe(start):
        codes = []
        for number in (signal.SIGTERM, signal.SIGINT):
            process = start("-P")
            # It is there once it reads its signals, which are blocked from the start on.
            status = ""
            while "SigBlk:\tfffffffe" not in status:
                try:
                    status = open(f"/proc/{init_of(process, place)}/status").read()
                except (OSError, IndexError):
                    pass
            os.kill(init_of(process, place), number)
            codes.append(process.wait(HANG))
        return codes

    same(both(observe))


# ---- on a terminal --------------------------------------------------------------------------------------------------

WHERE = """
import os
init = os.getppid()
print(dict(own_group=os.getpgrp() == os.getpid(), own_session=os.getsid(0) == os.getpid(),
           foreground=os.tcgetpgrp(0) == os.getpgrp(), tty=os.path.exists("/dev/tty") and bool(os.open("/dev/tty", 0))))
"""


def on_terminal(command):
    pid, fd = os.forkpty()
    if pid == 0:
        os.execvpe(command[0], command, clean_env(TINI_VERBOSITY="0"))
    out = b""
    while True:
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        out += data
    os.close(fd)
    return out, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_on_a_terminal(peer, ours):
    seen = [on_terminal([program, "--", *python(WHERE)]) for program in (ours(peer), shutil.which(peer))]
    same(seen)
    assert b"'foreground': True" in seen[0][0]


# ---- what jobinit adds ----------------------------------------------------------------------------------------------

def run_ours(ours, peer, *arguments, **env):
    return subprocess.run([ours(peer), "--", *arguments], capture_output=True, env=clean_env(**env), timeout=HANG,
                          stdin=subprocess.DEVNULL)


def test_a_report_where_it_is_asked_for(ours, peer, tmp_path):
    run = run_ours(ours, peer, "sh", "-c", "echo out; exit 3", JOBINIT_REPORT_TO=f"file:{tmp_path}/report.json")
    report = json.loads((tmp_path / "report.json").read_text())
    assert (run.returncode, run.stdout) == (3, b"out\n")
    assert (report["outcome"]["cause"], report["outcome"]["exit_code"], report["logs"]["captured"]) == ("failed", 3, False)
    assert run.stderr.decode().splitlines()[-1] == f"jobinit: {report['outcome']['summary']}, 1 report delivered"


def test_the_exit_code_in_the_report_is_the_peers(ours, peer, tmp_path):
    run = run_ours(ours, peer, "/no/such/file", JOBINIT_REPORT_TO=f"file:{tmp_path}/report.json")
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["outcome"]["cause"] == "not_started"
    assert report["outcome"]["exit_code"] == run.returncode


def test_a_timeout_where_it_is_asked_for(ours, peer):
    run = run_ours(ours, peer, "sleep", "1000", JOBINIT_TIMEOUT="200ms")
    assert run.returncode == 124
    assert b"timeout" in run.stderr


def test_last_words_where_they_are_asked_for(ours, peer, tmp_path):
    run = run_ours(ours, peer, "sh", "-c", "echo out", JOBINIT_REPORT_TO=f"file:{tmp_path}/report.json", JOBINIT_TAIL="1K")
    assert run.stdout == b"out\n"
    assert json.loads((tmp_path / "report.json").read_text())["logs"]["tail"] == "out\n"


def test_quiet_where_it_is_asked_for(ours, peer):
    run = run_ours(ours, peer, "true", JOBINIT_TIMEOUT="1h", JOBINIT_QUIET="true", TINI_VERBOSITY="0")
    assert (run.returncode, run.stdout, run.stderr) == (0, b"", b"")


def test_a_mistyped_setting_is_refused(ours, peer):
    run = run_ours(ours, peer, "true", JOBINIT_TIMOUT="1h")
    assert run.returncode == 125
    assert b"JOBINIT_TIMOUT: no such setting; did you mean JOBINIT_TIMEOUT?" in run.stderr


def test_a_stop_request_is_never_followed_by_a_kill(ours, peer):
    """With jobinit's own grace, which is 0 here, the job would be gone at the first one."""
    job = ("import signal,sys,time\n"
           "signal.signal(15, lambda *_: print('asked', flush=True))\n"
           "signal.signal(signal.SIGUSR1, lambda *_: sys.exit(5))\n"
           "print('ready', flush=True)\n"
           "while True: time.sleep(0.01)")
    process = subprocess.Popen([ours(peer), "--", *python(job)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=clean_env(JOBINIT_REPORT_RESERVE="10s", TINI_VERBOSITY="0"))
    assert process.stdout.readline() == b"ready\n"
    for _ in range(3):
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == b"asked\n"
    process.send_signal(signal.SIGUSR1)
    assert process.wait(HANG) == 5


def test_the_grace_where_it_is_asked_for(ours, peer):
    job = "import signal,time\nsignal.signal(15, signal.SIG_IGN)\nprint('ready', flush=True)\ntime.sleep(1000)"
    process = subprocess.Popen([ours(peer), "--", *python(job)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                               env=clean_env(JOBINIT_STOP_GRACE="2s", JOBINIT_REPORT_RESERVE="1900ms"))
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(HANG) == 137


@pytest.mark.parametrize("order", ["outside", "inside"])
def test_one_of_two_jobinits_obeys_the_settings(ours, peer, tmp_path, order):
    """`docker run --init` and ENTRYPOINT jobinit, or an image's tini below jobinit."""
    (tmp_path / "jobinit").symlink_to(BINARY)
    jobinit = str(tmp_path / "jobinit")
    chain = [ours(peer), "--", jobinit] if order == "outside" else [jobinit, "--", ours(peer)]
    run = subprocess.run([*chain, "--", "sh", "-c", "exit 3"], capture_output=True, timeout=HANG,
                         env=clean_env(JOBINIT_NAME="inner", TINI_VERBOSITY="0"))
    assert run.returncode == 3
    assert run.stderr.decode().count("jobinit: inner failed") == 1


def test_a_subcommands_name_is_a_command(ours, peer, tmp_path):
    (tmp_path / "explain").write_text("#!/bin/sh\necho the command\n")
    (tmp_path / "explain").chmod(0o755)
    run = subprocess.run([ours(peer), "explain"], capture_output=True, timeout=HANG,
                         env=clean_env(PATH=f"{tmp_path}:{os.environ['PATH']}", TINI_VERBOSITY="0"))
    assert (run.returncode, run.stdout) == (0, b"the command\n")


def test_a_copy_is_as_good_as_a_link(peer, tmp_path):
    shutil.copy(BINARY, tmp_path / peer)
    run = subprocess.run([tmp_path / peer, "--version"], capture_output=True, timeout=HANG)
    assert b"jobinit" in run.stdout or run.stderr == b"dumb-init v1.2.5\n"
