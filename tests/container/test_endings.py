"""Every way a job's container ends, as docker, the report, the log and the Pushgateway tell it."""
import json
import os
import socket
import threading
import time

import pytest

from harness import DEBIAN, PATIENCE

MIB = 1024 * 1024
FEED = {"CUSTOMER_ID": "1002", "MEDIA": "meta", "FEED_DATE": "2024-04-01"}


@pytest.fixture
def endless_feed(job, feed_image):
    """The example, started, reading a master that does not come to its end: surely running until something ends it."""
    master = job.out / "master.fifo"
    os.mkfifo(master)
    master.chmod(0o666)
    writer = os.open(master, os.O_RDWR)  # never closed before the job's end, so that the job never sees one

    def start(**environment):
        job.start(feed_image, **FEED, MASTER="/out/master.fifo", OUTPUT_DIR="/out", **environment)
        job.wait_for_line("feed-export: reading")
        assert (job.out / ".1002-meta-2024-04-01.tsv.tmp").exists()
        return job

    yield start
    os.close(writer)


def feeds(job):
    """The feed files, finished and temporary."""
    return sorted(path.name for path in job.out.iterdir() if path.name.lstrip(".").startswith("100"))


# The example's own endings

def test_success(job, feed_image, expect, pushgateway):
    job.start(feed_image, options=["--memory", "512m"], **FEED | {"CUSTOMER_ID": "1001", "MEDIA": "google"})
    report = expect(job, "success", 0, r" succeeded: exit 0 after \S+, peak memory \d+ MiB of 512 MiB, 2 reports")
    assert feeds(job) == ["1001-google-2024-04-01.xml"]
    assert report["job"]["command"] == ["python3", "/app/feed_export.py"]
    assert report["outcome"]["job_exit_code"] == 0
    assert "feed-export: 200000 rows read" in report["logs"]["tail"]
    # The 116,287 products of customer 1001 take some 150 MiB; a figure far from that is not this job's.
    assert report["resources"]["memory_limit_bytes"] == 512 * MIB
    assert 100 * MIB < report["resources"]["peak_memory_bytes"] <= 512 * MIB
    success = pushgateway.families(job.name)["jobinit_job_last_success_timestamp_seconds"]
    assert success == pushgateway.families(job.name)["jobinit_job_last_completion_timestamp_seconds"]


@pytest.mark.parametrize("changed, exit_code, last_words", [
    ({"CUSTOMER_ID": "1003"}, 3, "rows are broken, more than 5 %: no feed is written\n"),
    ({"CUSTOMER_ID": "9999"}, 3, "no product is left: an empty feed would take every ad down, so none is written\n"),
])
def test_failure(job, feed_image, expect, pushgateway, changed, exit_code, last_words):
    job.start(feed_image, **FEED | changed)
    report = expect(job, "failed", exit_code, rf" failed: exit {exit_code} after ")
    assert report["outcome"]["job_exit_code"] == exit_code
    assert report["logs"]["tail"].endswith(last_words)
    assert feeds(job) == []
    assert "jobinit_job_last_success_timestamp_seconds" not in pushgateway.families(job.name)


EVENT = {"version": "0", "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718", "detail-type": "Feed due", "source": "shop.feeds",
         "account": "111122223333", "time": "2024-04-01T06:00:00Z", "region": "eu-central-1", "resources": []}


def test_an_event_of_the_scheduler_names_the_feed(job, feed_image, expect):
    event = {**EVENT, "detail": {"customer_id": 1002, "media": "meta"}}
    job.start(feed_image, JOBINIT_PARAMS_ENV="EVENT", EVENT=json.dumps(event), FEED_DATE="2024-04-01")
    report = expect(job, "success", 0, r" succeeded: exit 0 after ")
    assert feeds(job) == ["1002-meta-2024-04-01.tsv"]
    assert report["parameters"] == {"CUSTOMER_ID": {"value": "1002", "source": "/detail/customer_id in EVENT"},
                                    "MEDIA": {"value": "meta", "source": "/detail/media in EVENT"},
                                    "FEED_DATE": {"value": "2024-04-01", "source": "environment: FEED_DATE"}}


def test_a_wrong_event_is_refused(job, feed_image, expect):
    event = {**EVENT, "detail": {"customer_id": "1002", "media": "radio"}}
    job.start(feed_image, JOBINIT_PARAMS_ENV="EVENT", EVENT=json.dumps(event), FEED_DATE="2024-02-30")
    report = expect(job, "rejected", 125, r" was not started: 2 things are wrong with its settings")
    assert [problem.split(":")[0] for problem in report["outcome"]["problems"]] == ["MEDIA", "FEED_DATE"]
    assert feeds(job) == []


