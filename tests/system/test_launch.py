"""How the job's process is set up: what it finds itself to be, and what is told when a step fails."""
import json
import os
import pwd
import re
import resource
import shutil
import signal
import subprocess
import sys

import pytest

from conftest import BINARY, HANG, clean_env, python, wait_for_line

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user")
needs_setpriv = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv(1)")

NOBODY = pwd.getpwnam("nobody")
STATUS = ["cat", "/proc/self/status"]


def status(run):
    """/proc/self/status of the job, as a dictionary."""
    assert run.code == 0, run.err
    return {key: value.split() for key, value in (line.split(":", 1) for line in run.out.decode().splitlines())}


def masks(run):
    fields = status(run)
    return {key: int(fields[key][0], 16) for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}


def not_started(run, *words):
    """The launch failed at a step: one problem, told everywhere, and nothing but 125 could be it."""
    assert (run.code, run.cause) == (125, "not_started"), run.err
    (problem,) = run.report["outcome"]["problems"]
    for word in words:
        assert word in problem
    assert problem in run.err
    return problem


def rejected(run, *words):
    assert (run.code, run.cause) == (125, "rejected"), run.err
    problems = run.report["outcome"]["problems"]
    for word in words:
        assert any(word in problem for problem in problems), problems
    return problems


@pytest.fixture
def lesser(jobinit, tmp_path):
    """jobinit(...) run with less than root's rights: lesser([setpriv's options], *arguments)."""

    def run(options, *arguments, **more):
        tmp_path.chmod(0o777)  # the report is written by whoever jobinit is
        for folder in tmp_path.parents:
            if not os.stat(folder).st_mode & 0o001:
                folder.chmod(folder.stat().st_mode | 0o011)
        return jobinit(*arguments, place=["setpriv", *options], **more)

    return run


UNPRIVILEGED = ["--reuid=65534", "--regid=65534", "--clear-groups"]


