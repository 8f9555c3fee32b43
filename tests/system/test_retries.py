"""Further attempts in the same container, and what runs before and after."""
import json
import signal
import time

import pytest

from conftest import HANG, python, read_report, wait_for_line


def attempts(run):
    return [(one["cause"], one["exit_code"]) for one in run.report["attempts"]]


QUICK = ["--retry-backoff", "10ms"]


def test_a_job_that_works_in_the_end(jobinit, place):
    run = jobinit("--retries", "5", *QUICK, "--", "sh", "-c", "echo $JOBINIT_ATTEMPT; [ $JOBINIT_ATTEMPT = 3 ] || exit 9", place=place)
    assert (run.code, run.cause) == (0, "success")
    assert attempts(run) == [("failed", 9), ("failed", 9), ("success", 0)]
    assert run.out == b"1\n2\n3\n"
    assert run.report["logs"]["streams"]["stdout"]["bytes"] == len(run.out)
    assert "attempt 1 of 6 ended as failed (exit code 9)" in run.err
    assert "3 attempts" in run.err


def test_a_job_that_never_works(jobinit, place):
    run = jobinit("--retries", "2", *QUICK, "--", "sh", "-c", "exit $JOBINIT_ATTEMPT", place=place)
    assert (run.code, run.cause) == (3, "failed")
    assert attempts(run) == [("failed", 1), ("failed", 2), ("failed", 3)]


def test_without_retries_there_is_one_attempt(jobinit):
    run = jobinit("--", "sh", "-c", "exit 9")
    assert attempts(run) == [("failed", 9)]


def test_only_what_was_named_is_tried_again(jobinit):
    job = ["--", "sh", "-c", "exit $((70 + JOBINIT_ATTEMPT))"]
    run = jobinit("--retries", "5", *QUICK, "--retry-on", "71,signaled", *job)
    assert attempts(run) == [("failed", 71), ("failed", 72)]
    assert run.code == 72


def test_each_attempt_has_its_own_timeout(jobinit, place):
    run = jobinit("--retries", "1", *QUICK, "--attempt-timeout", "300ms", "--", "sleep", "1000", place=place)
    assert (run.code, run.cause) == (124, "timeout")
    assert attempts(run) == [("timeout", 124), ("timeout", 124)]


def test_the_timeout_holds_for_all_attempts(jobinit):
    run = jobinit("--retries", "1000", *QUICK, "--timeout", "1s", "--", "sh", "-c", "sleep 0.2; exit 1")
    assert len(run.report["attempts"]) >= 2
    # Either it fell upon an attempt, or there was no time for another.
    assert run.cause in ("timeout", "failed")
    assert run.report["attempts"][-1]["cause"] == run.cause
    if run.cause == "timeout":
        assert "timeout of 1.0s" in run.report["outcome"]["summary"]


def test_no_attempt_starts_beyond_the_timeout(jobinit):
    run = jobinit("--retries", "3", "--retry-backoff", "1h", "--retry-backoff-max", "1h", "--timeout", "1m", "--", "sh", "-c", "exit 5")
    assert (run.code, run.cause) == (5, "failed")
    assert "no time is left for another" in run.err


def test_nothing_of_an_attempt_lives_on_into_the_next(jobinit, place, tmp_path):
    """A daemon that holds its lock from the first attempt would be the end of the second."""
    lock = tmp_path / "lock"
    job = f"flock -n {lock} true || {{ echo locked; exit 7; }}; setsid flock {lock} sleep 1000 & until ! flock -n {lock} true; do :; done; exit 1"
    run = jobinit("--retries", "1", *QUICK, "--", "sh", "-c", job, place=place)
    assert attempts(run) == [("failed", 1), ("failed", 1)]
    assert run.out == b""
    assert run.report["processes"]["leftover"] >= 2


def test_a_stop_request_during_the_wait_ends_it_and_the_last_ending_stands(start, tmp_path):
    process = start("--retries", "3", "--retry-backoff", "1h", "--retry-backoff-max", "1h", "--", "sh", "-c", "exit 5")
    for line in process.stderr:
        if b"attempt 1 of 4" in line:
            break
    process.send_signal(signal.SIGTERM)
    assert process.wait(HANG) == 5
    report = read_report(tmp_path)
    assert report["outcome"]["cause"] == "failed"
    assert len(report["attempts"]) == 1


def test_a_stopped_attempt_is_not_tried_again(start, tmp_path):
    process = start("--retries", "3", "--retry-backoff", "1ms", "--", *python("import time; print('ready', flush=True); time.sleep(1000)"))
    wait_for_line(process.stdout, b"ready")
    process.send_signal(signal.SIGTERM)
    assert process.wait(HANG) == 143
    report = read_report(tmp_path)
    assert [one["cause"] for one in report["attempts"]] == ["stopped"]


def test_a_command_that_is_not_there_is_not_tried_again(jobinit):
    run = jobinit("--retries", "3", *QUICK, "--", "/no/such/command")
    assert (run.code, run.cause) == (127, "not_started")


# ---- before and after -----------------------------------------------------------------------------------------------


def test_before_runs_first_and_once(jobinit, place):
    run = jobinit("--before", "echo before", "--retries", "1", *QUICK, "--", "sh", "-c", "echo job; exit 1", place=place)
    assert run.out == b"before\njob\njob\n"
    assert (run.code, run.cause) == (1, "failed")