def test_timeout(endless_feed, expect):
    job = endless_feed(JOBINIT_TIMEOUT="3s")
    report = expect(job, "timeout", 124, r" ran into its timeout of 3\S*: killed by SIGTERM after ")
    assert report["job"]["timeout_seconds"] == 3
    assert report["outcome"]["signal"] == "SIGTERM"
    assert report["logs"]["tail"].endswith("feed-export: stopped\n")
    assert feeds(job) == []


def test_docker_stop(endless_feed, expect):
    job = endless_feed()
    job.stop(10)
    report = expect(job, "stopped", 143, r" was stopped from outside: killed by SIGTERM after ")
    assert report["outcome"]["signal"] == "SIGTERM"
    assert feeds(job) == []


def test_out_of_memory(job, feed_image, expect):
    job.start(feed_image, options=["--memory", "64m", "--memory-swap", "64m"],
              **FEED | {"CUSTOMER_ID": "1001", "MEDIA": "google"})
    report = expect(job, "oom_killed", 137, r" was (most likely )?killed by the kernel, out of memory, after .* of 64 MiB, 2 reports")
    resources = report["resources"]
    assert (resources["memory_limit_bytes"], resources["oom_kills"]) == (64 * MIB, 1)
    assert 60 * MIB < resources["peak_memory_bytes"] <= 64 * MIB
    assert report["outcome"]["signal"] == "SIGKILL"
    # Its last words are there, although it had no time for any.
    assert "rows read" in report["logs"]["tail"].splitlines()[-1]


# What stopping does to jobs of other manners

def test_a_job_that_ends_in_its_own_way_when_stopped_keeps_its_code(job, image, expect):
    job.start(image("busybox"), "sh", "-c", "trap 'echo tidied; exit 5' TERM; echo ready; while :; do sleep 0.1; done")
    job.wait_for_line("ready")
    job.stop(10)
    report = expect(job, "stopped", 5, r" was stopped from outside: exit 5 after ")
    # Between the two the shell may tell that its sleep was ended, since the whole group got the signal.
    assert report["logs"]["tail"].startswith("ready\n")
    assert report["logs"]["tail"].endswith("tidied\n")


def test_a_job_deaf_to_sigterm_is_killed_in_time_for_the_report(job, image, expect):
    deaf = "trap '' TERM; echo ready; while :; do sleep 0.1; done"
    job.start(image(DEBIAN), "sh", "-c", deaf, JOBINIT_STOP_GRACE="4s")
    job.wait_for_line("ready")
    job.stop(4)
    # Had docker's SIGKILL been first, docker would say 137 too, but there would be no report to expect.
    report = expect(job, "stopped", 137, r" was stopped from outside: killed by SIGKILL after ")
    assert report["outcome"]["signal"] == "SIGKILL"
    assert report["processes"]["killed"] >= 1


# Endings without docker's doing

def test_a_signal_from_elsewhere(job, image, expect):
    job.start(image("busybox"), "sh", "-c", "kill -SEGV $$")
    report = expect(job, "signaled", 139, r" was killed by SIGSEGV, which jobinit did not send, after ")
    assert report["outcome"]["signal"] == "SIGSEGV"


@pytest.mark.parametrize("command, exit_code", [("/no/such/command", 127), ("/etc/passwd", 126)])
def test_a_command_that_cannot_be_started(job, image, expect, command, exit_code):
    job.start(image("busybox"), command)
    report = expect(job, "not_started", exit_code, rf" could not be started: .*{command}")
    assert report["outcome"]["job_exit_code"] is None


def test_a_wrong_setting_is_reported_too(job, image, expect):
    job.start(image("busybox"), "touch", "/out/started", JOBINIT_TIMEOUT="soon")
    report = expect(job, "rejected", 125, r" was not started: 1 thing is wrong with its settings")
    assert "JOBINIT_TIMEOUT" in report["outcome"]["problems"][0]
    assert not (job.out / "started").exists()


# What monitoring can build on

def test_the_last_success_outlives_a_failure(new_job, image, expect, pushgateway):
    good = new_job().start(image("busybox"), "true")
    expect(good, "success", 0, " succeeded: exit 0 after ")
    before = pushgateway.families(good.name)["jobinit_job_last_success_timestamp_seconds"]
    bad = new_job().start(image("busybox"), "false", name=good.name)
    expect(bad, "failed", 1, " failed: exit 1 after ")
    after = pushgateway.families(good.name)
    assert after["jobinit_job_last_success_timestamp_seconds"] == before
    assert after["jobinit_job_last_completion_timestamp_seconds"][()] > before[()]