@pytest.fixture
def image(tmp_path):
    """A prefix under which /etc/passwd and /etc/group are an image's of ours, and nobody else's."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("needs root and unshare(1) for a mount namespace")
    (tmp_path / "passwd").write_text("root:x:0:0::/root:/bin/sh\napp:x:61234:61235::/srv/app:/bin/sh\n")
    (tmp_path / "group").write_text("root:x:0:\napp:x:61235:\nbatch:x:61236:other,app\nlogs:x:61237:app\nnone:x:61238:\n")
    script = 'mount --bind "$1/passwd" /etc/passwd && mount --bind "$1/group" /etc/group && shift && exec "$@"'
    prefix = ["unshare", "--mount", "sh", "-c", script, "sh", str(tmp_path)]
    if subprocess.run([*prefix, "true"], check=False).returncode != 0:
        pytest.skip("cannot mount")
    return prefix


class TestUser:
    def ids(self, run):
        fields = status(run)
        assert len(set(fields["Uid"])) == len(set(fields["Gid"])) == 1, "nothing is left to go back to"
        group = int(fields["Gid"][0])
        # The group itself may be among the others or not, where they were already so.
        return int(fields["Uid"][0]), group, sorted({group, *map(int, fields["Groups"])})

    @pytest.mark.parametrize("setting, expected", [
        ("app", (61234, 61235, [61235, 61236, 61237])),
        ("61234", (61234, 61235, [61235, 61236, 61237])),
        ("app:none", (61234, 61238, [61238])),
        ("app:61239", (61234, 61239, [61239])),
        ("50000", (50000, 0, [0])),
        ("50000:50001", (50000, 50001, [50001])),
    ])
    def test_by_the_files_of_the_image(self, jobinit, image, setting, expected):
        assert self.ids(jobinit("--user", setting, "--", *STATUS, place=image)) == expected
        by_env = jobinit("--", *STATUS, place=image, env=clean_env(JOBINIT_USER=setting))
        assert self.ids(by_env) == expected

    @needs_root
    def test_a_group_alone(self, jobinit):
        assert self.ids(jobinit("--group", "61238", "--", *STATUS)) == (0, 61238, [61238])

    @needs_root
    def test_as_pid_1(self, jobinit, place):
        run = jobinit("--user", "50000:50001", "--", *STATUS, place=place)
        assert self.ids(run) == (50000, 50001, [50001])
        assert status(run)["CapPrm"] == ["0000000000000000"]

    @needs_root
    def test_a_job_of_another_user_can_be_ended(self, jobinit, place):
        run = jobinit("--user", "50000:50001", "--timeout", "1s", "--stop-grace", "1s", "--report-reserve", "500ms", "--",
                      "sh", "-c", "trap '' TERM; sleep 1000 & wait; wait", place=place)
        assert (run.code, run.cause) == (124, "timeout")
        assert run.report["processes"]["unkillable"] is False

    def test_mistyped(self, jobinit, image):
        rejected(jobinit("--user", "ap", "--timeout", "x", "--", "true", place=image),
                 '--user: no user "ap" in /etc/passwd; did you mean app?', "--timeout")
        rejected(jobinit("--", "true", place=image, env=clean_env(JOBINIT_USER="app:bach")),
                 'JOBINIT_USER: no group "bach" in /etc/group; did you mean batch?')

    @needs_root
    def test_home_follows_but_not_one_that_was_chosen(self, jobinit, image):
        job = ["sh", "-c", 'echo "$HOME ${USER-unset}"']
        assert jobinit("--user", "app", "--", *job, place=image, env=clean_env(HOME="/root", USER="root")).out \
            == b"/srv/app app\n"
        assert jobinit("--user", "app", "--", *job, place=image, env=clean_env(HOME="/work", USER="db")).out == b"/work db\n"
        assert jobinit("--", *job, place=image, env=clean_env(HOME="/root", USER="root")).out == b"/root root\n"

    @needs_root
    @pytest.mark.parametrize("stream", ["/dev/stdout", "/dev/stderr"])
    def test_the_job_can_open_its_streams(self, jobinit, stream):
        """They are pipes of jobinit's, and opening one by name asks for its owner."""
        run = jobinit("--user", "50000:50001", "--", "sh", "-c", f"echo words > {stream}")
        assert run.code == 0, run.err
        assert "words" in (run.out.decode() if stream == "/dev/stdout" else run.err)

    @needs_setpriv
    def test_the_same_user_needs_no_privilege(self, lesser):
        run = lesser(UNPRIVILEGED, "--user", f"65534:{NOBODY.pw_gid}", "--", *STATUS)
        assert status(run)["Uid"][0] == "65534"

    @needs_setpriv
    def test_not_permitted(self, lesser):
        not_started(lesser(["--reuid=65534", "--clear-groups"], "--user", "0", "--", "true"),
                    "--user: becoming user 0: Operation not permitted; it takes CAP_SETUID")
        not_started(lesser(UNPRIVILEGED, "--user", "1:2", "--", "true"), "--user: changing the groups to 2: ", "CAP_SETGID")
        not_started(lesser(UNPRIVILEGED, "--group", "2", "--", "true"), "--group: changing the groups to 2: ", "CAP_SETGID")

    @needs_setpriv
    def test_a_job_that_could_not_be_ended_is_not_started(self, lesser):
        rejected(lesser(["--bounding-set=-kill"], "--user", "50000", "--", "true"),
                 "--user: jobinit could start the job as user 50000, but not end it: it has CAP_SETUID, but not CAP_KILL")

    @needs_root
    def test_whether_a_file_can_be_executed_is_the_new_users_to_know(self, jobinit, tmp_path):
        secret = tmp_path / "folder"
        secret.mkdir(mode=0o700)
        (secret / "tool").write_text("#!/bin/sh\n")
        (secret / "tool").chmod(0o755)
        assert jobinit("--", secret / "tool").code == 0
        run = jobinit("--user", "50000", "--", secret / "tool")
        assert (run.code, run.cause) == (126, "not_started")
        assert f"{secret}/tool: not executable by user 50000 (permission denied)" in run.err

    @needs_root
    def test_pid_1_stays_closed_to_the_user(self, start, tmp_path):
        """A change of credentials could make memory readable that is shared with PID 1 until exec."""
        process = start("--user", "50000:50001", "--", "sh", "-c", "echo ready; exec sleep 1000")
        wait_for_line(process.stdout, b"ready")
        owner = os.stat(f"/proc/{process.pid}/environ")
        assert (owner.st_uid, os.stat(f"/proc/{process.pid}/task").st_uid) == (0, 0)
        look = subprocess.run([sys.executable, "-c", f"import os; os.setuid(50000); open('/proc/{process.pid}/environ').read()"],
                              capture_output=True, text=True, check=False)
        assert "PermissionError" in look.stderr


