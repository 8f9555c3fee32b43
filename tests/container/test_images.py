"""The base image: jobinit in front of any image, for any user; and the script that builds it."""
import filecmp
import json
import os
import re
import shutil

import pytest

from harness import BASES, BINARY, ROOT, need, run, unique

LOCKED_DOWN = ("--user", "12345:12345", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")

# Leaves 20 processes behind that end only as children of jobinit, and then waits until /proc lists none of them.
ORPHAN = "until /busybox grep -q \"^PPid:.$1$\" /proc/$$/status; do :; done"
ORPHANAGE = ("/busybox", "sh", "-c", """
    orphan=$1 i=0
    set -- /proc/[0-9]*
    before=$#
    while [ $((i += 1)) -le 20 ]; do (/busybox sh -c "$orphan" orphan $PPID &); done
    while set -- /proc/[0-9]*; [ $# -gt $before ]; do /busybox sleep 0.1; done
""", "orphanage", ORPHAN)


@pytest.fixture
def shell():
    """docker's options that put a static shell into any image, even an empty one."""
    need(shutil.which("busybox"), "busybox-static is not installed")
    return "--volume", f"{shutil.which('busybox')}:/busybox:ro"


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("uid, options", [(0, ()), (12345, LOCKED_DOWN)], ids=["root", "locked-down"])
class TestEveryBase:
    def test_a_job_fails(self, job, image, expect, shell, base, uid, options):
        script = "/busybox id -u; /busybox id -u >&2; exit 7"
        job.start(image(base), "/busybox", "sh", "-c", script, options=[*shell, *options])
        expect(job, "failed", 7, " failed: exit 7 after ")
        assert job.logs().stdout == f"{uid}\n"
        assert job.logs().stderr.startswith(f"{uid}\njobinit: ")

    def test_a_job_without_anything_but_itself(self, job, image, expect, base, uid, options):
        job.start(image(base), "/usr/local/bin/jobinit", "version", options=options)
        report = expect(job, "success", 0, " succeeded: exit 0 after ")
        assert report["jobinit_version"] in job.logs().stdout

    def test_stopped(self, job, image, expect, shell, base, uid, options):
        script = "echo ready; exec /busybox sleep 1000"
        job.start(image(base), "/busybox", "sh", "-c", script, options=[*shell, *options])
        job.wait_for_line("ready")
        job.stop(10)
        expect(job, "stopped", 143, " was stopped from outside: killed by SIGTERM after ")

    def test_orphans_are_reaped(self, job, image, expect, shell, base, uid, options):
        job.start(image(base), *ORPHANAGE, options=[*shell, *options])
        report = expect(job, "success", 0, " succeeded: ")
        assert report["processes"]["reaped"] == 20


def test_it_works_the_same_under_another_init(docker, job, image, expect, shell):
    init = docker("info", "--format", "{{.InitBinary}}").stdout.strip()
    need(shutil.which(init), f"docker's own init ({init}) is not installed")
    job.start(image("scratch"), *ORPHANAGE, options=[*shell, "--init"])
    report = expect(job, "success", 0, " succeeded: ")
    assert report["processes"]["reaped"] == 20


@pytest.mark.parametrize("base", BASES)
def test_the_image_adds_an_entrypoint_and_nothing_else(docker, image, base):
    config, = json.loads(docker("image", "inspect", image(base)).stdout)
    config = config["Config"]
    assert config["Entrypoint"] == ["/usr/local/bin/jobinit", "--"]
    assert (config["Cmd"], config["User"], config.get("StopSignal")) == (None, "", None)
    assert config["Labels"]["org.opencontainers.image.title"] == "jobinit"
    assert config["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"


def test_the_binary_in_the_image_is_the_one_built_here(docker, image, tmp_path):
    container = docker("create", image("scratch")).stdout.strip()
    docker("cp", f"{container}:/usr/local/bin/jobinit", tmp_path / "jobinit")
    docker("rm", container)
    assert filecmp.cmp(tmp_path / "jobinit", BINARY, shallow=False)


def test_without_a_command_it_says_so(docker, image):
    ended = docker("run", "--rm", image("scratch"), check=False)
    assert (ended.returncode, ended.stdout) == (125, "")
    assert "no command" in ended.stderr


# scripts/image

SCRIPT = ROOT / "scripts" / "image"


@pytest.fixture
def builder(request):
    """The environment that makes `docker build` use one of its two builders."""
    environment = {**os.environ, "DOCKER_BUILDKIT": request.param}
    if request.param == "1":
        probe = run("docker", "build", "--help", check=False, env=environment)
        need("missing" not in probe.stderr and probe.returncode == 0, "this docker has no BuildKit (buildx)")
    return environment


both_builders = pytest.mark.parametrize("builder", ["0", "1"], ids=["classic", "buildkit"], indirect=True)


@both_builders
def test_both_builders_build_it(docker, image, builder):
    image("scratch")  # what it needs is there
    tag = unique("builder")
    try:
        assert run(SCRIPT, "--prebuilt", "--base", "scratch", "--tag", tag, env=builder).stdout == f"{tag}\n"
        version = docker("run", "--rm", tag, "/usr/local/bin/jobinit", "version").stdout
        assert version == run(BINARY, "version").stdout
    finally:
        docker("image", "rm", tag, check=False)


@pytest.mark.slow
@both_builders
def test_compiling_in_docker(docker, builder):
    tag = unique("compiled")
    try:
        run(SCRIPT, "--base", "scratch", "--tag", tag, env=builder, timeout=3600)
        version = docker("run", "--rm", tag, "/usr/local/bin/jobinit", "version").stdout
        assert re.fullmatch(r"jobinit \d\S*\n", version)
    finally:
        docker("image", "rm", tag, check=False)


@pytest.mark.parametrize("arguments, message", [
    (["--bas", "scratch"], "unknown argument: --bas"),
    (["--tag"], "--tag needs a value"),
    (["--prebuilt", "--base", "registry.invalid/none:1"], "there is no image registry.invalid/none:1"),
])
def test_the_script_refuses(docker, arguments, message):
    refused = run(SCRIPT, *arguments, check=False)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert message in refused.stderr


def test_the_script_explains_itself():
    assert "examples:" in run(SCRIPT, "--help").stdout
