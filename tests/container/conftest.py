"""Real containers under a real docker, reporting to a real Pushgateway.

    scripts/build && python3 -m pytest tests/container

JOBINIT_STRICT=1  what this machine lacks is a failure rather than a skip
JOBINIT_SLOW=1    also compile in docker (minutes)

A daemon that answers is used as it is; where none does, root gets one for the time of the tests.
"""
import datetime
import json
import os
import re
import shutil
import subprocess
import time
import urllib.request
import uuid
from pathlib import Path

import jsonschema
import pytest

ROOT = Path(__file__).resolve().parents[2]
BINARY = ROOT / "build" / "jobinit"
DEBIAN = "debian:bookworm-slim"
BASES = (DEBIAN, "busybox", "distroless-like", "scratch")
PATIENCE = 300  # seconds until something that hangs is given up; nothing here is measured against it


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes minutes; runs with JOBINIT_SLOW=1")


def pytest_collection_modifyitems(items):
    if os.environ.get("JOBINIT_SLOW") != "1":
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(reason="takes minutes; set JOBINIT_SLOW=1 to run it"))


def need(condition, reason):
    if not condition:
        (pytest.fail if os.environ.get("JOBINIT_STRICT") == "1" else pytest.skip)(reason)


def run(*command, check=True, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False,
                          **{"timeout": PATIENCE, **options})
    assert not check or done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done


def unique(kind):
    return f"jobinit-test-{kind}-{uuid.uuid4().hex[:12]}"


def until(probe, what):
    """probe's first true answer."""
    end = time.monotonic() + PATIENCE
    while not (answer := probe()):
        assert time.monotonic() < end, f"gave up waiting for {what}"
        time.sleep(0.1)
    return answer


def epoch(timestamp):
    return datetime.datetime.fromisoformat(timestamp.replace("Z", "+00:00")).timestamp()


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


class Pushgateway:
    """A real one, in a container: `host` is its name there, `address` where this process reaches it."""

    host = "pushgateway"
    port = 9091

    def __init__(self, docker, network, image):
        binary = shutil.which("prometheus-pushgateway")
        need(binary, "prometheus-pushgateway is not installed")
        self.docker = docker
        self.container = unique(self.host)
        docker("run", "--detach", "--name", self.container, "--network", network, "--network-alias", self.host,
               "--volume", f"{binary}:/pushgateway:ro", "--entrypoint", "/pushgateway", image)
        self.address = docker("inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}",
                              self.container).stdout.strip()
        until(self.ready, f"the Pushgateway, which says:\n{docker('logs', self.container).stderr}")

    @property
    def sink(self):
        return f"pushgateway+http://{self.host}:{self.port}"

    def get(self, path):
        with urllib.request.urlopen(f"http://{self.address}:{self.port}{path}", timeout=PATIENCE) as answer:
            return answer.read().decode()

    def ready(self):
        try:
            return self.get("/-/ready")
        except OSError:
            return None

    def families(self, job):
        """{name: {sorted label pairs: value}} of the job's one group, without the labels that name the group."""
        groups = [group for group in json.loads(self.get("/api/v1/metrics"))["data"] if group["labels"]["job"] == job]
        assert len(groups) == 1, f"{len(groups)} groups of job {job}"
        labels = groups[0].pop("labels")
        return {
            name: {
                tuple(sorted(item for item in metric["labels"].items() if item[0] not in {*labels, "instance"})):
                float(metric["value"])
                for metric in family["metrics"]
            }
            for name, family in groups[0].items() if isinstance(family, dict)
        }

    def lint(self):
        """promtool's opinion of everything that jobinit ever pushed here."""
        need(shutil.which("promtool"), "promtool is not installed")
        ours = [line for line in self.get("/metrics").splitlines(keepends=True)
                if line.startswith(("jobinit_", "# HELP jobinit_", "# TYPE jobinit_"))]
        assert ours
        return run("promtool", "check", "metrics", input="".join(ours), check=False)


@pytest.fixture(scope="session")
def pushgateway(docker, network, image):
    gateway = Pushgateway(docker, network, image(DEBIAN))
    yield gateway
    docker("rm", "--force", gateway.container)


class Job:
    """One container. `out` is mounted as /out; the report goes there and to the Pushgateway, unless told otherwise."""

    def __init__(self, docker, network, sinks, schema, out):
        self.docker, self.network, self.sinks, self.schema, self.out = docker, network, sinks, schema, out
        self.container = unique("job")
        self.name = self.container
        out.mkdir()
        out.chmod(0o777)  # the job may be anybody

    def start(self, image, *command, options=(), name=None, **environment):
        self.name = name or self.container
        environment = {"JOBINIT_NAME": self.name, "JOBINIT_REPORT_TO": " ".join(self.sinks), **environment}
        settings = [word for item in environment.items() for word in ("--env", "=".join(item))]
        self.docker("run", "--detach", "--name", self.container, "--network", self.network,
                    "--volume", f"{self.out}:/out", *settings, *options, image, *command)
        return self

    def wait_for_line(self, text):
        """Until the container has written it."""
        with subprocess.Popen(["docker", "logs", "--follow", self.container], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True) as follower:
            seen = []
            try:
                for line in follower.stdout:
                    seen.append(line)
                    if text in line:
                        return
            finally:
                follower.terminate()
        pytest.fail(f"the container ended without saying {text!r}:\n{''.join(seen)}")

    def stop(self, seconds):
        self.docker("stop", "--time", str(seconds), self.container)

    def exit_code(self):
        """docker's, once the container has ended."""
        return int(self.docker("wait", self.container).stdout)

    def state(self):
        return json.loads(self.docker("inspect", "--format", "{{json .State}}", self.container).stdout)

    def logs(self):
        return self.docker("logs", self.container)

    def report(self):
        report = json.loads((self.out / "report.json").read_text(encoding="utf-8"))
        self.schema.validate(report)
        return report


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
    causes = schema.schema["properties"]["outcome"]["properties"]["cause"]["enum"]

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