class TestUnprivileged:
    """What anybody may do to himself."""

    @needs_setpriv
    def test_all_of_it(self, lesser):
        run = lesser(UNPRIVILEGED, "--no-new-privs", "--umask", "077", "--nice", "19", "--limit", "core=0,nofile=50:60", "--chdir",
                     "/", "--", "sh", "-c", "umask; nice; ulimit -c; ulimit -n; ulimit -Hn; pwd; grep NoNewPrivs /proc/self/status")
        assert run.out.decode().split() == ["0077", "19", "0", "50", "60", "/", "NoNewPrivs:", "1"]

    @needs_setpriv
    def test_dropping_what_is_not_there_any_more(self, lesser):
        run = lesser([*UNPRIVILEGED, "--bounding-set=-all"], "--drop-caps", "ALL", "--", *STATUS)
        assert set(masks(run).values()) == {0}

    @needs_setpriv
    def test_not_permitted(self, lesser):
        not_started(lesser(UNPRIVILEGED, "--drop-caps", "CAP_NET_RAW", "--", "true"),
                    "--drop-caps: leaving the bounding set: Operation not permitted; it takes CAP_SETPCAP")
        not_started(lesser(UNPRIVILEGED, "--nice", "-5", "--", "true"), "--nice -5: Permission denied", "CAP_SYS_NICE")
        not_started(lesser(UNPRIVILEGED, "--limit", "nofile=unlimited", "--", "true"),
                    "--limit nofile=unlimited: Operation not permitted", "CAP_SYS_RESOURCE")


class TestCapabilities:
    NET_RAW, SYS_CHROOT = 1 << 13, 1 << 18

    @needs_root
    def test_some(self, jobinit):
        before = masks(jobinit("--", *STATUS))
        after = masks(jobinit("--drop-caps", "CAP_NET_RAW,sys_chroot", "--", *STATUS))
        gone = self.NET_RAW | self.SYS_CHROOT
        assert before["CapEff"] & gone, "or this shows nothing"
        assert after == {name: mask & ~gone for name, mask in before.items()}

    @needs_root
    @pytest.mark.parametrize("user", [(), ("--user", "50000:50001"), ("--user", "0")])
    def test_all(self, jobinit, user):
        """CAP_SETUID and CAP_SETGID among them, which are needed before."""
        assert set(masks(jobinit("--drop-caps", "ALL", *user, "--", *STATUS)).values()) == {0}

    @needs_root
    def test_another_user_has_none_but_the_bounding_set_stays(self, jobinit):
        before = masks(jobinit("--", *STATUS))
        after = masks(jobinit("--user", "50000:50001", "--", *STATUS))
        assert after == {"CapInh": before["CapInh"], "CapPrm": 0, "CapEff": 0, "CapAmb": 0, "CapBnd": before["CapBnd"]}

    @needs_setpriv
    def test_ambient_and_inheritable_ones(self, lesser):
        given = ["--inh-caps=+net_raw,+kill", "--ambient-caps=+net_raw,+kill"]
        before = masks(lesser(given, "--", *STATUS))
        after = masks(lesser(given, "--drop-caps", "net_raw", "--", *STATUS))
        assert before["CapAmb"] == before["CapInh"] == self.NET_RAW | 1 << 5
        assert after["CapAmb"] == after["CapInh"] == 1 << 5

    @needs_setpriv
    def test_not_permitted(self, lesser):
        not_started(lesser(["--bounding-set=-setpcap"], "--drop-caps", "net_raw", "--", "true"), "--drop-caps", "CAP_SETPCAP")

    def test_mistyped(self, jobinit):
        rejected(jobinit("--drop-caps", "CAP_NET_RW", "--", "true"),
                 '--drop-caps: "CAP_NET_RW" is not a capability; did you mean CAP_NET_RAW?')


class TestNoNewPrivs:
    def test_it_is_set(self, jobinit, place):
        assert status(jobinit("--no-new-privs", "--", *STATUS, place=place))["NoNewPrivs"] == ["1"]
        assert status(jobinit("--", *STATUS, place=place))["NoNewPrivs"] == ["0"]

    def test_it_stays_the_jobs(self, start):
        process = start("--no-new-privs", "--", "sh", "-c", "echo ready; exec sleep 1000")
        wait_for_line(process.stdout, b"ready")
        assert "NoNewPrivs:\t0" in open(f"/proc/{process.pid}/status").read()


