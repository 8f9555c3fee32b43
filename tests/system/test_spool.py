"""Reports that no network sink took are kept (--spool), and delivered later, at least once and with the same id."""
import json
import signal
import subprocess

import pytest

from conftest import BINARY, HANG, clean_env


@pytest.fixture
def spool(tmp_path):
    folder = tmp_path / "spool"
    folder.mkdir()
    return folder


def to(server, user=""):
    return f"pushgateway+http://{user}{server.address}#on=finished"


def kept(spool):
    """{run id: what is kept of it}"""
    return {path.stem: json.loads(path.read_text()) for path in spool.glob("*.json")}


def deliver(spool, sinks, *more):
    done = subprocess.run([BINARY, "deliver", "--spool", spool, "--report-to", sinks, "--report-timeout", "10s", *more],
                          env=clean_env(), capture_output=True, text=True, timeout=HANG, check=False)
    return done.returncode, done.stderr


def fail_to_deliver(jobinit, spool, server, *more):
    """A run whose report is kept; its id."""
    run = jobinit("--spool", spool, "--report-timeout", "10s", "--report-to", to(server), *more, "--", "sh", "-c", "exit 3")
    assert run.code == 3
    assert f"the report is kept in {spool} for the next run" in run.err
    return run.report["run_id"]


def test_the_next_run_delivers_it(jobinit, hostile, spool):
    server = hostile(404)
    first = fail_to_deliver(jobinit, spool, server)
    assert kept(spool)[first]["report"]["outcome"]["exit_code"] == 3
    server.script = [202]
    run = jobinit("--spool", spool, "--report-to", to(server), "--", "true")
    assert run.code == 0
    assert f"the report of run {first}, kept until now, is delivered" in run.err
    ids = [headers["idempotency-key"].strip('"') for _, _, headers, _, _ in server.requests]
    assert ids == [first, run.report["run_id"], first], "its own first, and the older one with the id it had"
    assert b"jobinit_job_last_exit_code 3" in server.requests[2][3]
    assert list(spool.iterdir()) == []


def test_what_is_delivered_leaves_nothing(jobinit, hostile, spool):
    jobinit("--spool", spool, "--report-to", to(hostile(202)), "--", "true")
    assert list(spool.iterdir()) == []


def test_by_hand(jobinit, hostile, spool):
    server = hostile(404)
    ids = [fail_to_deliver(jobinit, spool, server) for _ in range(2)]
    code, told = deliver(spool, to(server))
    assert code == 1 and "not delivered: HTTP status 404" in told
    assert len(server.requests) == 3, "where nobody takes the first, the others are not tried"
    server.script = [202]
    code, told = deliver(spool, to(server))
    assert (code, list(spool.iterdir())) == (0, [])
    assert all(one in told for one in ids)
    assert deliver(spool, to(server)) == (0, "")


def test_only_to_those_that_lack_it(jobinit, hostile, spool):
    good, bad = hostile(202), hostile(404)
    fail_to_deliver(jobinit, spool, bad, "--report-to", to(good))
    bad.script = [202]
    code, _ = deliver(spool, f"{to(good)} {to(bad)}")
    assert code == 0
    assert (len(good.requests), len(bad.requests)) == (1, 2)


def test_what_is_for_others_stays(jobinit, hostile, spool):
    first = fail_to_deliver(jobinit, spool, hostile(404))
    other = hostile(202)
    assert deliver(spool, to(other))[0] == 1
    assert other.requests == [] and first in kept(spool)


def test_jobinit_is_killed_while_it_delivers(start, jobinit, hostile, spool, tmp_path):
    server = hostile("hang", 202)
    process = start("--spool", spool, "--report-timeout", "1m", "--report-to", to(server), "--", "sh", "-c", "exit 3")
    server.wait_for(lambda requests: len(requests) == 1)
    # Others leave it alone while it is in hand.
    assert deliver(spool, to(server)) == (0, "")
    assert len(server.requests) == 1
    first, = kept(spool)
    process.send_signal(signal.SIGKILL)
    process.wait(HANG)
    code, _ = deliver(spool, to(server))
    assert (code, list(spool.iterdir())) == (0, [])
    assert server.requests[1][2]["idempotency-key"] == f'"{first}"'


def test_its_size_is_limited(jobinit, hostile, spool):
    server = hostile(404)
    ids = [fail_to_deliver(jobinit, spool, server) for _ in range(3)]
    run = jobinit("--spool", spool, "--spool-size", "1", "--report-to", to(server), "--", "true")
    assert "it was full (spool-size 1 B); the 3 oldest reports were dropped" in run.err
    assert list(kept(spool)) == [run.report["run_id"]], ids


def test_no_credentials_are_kept(jobinit, hostile, spool):
    server = hostile(401)
    jobinit("--spool", spool, "--report-to", to(server, "me:hunter2@"), "--", "true")
    for path in spool.iterdir():
        assert "hunter2" not in path.read_text()
    server.script = [202]
    assert deliver(spool, to(server, "me:hunter2@"))[0] == 0
    assert list(spool.iterdir()) == []


def test_a_folder_that_is_not_there_is_told_and_no_more(jobinit, hostile, tmp_path):
    run = jobinit("--spool", tmp_path / "missing", "--report-to", to(hostile(202)), "--", "sh", "-c", "exit 3")
    assert run.code == 3
    assert "warning: --spool: opening " in run.err
    assert run.err.strip().endswith(", 2 reports delivered")


def test_what_is_no_report_is_told_and_left(jobinit, hostile, spool):
    server = hostile(404)
    fail_to_deliver(jobinit, spool, server)
    (spool / "0.json").write_text("{")
    (spool / "notes.txt").write_text("not ours")
    server.script = [202]
    code, told = deliver(spool, to(server))
    assert code == 1 and "0.json: not a report that jobinit has kept" in told
    assert sorted(path.name for path in spool.iterdir() if path.suffix != ".lock") == ["0.json", "notes.txt"]
