"""What sinks are told while a run goes on, by a process that nobody waits for."""
import os
import signal
import subprocess

import pytest

from conftest import BINARY, HANG, clean_env, read_report


def to(server, events):
    return f"pushgateway+http://{server.address}#on={events}"


# A job that goes on until a line comes on its stdin.
WAITS = "sh", "-c", "read line"
STDIN = {"stdin": subprocess.PIPE}


def let_end(process):
    out, err = process.communicate(b"go on\n", timeout=HANG)
    return out, err.decode()


def test_started_and_finished(start, hostile, place, tmp_path):
    server = hostile(202)
    process = start("--name", "import", "--report-to", to(server, "started,finished"), "--", *WAITS, place=place, **STDIN)
    server.wait_for(lambda requests: len(requests) == 1)  # while the job runs
    _, path, _, body, _ = server.requests[0]
    assert path == "/metrics/job/import"
    assert b"\njobinit_job_running 1\n" in body and b"exit_code" not in body
    _, err = let_end(process)
    assert process.returncode == 0
    assert err.strip().endswith(", 2 reports delivered"), err  # the file and the finished event
    assert server.events() == ["started", "finished"]
    assert b"\njobinit_job_running 0\n" in server.requests[1][3]
    processes = read_report(tmp_path)["processes"]
    assert (processes["reaped"], processes["leftover"], processes["killed"]) == (0, 0, 0)


def test_a_run_that_is_refused_has_not_started(jobinit, hostile):
    server = hostile(202)
    assert jobinit("--report-to", to(server, "started,finished"), "--timeout", "x", "--", "true").code == 125
    assert jobinit("--report-to", to(server, "started,finished"), "--", "/does/not/exist").code == 127
    assert server.events() == ["finished", "finished"]


def test_heartbeats_until_the_end(start, hostile):
    server = hostile(202)
    process = start("--heartbeat", "100ms", "--report-to", to(server, "heartbeat,finished"), "--", *WAITS, **STDIN)
    server.wait_for(lambda requests: len(requests) >= 3)
    let_end(process)
    events = server.events()
    assert events.count("finished") == 1 and events[-1] == "finished"
    numbers = [int(event.removeprefix("heartbeat-")) for event in events[:-1]]
    assert numbers[0] == 1 and numbers == sorted(set(numbers)), "one that found another on its way was followed by a newer one"


def test_a_heartbeat_that_nobody_can_use_is_told(jobinit):
    run = jobinit("--heartbeat", "1m", "--", "true")
    assert run.code == 0
    assert "heartbeat: none of the sinks (--report-to) has a use for it" in run.err


def test_a_warning(start, hostile):
    server = hostile(202)
    process = start("--timeout", "1h", "--warn-before", "3599900ms", "--report-to", to(server, "warning"), "--", *WAITS,
                    **STDIN)
    server.wait_for(lambda requests: len(requests) == 1)
    let_end(process)
    assert server.events() == ["warning-1"]


def test_failed_attempts(jobinit, hostile):
    server = hostile(202)
    run = jobinit("--retries", "2", "--retry-backoff", "1s", "--report-to", to(server, "started,attempt_failed,finished"),
                  "--", "sh", "-c", "exit 3")
    assert run.code == 3
    # A second one may find the first still on its way, and takes its place where it waits.
    events = server.events()
    assert events[:2] == ["started", "attempt_failed-1"] and events[-1] == "finished"


def test_one_that_hangs_holds_up_neither_job_nor_report(start, hostile, place, tmp_path):
    server = hostile("hang", 202)
    process = start("--report-timeout", "3s", "--report-to", to(server, "started,finished"), "--", *WAITS, place=place,
                    **STDIN)
    server.wait_for(lambda requests: len(requests) == 1)
    _, err = let_end(process)
    assert process.returncode == 0
    assert server.events() == ["started", "finished"]
    assert "started to pushgateway+http://" in err and "not delivered: no answer in time" in err
    processes = read_report(tmp_path)["processes"]
    assert (processes["reaped"], processes["leftover"], processes["killed"]) == (0, 0, 0)


def test_only_one_is_on_its_way(start, hostile):
    server = hostile("hang", 202)
    process = start("--report-timeout", "1m", "--heartbeat", "20ms", "--report-to", to(server, "started,heartbeat"), "--",
                    "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.1; done; echo; read line", **STDIN)
    process.stdout.readline()  # some fifty heartbeats later
    children = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=False).stdout
    assert len(children.split()) == 2, "the job, and one process that delivers"
    assert server.events() == ["started"]
    process.kill()


def test_the_job_is_ended_whatever_is_on_its_way(start, hostile, place, tmp_path):
    """Descendants that ignore everything, with a helper among our children that must not be taken for one of them."""
    server = hostile("hang", 202)
    stubborn = "trap '' TERM; setsid sh -c 'trap \"\" TERM; while :; do sleep 60; done' & while :; do sleep 60; done"
    process = start("--timeout", "500ms", "--stop-grace", "1s", "--report-reserve", "900ms", "--report-timeout", "5s",
                    "--report-to", to(server, "started,finished"), "--", "sh", "-c", stubborn, place=place)
    server.wait_for(lambda requests: len(requests) == 1)
    process.communicate(timeout=HANG)
    assert process.returncode == 124
    report = read_report(tmp_path)
    assert report["outcome"]["cause"] == "timeout"
    assert report["processes"]["unkillable"] is False
    assert report["processes"]["killed"] >= 3, "the shells and what they wait for"


def test_one_whose_process_is_killed_is_told_and_the_run_goes_on(start, hostile):
    server = hostile("hang", 202)
    process = start("--report-to", to(server, "started,finished"), "--", *WAITS, **STDIN)
    server.wait_for(lambda requests: len(requests) == 1)
    helper = subprocess.run(["pgrep", "-P", str(process.pid), "-f", "deliver --request"], capture_output=True, text=True, check=True)
    os.kill(int(helper.stdout), signal.SIGKILL)
    for line in process.stderr:
        if b"the process that delivers was killed by SIGKILL" in line:
            break
    let_end(process)
    assert process.returncode == 0
    assert server.events() == ["started", "finished"]


def test_filters_decide_who_is_told(jobinit, hostile):
    server = hostile(202)
    assert jobinit("--report-to", to(server, "unsuccessful"), "--", "true").code == 0
    assert server.requests == []
    assert jobinit("--report-to", to(server, "unsuccessful"), "--", "false").code == 1
    assert server.events() == ["finished"]


@pytest.mark.parametrize("sink", ["stdout:#on=started", "file:/tmp/x#on=heartbeat", "stdout:#on=faild"])
def test_a_filter_that_makes_no_sense_is_refused(jobinit, sink):
    run = jobinit("--report-to", sink, "--", "true", env=clean_env())
    assert run.code == 125
    assert "its filter (#on=)" in run.err


def test_explain_shows_sinks_and_nothing_secret():
    def explain(sink):
        return subprocess.run([BINARY, "explain", "--report-to", sink], env=clean_env(), capture_output=True, text=True,
                              timeout=HANG, check=False).stdout

    assert "pushgateway+http://***@host/region/eu " in explain("pushgateway+http://me:s3cret@host/region/eu#on=failed")
    assert "s3cret" not in explain("slack+https://host/services/s3cret#on=failed")
    for mistyped in ("slakc+https://host/services/s3cret", "s3cret", "pushgatway+http:s3cret"):
        assert "s3cret" not in explain(mistyped)