class TestLimits:
    def test_are_the_jobs_alone(self, start):
        process = start("--limit", "nofile=50:60,core=0,cpu=1h,stack=1M:2M", "--", *python(
            "import resource, time\n"
            "print([resource.getrlimit(getattr(resource, 'RLIMIT_' + n)) for n in ('NOFILE', 'CORE', 'CPU', 'STACK')], flush=True)\n"
            "time.sleep(1000)"))
        wait_for_line(process.stdout, b"[(50, 60), (0, 0), (3600, 3600), (1048576, 2097152)]")
        for name in (resource.RLIMIT_NOFILE, resource.RLIMIT_CPU, resource.RLIMIT_STACK):
            assert resource.prlimit(process.pid, name) == resource.getrlimit(name)

    def test_one_that_ends_the_job_is_told_as_what_it_is(self, jobinit):
        run = jobinit("--limit", "cpu=1:unlimited", "--", *python("while True: pass"))
        assert (run.code, run.cause) == (128 + signal.SIGXCPU, "signaled")

    def test_above_the_hard_limit(self, jobinit):
        """With the privilege the kernel would allow it up to a ceiling of its own; above that nobody may."""
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        problem = not_started(jobinit("--limit", "core=0,nofile=1:999999999999", "--", "true"),
                              "--limit nofile=1:999999999999: Operation not permitted")
        assert "core" not in problem

    def test_mistyped(self, jobinit, tmp_path):
        job_file = tmp_path / "job.json"
        job_file.write_text('{"limit": {"nofle": 5, "core": "0"}}')
        rejected(jobinit("--job", job_file, "--", "true"),
                 f'{job_file}:1:11 /limit: "nofle" is not a limit; did you mean nofile?')
        job_file.write_text('{"limit": {"nofile": "50:60"}}')
        assert jobinit("--job", job_file, "--", "sh", "-c", "ulimit -n; ulimit -Hn").out == b"50\n60\n"

    @needs_setpriv
    def test_a_user_with_too_many_processes(self, jobinit, start):
        """setuid(2) allows it; only the exec after it fails (execve(2), EAGAIN)."""
        process = start("--user", "50000:50001", "--", "sh", "-c", "sleep 1000 & sleep 1000 & echo ready; wait")
        wait_for_line(process.stdout, b"ready")
        not_started(jobinit("--user", "50000:50001", "--limit", "nproc=1", "--", "true"),
                    "true: user 50000 already has as many processes as the limit nproc allows")


class TestNice:
    def test_it_is_set(self, jobinit):
        here = os.getpriority(os.PRIO_PROCESS, 0)
        assert jobinit("--", "nice").out.decode() == f"{here}\n"
        assert jobinit("--nice", "19", "--", "nice").out == b"19\n"

    def test_it_is_the_jobs_alone(self, start):
        process = start("--nice", "19", "--", "sh", "-c", "echo ready; exec sleep 1000")
        wait_for_line(process.stdout, b"ready")
        assert os.getpriority(os.PRIO_PROCESS, process.pid) == os.getpriority(os.PRIO_PROCESS, 0)


class TestUmask:
    def test_it_is_the_jobs_alone(self, jobinit, tmp_path):
        run = jobinit("--umask", "077", "--", "sh", "-c", f"umask; touch {tmp_path}/file")
        assert run.out.strip() == b"0077"
        assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
        ours = os.umask(0)
        os.umask(ours)
        assert (tmp_path / "report.json").stat().st_mode & 0o777 == 0o644 & ~ours

    def test_mistyped(self, jobinit):
        rejected(jobinit("--umask", "99", "--", "true"), '--umask: "99" is not a umask; write it in octal')


