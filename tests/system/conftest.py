"""System tests: the built binary against the real kernel. JI_BINARY chooses the binary (default: build/jobinit)."""
import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from hostile import Hostile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("JI_BINARY", str(ROOT / "build" / "jobinit"))
SANITIZED = "asan" in BINARY
# A hang must end a test, not the suite; no test waits for it to pass.
HANG = 15

if SANITIZED:
    # PID 1 is not dumpable, and the leak checker needs to trace itself.
    os.environ.setdefault("ASAN_OPTIONS", "detect_leaks=0")


def clean_env(**extra):
    """The environment without settings of ours, so that the caller's do not change the tests."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("JOBINIT_", "JI_"))}
    for name in ("KUBERNETES_SERVICE_HOST", "ECS_CONTAINER_METADATA_URI_V4", "AWS_EXECUTION_ENV", "container"):
        env.pop(name, None)
    env.update(extra)
    return env


NAMESPACE = ["unshare", "--fork", "--pid", "--mount-proc", "--kill-child"]


def can_unshare():
    return os.geteuid() == 0 and shutil.which("unshare") and subprocess.run(NAMESPACE + ["true"]).returncode == 0


needs_namespace = pytest.mark.skipif(not can_unshare(), reason="needs root and unshare(1) for a pid namespace")


@pytest.fixture(params=["not PID 1", pytest.param("PID 1", marks=needs_namespace)])
def place(request):
    """The command prefix under which jobinit runs as PID 1 of a namespace, or not."""
    return NAMESPACE if request.param == "PID 1" else []


class Finished:
    """A run that is over, with its report."""

    def __init__(self, process, report_path):
        self.code = process.returncode
        self.out = process.stdout
        self.err = process.stderr.decode(errors="replace")
        self.report = json.loads(report_path.read_text()) if report_path.exists() else None

    @property
    def cause(self):
        return self.report["outcome"]["cause"]


@pytest.fixture
def jobinit(tmp_path):
    """jobinit(*arguments, place=[], **subprocess options) -> Finished, with a report file unless report=False."""

    def run(*arguments, place=(), env=None, report=True, **options):
        path = tmp_path / "report.json"
        path.unlink(missing_ok=True)
        sinks = ["--report-to", f"file:{path}"] if report else []
        options.setdefault("stdin", subprocess.DEVNULL)
        process = subprocess.run(
            [*place, BINARY, *sinks, *map(str, arguments)],
            env=env if env is not None else clean_env(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=HANG,
            **options,
        )
        return Finished(process, path)

    return run


@pytest.fixture
def start(tmp_path):
    """Starts jobinit and returns the Popen, for tests that act while it runs; killed at the end of the test."""
    running = []

    def run(*arguments, place=(), env=None, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        process = subprocess.Popen(
            [*place, BINARY, "--report-to", f"file:{tmp_path}/report.json", *map(str, arguments)],
            env=env if env is not None else clean_env(),
            **options,
        )
        running.append(process)
        return process

    yield run
    for process in running:
        if process.poll() is None:
            process.kill()
            process.wait()


def read_report(tmp_path):
    return json.loads((tmp_path / "report.json").read_text())


def python(code, *arguments):
    """A job written in Python."""
    return [sys.executable, "-c", code, *map(str, arguments)]


def wait_for_line(stream, wanted):
    """Reads lines until one is `wanted`; how a test knows that the job is there, instead of sleeping."""
    for line in stream:
        if line.strip() == wanted:
            return
    raise AssertionError(f"the job never said {wanted!r}")


@pytest.fixture
def hostile():
    """hostile(script..., **options) -> a hostile.Hostile that runs until the end of the test."""
    running = []

    def run(*script, **options):
        running.append(Hostile(*script, **options))
        return running[-1]

    yield run
    for server in running:
        server.close()
