"""What examples/ gives to Prometheus and Grafana speaks of metrics that there are."""
import json
import re
import shutil
import subprocess

import pytest

from conftest import ROOT

FOLDER = ROOT / "examples" / "prometheus"
needs_promtool = pytest.mark.skipif(not shutil.which("promtool"), reason="promtool (package prometheus) is not installed")


@needs_promtool
@pytest.mark.parametrize("command", [["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]], ids=" ".join)
def test_promtool_accepts_the_alert_rules(command):
    done = subprocess.run(["promtool", *command], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def metrics(jobinit, tmp_path):
    """The names of all metrics of a success and a failure."""
    names = set()
    for command in ("true", "false"):
        jobinit("--memory", "1G", "--report-to", f"textfile:{tmp_path}/job.prom", "--", command)
        names |= set(re.findall(r"^(jobinit_\w+)", (tmp_path / "job.prom").read_text(), re.M))
    return names


@pytest.mark.parametrize("name", ["alerts.yml", "dashboard.json"])
def test_they_use_metrics_that_there_are(metrics, name):
    used = set(re.findall(r"\bjobinit_job_\w+", (FOLDER / name).read_text()))
    # Not on every machine: the cgroup's figures.
    optional = {"jobinit_job_oom_kills", "jobinit_job_memory_limit_hits", "jobinit_job_peak_memory_bytes"}
    assert used and used - optional <= metrics


@needs_promtool
def test_the_dashboards_queries_are_promql():
    dashboard = json.loads((FOLDER / "dashboard.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    assert len(expressions) > 10
    rules = {"groups": [{"name": "dashboard", "rules": [
        {"record": f"dashboard:query:{i}", "expr": expression} for i, expression in enumerate(expressions)]}]}
    # JSON is YAML.
    done = subprocess.run(["promtool", "check", "rules", "/dev/stdin"], input=json.dumps(rules), capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