class TestChdir:
    def test_the_job_is_there_and_jobinit_is_not(self, jobinit, tmp_path):
        """A report's path is jobinit's, not the job's."""
        (tmp_path / "sub").mkdir()
        run = jobinit("--chdir", "sub", "--report-to", "file:here.json", "--", "pwd", cwd=tmp_path)
        assert run.out.decode().strip() == str(tmp_path / "sub")
        assert (tmp_path / "here.json").exists()

    def test_a_command_with_a_slash_is_sought_from_there(self, jobinit, tmp_path):
        (tmp_path / "tool").write_text("#!/bin/sh\necho here\n")
        (tmp_path / "tool").chmod(0o755)
        assert jobinit("--chdir", tmp_path, "--", "./tool", cwd="/").out == b"here\n"
        run = jobinit("--chdir", tmp_path, "--", "./tol", cwd="/")
        assert (run.code, run.cause) == (127, "not_started")
        assert f"./tol: no such file in {tmp_path}" in run.err
        (tmp_path / "script").write_text("#!/no/such/shell\n")
        (tmp_path / "script").chmod(0o755)
        run = jobinit("--chdir", tmp_path, "--", "./script", cwd="/")
        assert run.code == 127
        assert "./script: the file is there, but the interpreter" in run.err

    def test_missing(self, jobinit, tmp_path, place):
        not_started(jobinit("--chdir", tmp_path / "none", "--", "true", place=place),
                    f"--chdir {tmp_path}/none: No such file or directory")
        (tmp_path / "file").touch()
        not_started(jobinit("--chdir", tmp_path / "file", "--", "true", place=place), "Not a directory")

    @needs_root
    def test_it_is_the_jobs_user_who_enters(self, jobinit, tmp_path):
        (tmp_path / "closed").mkdir(mode=0o700)
        assert jobinit("--chdir", tmp_path / "closed", "--", "true").code == 0
        not_started(jobinit("--chdir", tmp_path / "closed", "--user", "50000", "--", "true"),
                    f"--chdir {tmp_path}/closed: Permission denied")

    def test_a_step_that_fails_runs_nothing(self, jobinit, tmp_path):
        not_started(jobinit("--chdir", tmp_path / "none", "--", "touch", tmp_path / "started"))
        assert not (tmp_path / "started").exists()

    def test_a_missing_command_is_still_127(self, jobinit, tmp_path):
        run = jobinit("--chdir", tmp_path, "--", "no-such-command", env=clean_env(PATH="/usr/bin:/bin"))
        assert (run.code, run.cause) == (127, "not_started")


class TestEnvironment:
    def variables(self, run):
        """Without what jobinit tells every job of its own run, which clearing does not take away."""
        assert run.code == 0, run.err
        found = dict(line.split("=", 1) for line in run.out.decode().splitlines())
        assert (found.pop("JOBINIT_ATTEMPT"), found.pop("JOBINIT_RUN_ID")) == ("1", run.report["run_id"])
        return found

    def test_cleared(self, jobinit):
        assert self.variables(jobinit("--env-clear", "--", "/usr/bin/env")) == {}

    def test_but_for_what_is_kept(self, jobinit):
        env = clean_env(LC_ALL="C", LC_TIME="C", LANG="C", TOKEN="hunter2", JOBINIT_ENV_KEEP="PATH LC_*", JOBINIT_ENV_CLEAR="1",
                        JOBINIT_REPORT_TIMEOUT="3s")
        assert self.variables(jobinit("--", "env", env=env)) == {"PATH": env["PATH"], "LC_ALL": "C", "LC_TIME": "C"}

    def test_the_command_is_sought_in_the_jobs_path(self, jobinit, tmp_path):
        (tmp_path / "only-here").write_text("#!/bin/sh\n")
        (tmp_path / "only-here").chmod(0o755)
        env = clean_env(PATH=f"{tmp_path}:{os.environ['PATH']}")
        assert jobinit("--env-clear", "--env-keep", "PATH", "--", "only-here", env=env).code == 0
        run = jobinit("--env-clear", "--", "only-here", env=env)
        assert (run.code, run.cause) == (127, "not_started")
        assert str(tmp_path) not in run.report["outcome"]["problems"][0]

    def test_credentials_cannot_be_kept(self, jobinit, tmp_path):
        env = clean_env(JOBINIT_REPORT_TO=f"file:{tmp_path}/other.json", JOBINIT_TAIL="1K")
        run = jobinit("--env-clear", "--env-keep", "JOBINIT_*,PATH", "--", "env", env=env)
        assert set(self.variables(run)) == {"PATH", "JOBINIT_TAIL"}

    def test_keeping_without_clearing_is_a_mistake(self, jobinit):
        rejected(jobinit("--env-keep", "PATH", "--", "true"), "--env-keep: keeps nothing without --env-clear")
        # But a job file's list is none when somebody turns clearing off to look into something.
        assert jobinit("--env-keep", "PATH", "--no-env-clear", "--", "true").code == 0
        rejected(jobinit("--env-clear", "--env-keep", "PATH,TOKEN=hunter2", "--", "true"), "--env-keep: ", "TOKEN")


