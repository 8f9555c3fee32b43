"""What the container tests are made of: commands, a Pushgateway, and jobs in containers."""
import datetime
import json
import shutil
import subprocess
import threading
import time
import urllib.request
import uuid
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BINARY = ROOT / "build" / "jobinit"
DEBIAN = "debian:bookworm-slim"
BASES = (DEBIAN, "busybox", "distroless-like", "scratch")
PATIENCE = 300  # seconds until something that hangs is given up; nothing here is measured against it


def need(condition, reason):
    """Skips where it is not met."""
    if not condition:
        pytest.skip(reason)


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


class Pushgateway:
    """A real one, in a container: `host` is its name there, `address` where this process reaches it."""

    host = "pushgateway"
    port = 9091

    def __init__(self, docker, network, image):
        binary = shutil.which("prometheus-pushgateway")
        need(binary, "prometheus-pushgateway is not installed")
        self.container = unique(self.host)
        docker("run", "--detach", "--name", self.container, "--network", network, "--network-alias", self.host,
               "--volume", f"{binary}:/pushgateway:ro", "--entrypoint", "/pushgateway", image)
        self.address = docker("inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}",
                              self.container).stdout.strip()

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
            guard = threading.Timer(PATIENCE, follower.kill)
            guard.start()
            try:
                for line in follower.stdout:
                    seen.append(line)
                    if text in line:
                        return
            finally:
                guard.cancel()
                follower.terminate()
        pytest.fail(f"the container did not say {text!r}:\n{''.join(seen)}")

    def stop(self, seconds):
        self.docker("stop", "--time", str(seconds), self.container)

    def exit_code(self):
        """docker's, once the container has ended."""
        return int(self.docker("wait", self.container).stdout)

    def logs(self):
        return self.docker("logs", self.container)

    def report(self):
        report = json.loads((self.out / "report.json").read_text(encoding="utf-8"))
        self.schema.validate(report)
        return report