def test_promtool_accepts_the_metrics(new_job, image, expect, pushgateway):
    expect(new_job().start(image("busybox"), "true", options=["--memory", "64m"]), "success", 0, "succeeded")
    expect(new_job().start(image("busybox"), "false"), "failed", 1, "failed")
    lint = pushgateway.lint()
    assert (lint.returncode, lint.stdout + lint.stderr) == (0, "")


@pytest.fixture
def silent(docker, network):
    """A listener that never answers. The kernel takes connections for it; accept() waits for one."""
    gateway = docker("network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", network).stdout.strip()
    with socket.create_server((gateway, 0)) as server:
        server.settimeout(PATIENCE)
        yield server


def silent_sink(server):
    host, port = server.getsockname()
    return f"pushgateway+http://{host}:{port}"


@pytest.mark.parametrize("peer", ["refusing", "unknown", "silent"])
@pytest.mark.parametrize("exit_code", [0, 3])
def test_an_unreachable_pushgateway_does_not_change_the_exit_code(job, image, pushgateway, request, peer, exit_code):
    sink = {"refusing": lambda: f"pushgateway+http://{pushgateway.host}:1",
            "unknown": lambda: "pushgateway+http://no-such-host.invalid:9091",
            "silent": lambda: silent_sink(request.getfixturevalue("silent"))}[peer]()
    job.start(image("busybox"), "sh", "-c", f"exit {exit_code}", JOBINIT_REPORT_TIMEOUT="2s",
              JOBINIT_REPORT_TO=f"file:/out/report.json {sink}")
    assert job.exit_code() == exit_code
    assert job.report()["outcome"]["cause"] == ("failed" if exit_code else "success")
    *_, told, summary = job.logs().stderr.splitlines()
    assert told.startswith(f"jobinit: report to {sink} not delivered: ")
    assert summary.endswith(", 1 of 2 reports delivered")


@pytest.mark.parametrize("trap, exit_code", [("-", 143), ("''", 137)], ids=["obedient", "deaf"])
def test_a_silent_pushgateway_does_not_hold_docker_stop_up(job, image, silent, trap, exit_code):
    job.start(image(DEBIAN), "sh", "-c", f"trap {trap} TERM; echo ready; while :; do sleep 0.1; done",
              JOBINIT_REPORT_TO=f"file:/out/report.json {silent_sink(silent)}",
              JOBINIT_REPORT_TIMEOUT="1h", JOBINIT_STOP_GRACE="4s")
    job.wait_for_line("ready")
    job.stop(4)
    assert job.exit_code() == exit_code
    assert job.report()["outcome"]["cause"] == "stopped"
    # The summary is jobinit's last word: docker's SIGKILL came too late for it, or not at all.
    assert job.logs().stderr.splitlines()[-1].endswith(", 1 of 2 reports delivered")


def test_a_deaf_job_and_a_slow_pushgateway_are_done_within_docker_stop(job, image, silent):
    """docker stop -t 3: a second of grace, SIGKILL, and what is left of the reserve for a sink that takes its time to answer."""
    body = []

    def answer():
        while b"jobinit_job_outcome" not in b"".join(body[-1:]):  # the start may be told before
            connection, _ = silent.accept()
            with connection, connection.makefile("rb") as stream:
                headers = list(iter(stream.readline, b"\r\n"))
                length = next(int(line.split(b":")[1]) for line in headers if line.lower().startswith(b"content-length:"))
                body.append(stream.read(length))
                if b"jobinit_job_outcome" in body[-1]:
                    time.sleep(0.7)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    gateway = threading.Thread(target=answer)
    gateway.start()
    job.start(image(DEBIAN), "sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done",
              JOBINIT_REPORT_TO=f"file:/out/report.json {silent_sink(silent)}", JOBINIT_STOP_GRACE="3s")
    job.wait_for_line("ready")
    job.stop(3)
    assert job.exit_code() == 137
    gateway.join(PATIENCE)
    assert b'jobinit_job_outcome{cause="stopped"} 1' in body[-1]
    assert job.report()["outcome"]["cause"] == "stopped"
    assert job.logs().stderr.splitlines()[-1].endswith(", 2 reports delivered")


def test_docker_stop_after_the_job_ends_the_delivery_not_the_truth(job, image, silent):
    job.start(image("busybox"), "true", JOBINIT_REPORT_TO=f"file:/out/report.json {silent_sink(silent)}#on=finished",
              JOBINIT_REPORT_TIMEOUT="1h")
    connection, _ = silent.accept()  # the job is over, and its report on the way
    with connection:
        job.stop(10)
        assert job.exit_code() == 0
    assert job.report()["outcome"]["cause"] == "success"
    assert job.logs().stderr.splitlines()[-1].endswith(", 1 of 2 reports delivered")
