"""jobinit on a container's terminal, and as the init of a docker daemon."""
import json
import os
import re
import select
import shutil
import subprocess

import pytest

from harness import BINARY, PATIENCE, need, run, unique, until


class Terminal:
    """A command on a pty."""

    def __init__(self, *command):
        self.pid, self.fd = os.forkpty()
        if self.pid == 0:
            os.execvp(command[0], command)
        self.seen = b""

    def expect(self, pattern):
        while not (found := re.search(pattern, self.seen)):
            assert select.select([self.fd], [], [], PATIENCE)[0], self.seen
            self.seen += os.read(self.fd, 65536)  # EIO, an error, where it has ended without
        self.seen = self.seen[found.end():]

    def wait(self):
        try:
            while os.read(self.fd, 65536):
                pass
        except OSError:
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@pytest.fixture
def terminal(docker):
    """docker run -it, with the image and command given."""
    names = []

    def start(*words):
        names.append(unique("terminal"))
        return Terminal("docker", "run", "--interactive", "--tty", "--name", names[-1], *words)

    yield start
    for name in names:
        docker("rm", "--force", name, check=False)


def test_a_terminal_is_the_jobs(terminal, image):
    one = terminal(image("busybox"), "sh", "-c", "tty; read line; echo got:$line; trap 'exit 5' INT; echo ready; while :; do sleep 0.1; done")
    one.expect(rb"/dev/(pts/\d+|console)")
    os.write(one.fd, b"words\n")
    one.expect(b"got:words")
    one.expect(b"ready")
    os.write(one.fd, b"\x03")
    assert one.wait() == 5


def test_a_shell_on_a_terminal_has_job_control(terminal, image):
    one = terminal(image("busybox"), "sh")
    one.expect(b"# ")
    os.write(one.fd, b"sh -c 'echo re''ady; exec sleep 1000'\n")  # spelled so that its echo is not taken for it
    one.expect(b"ready")
    os.write(one.fd, b"\x1a")
    one.expect(b"Stopped")
    os.write(one.fd, b"kill %1; exit 6\n")
    os.write(one.fd, b"exit 6\n")  # the first may be held up by the stopped job
    assert one.wait() == 6


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    """A daemon of our own whose init is jobinit; `daemon(word, ...)` is its docker."""
    need(os.geteuid() == 0 and shutil.which("dockerd") and shutil.which("docker") and shutil.which("busybox"),
         "needs root, docker and busybox")
    folder = tmp_path_factory.mktemp("daemon")
    shutil.copy(BINARY, folder / "docker-init")
    socket = f"unix://{folder}/docker.sock"

    def docker(*words, **options):
        return run("docker", "--host", socket, *words, **options)

    options = ["--host", socket, "--data-root", folder / "data", "--exec-root", folder / "exec", "--pidfile", folder / "pid",
               "--storage-driver", "vfs", "--bridge", "none", "--iptables=false", "--init-path", folder / "docker-init"]
    log = folder / "log"
    # In a network of its own: a dockerd without a bridge removes docker0, which is the other one's.
    with log.open("w") as file, subprocess.Popen(["unshare", "--net", "dockerd", *map(str, options)], stdout=file, stderr=file,
                                                 start_new_session=True) as process:
        try:
            until(lambda: docker("version", check=False).returncode == 0 or process.poll() is not None, "dockerd")
            need(process.poll() is None, f"a second dockerd does not start here:\n{log.read_text()[-1000:]}")
            tree = folder / "tree" / "bin"
            tree.mkdir(parents=True)
            shutil.copy(shutil.which("busybox"), tree / "busybox")
            for name in ("sh", "cat", "sleep", "true"):
                (tree / name).symlink_to("busybox")
            run("tar", "--create", "--file", folder / "tree.tar", "--directory", folder / "tree", ".")
            docker("import", folder / "tree.tar", "plain")
            yield docker
        finally:
            process.terminate()


def test_docker_knows_the_version_of_its_init(daemon):
    parts = json.loads(daemon("version", "--format", "{{json .Server.Components}}").stdout)
    assert re.fullmatch(r"0\.19\.0 \(jobinit [\d.]+\)", {part["Name"]: part["Version"] for part in parts}["docker-init"])


def plain(daemon, *words, **options):
    return daemon("run", "--rm", "--init", "--network", "none", *words, check=False, **options)


def test_docker_run_init(daemon):
    done = plain(daemon, "plain", "sh", "-c", "cat /proc/1/comm; echo err >&2; exit 7")
    assert (done.returncode, done.stdout, done.stderr) == (7, "docker-init\n", "err\n")


def test_docker_run_init_with_a_setting(daemon):
    done = plain(daemon, "--env", "JOBINIT_REPORT_TO=stdout:", "--env", "JOBINIT_TIMEOUT=300ms", "plain", "sleep", "1000")
    assert done.returncode == 124
    assert json.loads(done.stdout)["outcome"]["cause"] == "timeout"
    assert "ran into its timeout" in done.stderr