def test_every_mistake_at_once(jobinit):
    problems = rejected(
        jobinit("--user", "no-such-user-here", "--group", "no-such-group-here", "--umask", "9", "--nice", "99", "--limit", "nofle=1",
                "--drop-caps", "CAP_X", "--env-keep", "A=b", "--chdir", "/none", "--", "true"),
        "--user: ", "--group: ", "--umask: ", "--nice: ", "--limit: ", "--drop-caps: ", "--env-keep: ")
    assert len(problems) == 7


def test_explain_tells_them_too(tmp_path):
    done = subprocess.run([BINARY, "explain", "--user", "no-such-user-here", "--limit", "core=0"], env=clean_env(),
                          capture_output=True, text=True, timeout=HANG, check=False)
    assert done.returncode == 125
    assert re.search(r"^limit +core=0 +flag: --limit$", done.stdout, re.MULTILINE)
    assert "no user" in done.stderr


class TestHooksAndAttempts:
    """They are set up like the job."""

    @needs_root
    def test_hooks(self, jobinit, tmp_path):
        tmp_path.chmod(0o777)
        for folder in tmp_path.parents[:2]:  # pytest's own, which it keeps for itself
            folder.chmod(folder.stat().st_mode | 0o011)
        record = 'echo "$(id -u) $(umask) $(pwd)" >> "$1"'
        hook = json.dumps(["sh", "-c", record + '; cat "${JOBINIT_REPORT-/dev/null}" >> "$1.report"', "sh", f"{tmp_path}/who"])
        run = jobinit("--user", "50000:50001", "--umask", "0", "--chdir", "/", "--before", hook, "--after", hook, "--", "sh", "-c",
                      record, "sh", f"{tmp_path}/who")
        assert run.code == 0, run.err
        assert (tmp_path / "who").read_text() == "50000 0000 /\n" * 3
        assert json.loads((tmp_path / "who.report").read_text())["outcome"]["cause"] == "success"

    def test_a_hook_that_cannot_be_set_up(self, jobinit, tmp_path):
        run = jobinit("--chdir", tmp_path / "none", "--before", "true", "--", "true")
        assert (run.code, run.cause) == (125, "not_started")
        assert f"--chdir {tmp_path}/none: No such file or directory" in run.err

    @needs_root
    def test_further_attempts(self, jobinit):
        run = jobinit("--user", "50000:50001", "--retries", "1", "--retry-on", "3", "--retry-backoff", "1ms", "--", "sh", "-c",
                      "id -u; exit 3")
        assert (run.code, run.out) == (3, b"50000\n50000\n")

    @needs_root
    def test_notifications(self, jobinit):
        """The socket is jobinit's, and the job of another user may speak on it."""
        job = ("import os, socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
               "s.sendto(b'STATUS=here', os.environ['NOTIFY_SOCKET'].replace('@', chr(0), 1))")
        run = jobinit("--user", "50000:50001", "--notify", "--env-clear", "--env-keep", "PATH", "--", *python(job))
        assert run.code == 0, run.err
        assert "here" in json.dumps(run.report)


def test_a_saved_report_can_be_delivered_where_the_user_is_not_known(jobinit, tmp_path):
    jobinit("--", "true")
    done = subprocess.run([BINARY, "deliver", tmp_path / "report.json", "--report-to", f"file:{tmp_path}/again.json"],
                          env=clean_env(JOBINIT_USER="no-such-user-here"), timeout=HANG, check=False)
    assert done.returncode == 0


def test_the_report_is_written_as_jobinit_itself(jobinit, tmp_path):
    """The settings are for the job's process alone."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    user = ["--user", "50000:50001"] if os.geteuid() == 0 else []
    run = jobinit(*user, "--umask", "777", "--limit", "fsize=0", "--report-to", f"file:{closed}/report.json", "--", "true",
                  report=False)
    assert run.code == 0
    assert json.loads((closed / "report.json").read_text())["outcome"]["cause"] == "success"
