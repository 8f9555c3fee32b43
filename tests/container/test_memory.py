"""Memory limits of real containers (docker's -m): hundreds of runs drawn at random, in each of which the cause must be the
true one, and PID 1 alive to tell it.

JI_SEED         the seed, which a failure prints
JI_MEMORY_RUNS  how many runs (300)
"""
import concurrent.futures
import json
import os
import random
import sys

import pytest

from harness import ROOT, need, run, unique

sys.path.insert(0, str(ROOT / "tests"))
from programs import can_compile, compiled  # noqa: E402

MIB = 1024 * 1024
RUNS = int(os.environ.get("JI_MEMORY_RUNS", "300"))
GREEDY = ("malloc {}M", "mmap {}M", "shared {}M", "tmpfs {}M /dev/shm", "fork {}M", "fork {}M --children 9", "many {}M")


@pytest.fixture(scope="session")
def hog(tmp_path_factory):
    need(can_compile(), "gcc and a static libc are not installed")
    return compiled("hog", tmp_path_factory.mktemp("programs"))


class Draw:
    """One run: what is done, and what must come of it by construction."""

    def __init__(self, seed, number):
        self.seed, self.number = seed, number
        chance = random.Random(f"{seed}/{number}")
        self.limit = chance.choice((24, 48, 64, 96, 160))
        self.environment = {}
        self.kind = chance.choice(("main", "main", "main", "child", "survived", "killed", "cache", "fits", "guard", "guard slowly"))
        greedy = "/hog " + chance.choice(GREEDY).format(self.limit * chance.choice((2, 3)))
        shell = "sh -c '{}'".format
        if self.kind == "main":
            self.command, self.endings, self.oom = greedy, {("oom_killed", 137)}, True
        elif self.kind == "child":
            code = chance.randint(1, 99)
            self.command, self.endings, self.oom = shell(f"{greedy}; exit {code}"), {("failed", code)}, True
        elif self.kind == "survived":
            self.command, self.endings, self.oom = shell(f"{greedy}; true"), {("success", 0)}, True
        elif self.kind == "killed":
            self.command, self.endings, self.oom = shell("kill -9 $$"), {("signaled", 137)}, False
        elif self.kind == "cache":
            self.command = f"/hog cache {self.limit * 2}M /out/cache-{number} --rounds 2"
            self.endings, self.oom = {("success", 0)}, False
        elif self.kind == "fits":
            self.command, self.endings, self.oom = f"/hog hold {self.limit // 2}M", {("success", 0)}, False
        elif self.kind == "guard":
            # At full speed the kernel may be there first. Then it is the kernel's doing, and must be called so.
            self.environment["JOBINIT_MEMORY"] = "50%"
            self.command, self.endings, self.oom = greedy, {("memory_limit", 137), ("oom_killed", 137)}, None
        else:
            self.environment["JOBINIT_MEMORY"] = "50%"
            self.command = f"/hog slow {self.limit * 2}M --rate {self.limit}M"
            self.endings, self.oom = {("memory_limit", 137)}, False
        # What was written to a tmpfs stays when its writer is killed, so that the shell may be next; and among many that
        # are no larger than the shell it may be the first.
        if self.kind in ("child", "survived") and ("tmpfs" in self.command or "many" in self.command):
            self.endings.add(("oom_killed", 137))

    def __str__(self):
        return f"JI_SEED={self.seed}, run {self.number}: {self.kind}, limit {self.limit}M, {self.environment}, {self.command}"

    def wrong(self, code, report):
        """What is not as it must be; none: all is right."""
        if report is None:
            return [f"no report, exit code {code}"]
        cause, resources = report["outcome"]["cause"], report["resources"]
        kills = resources["oom_kills"]
        problems = []
        if (cause, code) not in self.endings:
            problems.append(f"cause {cause}, exit code {code}, not one of {self.endings}")
        if (kills > 0) != (self.oom if self.oom is not None else cause == "oom_killed" or kills > 0):
            problems.append(f"{kills} OOM kills")
        if cause == "oom_killed" and (kills == 0 or report["memory"]["oom_evidence"] is None):
            problems.append("an OOM kill without evidence")
        expected = self.limit * MIB // (2 if self.environment else 1)
        if resources["memory_limit_bytes"] != expected:
            problems.append(f"limit {resources['memory_limit_bytes']}, not {expected}")
        # A small job may use no more than what set the container up, and then its own figure is the better one.
        if self.kind != "killed" and resources["peak_memory_source"] != "cgroup" or resources["peak_memory_bytes"] > (self.limit + 1) * MIB:
            problems.append(f"peak {resources['peak_memory_bytes']} of {resources['peak_memory_source']}")
        return problems


def test_every_ending_is_told_truly(docker, image, hog, schema, tmp_path):
    tag = image("busybox")
    seed = os.environ.get("JI_SEED") or str(random.SystemRandom().randrange(10**6))

    def play(number):
        draw = Draw(seed, number)
        name = f"{number}.json"
        environment = {"JOBINIT_REPORT_TO": f"file:/out/{name}", "JOBINIT_QUIET": "1", **draw.environment}
        settings = [word for item in environment.items() for word in ("--env", "=".join(item))]
        done = run("docker", "run", "--rm", "--name", unique("memory"), "--network", "none", "--shm-size", "1g",
                   "--memory", f"{draw.limit}m", "--memory-swap", f"{draw.limit}m", "--volume", f"{hog}:/hog:ro",
                   "--volume", f"{tmp_path}:/out", *settings, tag, "sh", "-c", f"exec {draw.command}", check=False)
        path = tmp_path / name
        report = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
        if report:
            schema.validate(report)
        (tmp_path / f"cache-{number}").unlink(missing_ok=True)
        return draw, draw.wrong(done.returncode, report), done.stderr, report

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        played = list(pool.map(play, range(RUNS)))
    for draw, problems, said, _ in played:
        for problem in problems:
            print(f"{draw}\n    {problem}\n    {said.strip()}")
    raced = [report["outcome"]["cause"] for draw, _, _, report in played if draw.kind == "guard" and report]
    print(f"the guard was first in {raced.count('memory_limit')} of {len(raced)} runs at full speed")
    wrong = sum(bool(problems) for _, problems, _, _ in played)
    assert wrong == 0, f"{wrong} of {RUNS} runs"


def test_a_neighbours_oom_kill_is_not_ours(docker, image, hog, job, expect):
    """Two containers side by side: one runs out of memory while a plain SIGKILL ends the job of the other."""
    tag = image("busybox")
    job.start(tag, "sh", "-c", "echo ready; while [ ! -e /out/now ]; do sleep 0.05; done; kill -9 $$",
              options=["--memory", "48m", "--memory-swap", "48m"])
    job.wait_for_line("ready")
    other = run("docker", "run", "--rm", "--network", "none", "--memory", "32m", "--memory-swap", "32m", "--volume",
                f"{hog}:/hog:ro", "--env", "JOBINIT_QUIET=1", tag, "/hog", "malloc", "200M", check=False)
    assert other.returncode == 137
    (job.out / "now").touch()
    report = expect(job, "signaled", 137, r" was killed by SIGKILL, which jobinit did not send, after ")
    assert report["resources"]["oom_kills"] == 0
