"""Real containers under a real docker, reporting to a real Pushgateway.

    scripts/build && python3 -m pytest tests/container

JI_STRICT=1  what this machine lacks is a failure rather than a skip
JI_SLOW=1    also compile in docker (minutes)

A daemon that answers is used as it is; where none does, root gets one for the time of the tests.
"""
import json
import os
import re
import shutil
import subprocess

import jsonschema
import pytest

from harness import BINARY, DEBIAN, ROOT, Job, Pushgateway, epoch, need, run, unique, until


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes minutes; runs with JI_SLOW=1")


def pytest_collection_modifyitems(items):
    if os.environ.get("JI_SLOW") != "1":
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(reason="takes minutes; set JI_SLOW=1 to run it"))


def docker_answers():
    return run("docker", "version", check=False).returncode == 0


@pytest.fixture(scope="session")
def docker(tmp_path_factory):
    """A daemon to talk to, by `docker(word, ...)`."""
    def call(*words, **options):
        return run("docker", *words, **options)

    need(shutil.which("docker"), "docker is not installed")
    if docker_answers():
        yield call
        return
    need(os.geteuid() == 0 and not os.environ.get("DOCKER_HOST") and shutil.which("dockerd"),
         "no docker daemon answers, and one can be started by root only, with dockerd installed")
    log = tmp_path_factory.mktemp("dockerd") / "log"
    # A session of its own, so that Ctrl-C leaves it to the clean-up below.
    options = {"stderr": subprocess.STDOUT, "start_new_session": True}
    with log.open("w") as file, subprocess.Popen(["dockerd"], stdout=file, **options) as daemon:
        try:
            until(lambda: docker_answers() or daemon.poll() is not None, "dockerd")
            need(daemon.poll() is None, f"dockerd ended with {daemon.poll()}:\n{log.read_text()[-2000:]}")
            yield call
        finally:
            daemon.terminate()


@pytest.fixture(scope="session")
def image(docker):
    """image(base): the tag of that base with build/jobinit in it."""
    need(BINARY.exists(), "there is no build/jobinit: run scripts/build first")
    built = {}

    def build(base):
        if base not in built:
            tag = f"jobinit-test:{base.replace(':', '-')}"
            run(ROOT / "scripts" / "image", "--prebuilt", "--base", base, "--tag", tag)
            built[base] = tag
        return built[base]

    yield build
    for tag in built.values():
        docker("image", "rm", tag, check=False)


@pytest.fixture(scope="session")
def feed_image(docker, image):
    tag = "jobinit-test:feed-export"
    docker("build", "--build-arg", f"JOBINIT={image(DEBIAN)}", "--tag", tag, ROOT / "examples" / "feed-export")
    yield tag
    docker("image", "rm", tag, check=False)


@pytest.fixture(scope="session")
def schema():
    text = json.loads(run(BINARY, "schema", "report").stdout)
    validator = jsonschema.validators.validator_for(text)
    validator.check_schema(text)
    return validator(text, format_checker=validator.FORMAT_CHECKER)


@pytest.fixture(scope="session")
def network(docker):
    """A network of its own, where docker's DNS server knows containers by name."""
    name = unique("network")
    docker("network", "create", name)
    yield name
    docker("network", "rm", name)


@pytest.fixture(scope="session")
def pushgateway(docker, network, image):
    gateway = Pushgateway(docker, network, image(DEBIAN))
    try:
        until(gateway.ready, "the Pushgateway")
        yield gateway
    finally:
        docker("rm", "--force", gateway.container)


@pytest.fixture
def new_job(docker, network, pushgateway, schema, tmp_path):
    jobs = []
    sinks = "file:/out/report.json", pushgateway.sink

    def make():
        jobs.append(Job(docker, network, sinks, schema, tmp_path / f"out{len(jobs)}"))
        return jobs[-1]

    yield make
    for job in jobs:
        docker("rm", "--force", job.container, check=False)


@pytest.fixture
def job(new_job):
    return new_job()


@pytest.fixture
def expect(pushgateway, schema):
    """expect(job, cause, exit_code, says): waits for the end, and holds everything that tells of it against each other:
    docker's exit code, the report, the last line on stderr, and what the Pushgateway now knows. Gives the report."""
    causes = schema.schema["$defs"]["cause"]["enum"]

    def check(job, cause, exit_code, says):
        assert job.exit_code() == exit_code, job.logs().stderr
        report = job.report()
        outcome = report["outcome"]
        assert (outcome["cause"], outcome["exit_code"], outcome["success"]) == (cause, exit_code, cause == "success")
        assert (report["job"]["name"], report["platform"]["name"]) == (job.name, "docker")

        summary = job.logs().stderr.splitlines()[-1]
        assert summary == f"jobinit: {outcome['summary']}, 2 reports delivered"
        assert re.search(says, summary), summary

        metrics = pushgateway.families(job.name)
        alone = {name.removeprefix("jobinit_job_"): values[()] for name, values in metrics.items() if () in values}
        assert metrics["jobinit_job_outcome"] == {(("cause", one),): float(one == cause) for one in causes}
        assert (alone["last_exit_code"], alone["running"]) == (exit_code, 0)
        assert alone["duration_seconds"] == pytest.approx(report["times"]["duration_seconds"])
        assert alone["last_completion_timestamp_seconds"] == epoch(report["times"]["ended_at"])
        for name in ("peak_memory_bytes", "memory_limit_bytes"):
            # What the run did not have is null in the report, and was not pushed.
            assert alone.get(name) == report["resources"][name]
        return report

    return check