def test_a_job_is_not_started_when_what_comes_before_fails(jobinit, place):
    run = jobinit("--before", "echo no database >&2; exit 3", "--", "echo", "job", place=place)
    assert (run.code, run.cause, run.out) == (125, "not_started", b"")
    assert run.report["outcome"]["problems"] == ["--before failed: exit 3"]
    assert run.report["logs"]["tail"] == "no database\n"
    assert run.report["attempts"] == []


def test_before_has_a_timeout_of_its_own(jobinit):
    run = jobinit("--before", '["sleep", "1000"]', "--before-timeout", "200ms", "--", "echo", "job")
    assert (run.code, run.cause, run.out) == (125, "not_started", b"")
    assert "--before ran into its timeout of 0.2s" in run.err


def test_stopped_before_the_job(start, tmp_path):
    process = start("--before", "echo ready; exec sleep 1000", "--", "echo", "job")
    wait_for_line(process.stdout, b"ready")
    process.send_signal(signal.SIGTERM)
    assert process.wait(HANG) == 143
    assert read_report(tmp_path)["outcome"]["cause"] == "stopped"
    assert process.stdout.read() == b""


def test_stopped_before_the_job_with_an_exit_code_for_that(start, tmp_path):
    process = start("--exit-code", "stopped=75", "--before", "echo ready; exec sleep 1000", "--", "echo", "job")
    wait_for_line(process.stdout, b"ready")
    process.send_signal(signal.SIGTERM)
    assert process.wait(HANG) == 75
    assert read_report(tmp_path)["outcome"]["exit_code"] == 75


def test_stopped_when_what_comes_before_was_just_done(start, tmp_path):
    """Its leftovers are still being ended; the job must not start in spite of the request."""
    before = "trap '' TERM; (trap '' TERM; exec sleep 1000) & echo ready; exit 0"
    process = start("--before", before, "--leftover-grace", "2s", "--", "echo", "job")
    wait_for_line(process.stdout, b"ready")
    time.sleep(0.5)  # it has ended by then; if it has not, it is stopped like any other
    process.send_signal(signal.SIGTERM)
    process.wait(HANG)
    assert process.stdout.read() == b""
    assert read_report(tmp_path)["outcome"]["cause"] == "stopped"


def test_a_deadline_that_passes_before_the_job(jobinit):
    run = jobinit("--before", "sleep 5", "--deadline", f"@{int(time.time()) + 4}", "--", "echo", "job")
    assert (run.code, run.cause, run.out) == (125, "not_started", b"")


@pytest.mark.parametrize("rewrite, number, attempts", [("USR2:TERM", signal.SIGUSR2, 1), ("TERM:0", signal.SIGTERM, 2)])
def test_signals_mean_between_attempts_what_they_mean_during_one(start, tmp_path, rewrite, number, attempts):
    process = start("--rewrite-signal", rewrite, "--retries", "1", "--retry-backoff", "3s", "--", "sh", "-c", "exit 5")
    for line in process.stderr:
        if b"attempt 1 of 2" in line:
            break
    process.send_signal(number)
    assert process.wait(HANG) == 5
    assert len(read_report(tmp_path)["attempts"]) == attempts


def test_after_knows_how_it_went(jobinit, place, tmp_path):
    told = tmp_path / "told"
    after = f'echo "$JOBINIT_CAUSE $JOBINIT_EXIT_CODE $JOBINIT_RUN_ID" > {told}; cat "$JOBINIT_REPORT" >> {told}'
    run = jobinit("--after", after, "--", "sh", "-c", "echo $JOBINIT_RUN_ID; exit 3", place=place)
    assert (run.code, run.cause) == (3, "failed")
    first, rest = told.read_text().split("\n", 1)
    assert first == f"failed 3 {run.report['run_id']}"
    assert run.out.decode().strip() == run.report["run_id"]
    assert json.loads(rest) == run.report


def test_after_comes_after_a_job_that_could_not_start(jobinit):
    run = jobinit("--after", "echo after $JOBINIT_CAUSE", "--", "/no/such/command")
    assert (run.code, run.out) == (127, b"after not_started\n")


def test_what_after_does_changes_nothing(jobinit):
    run = jobinit("--after", "exit 9", "--", "true")
    assert (run.code, run.cause) == (0, "success")
    assert "--after failed: exit 9" in run.err
    run = jobinit("--after", "exec sleep 1000", "--after-timeout", "200ms", "--", "true")
    assert (run.code, run.cause) == (0, "success")
    assert "--after ran into its timeout of 0.2s" in run.err


def test_after_is_cut_to_what_the_platform_leaves(start, tmp_path):
    process = start("--stop-grace", "2s", "--report-reserve", "1s", "--after", "trap '' TERM; while :; do sleep 1; done",
                    "--", *python("import time; print('ready', flush=True); time.sleep(1000)"))
    wait_for_line(process.stdout, b"ready")
    asked = time.monotonic()
    process.send_signal(signal.SIGTERM)
    # It ends at all, which it would not by itself; that it does in time shows in what it says.
    assert process.wait(HANG) == 143
    assert "--after ran into its timeout" in process.stderr.read().decode(), time.monotonic() - asked
    assert read_report(tmp_path)["outcome"]["cause"] == "stopped"


def test_a_jobinit_within_a_jobinit_finds_what_it_was_told(jobinit):
    from conftest import BINARY
    run = jobinit("--", BINARY, "--quiet", "--", "sh", "-c", "exit 6")
    assert (run.code, run.cause) == (6, "failed")
