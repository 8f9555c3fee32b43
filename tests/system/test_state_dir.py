"""A run whose jobinit is killed is reported by whoever finds its state: a watcher, or the next run."""
import fcntl
import json
import os
import signal
import socket
import subprocess

import pytest

from conftest import BINARY, HANG, NAMESPACE, clean_env, needs_namespace, python, wait_for_line

SLEEPS = "import time; print('ready', flush=True); time.sleep(1000)"


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "state"
    path.mkdir()
    return path


@pytest.fixture
def started():
    """started(*arguments) -> Popen of jobinit, in a group of its own; all of it is killed at the end of the test."""
    running = []

    def run(*arguments, place=()):
        process = subprocess.Popen([*place, BINARY, *map(str, arguments)], env=clean_env(), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        running.append(process)
        return process

    yield run
    for process in running:
        process.kill()
        process.wait()


@pytest.fixture
def silent():
    """Where somebody listens who never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield "127.0.0.1:%d" % server.getsockname()[1]


def wait_until_gone(folder):
    """PID 1 of a namespace goes a moment after the one who started it."""
    [lock] = folder.glob("*.lock")
    with open(lock) as file:
        fcntl.flock(file, fcntl.LOCK_EX)


def lost_run(started, folder, *settings, job=SLEEPS, place=NAMESPACE):
    """A run whose PID 1 dies without a word: with it dies its namespace, as a container does."""
    process = started("--state-dir", folder, "--name", "nightly", *settings, "--", *python(job), place=place)
    wait_for_line(process.stdout, b"ready")
    process.kill()  # unshare --kill-child: SIGKILL for PID 1 as well
    process.wait()
    wait_until_gone(folder)


def watch(folder, sink, *more):
    sink = sink if ":" in str(sink) else f"file:{sink}"
    process = subprocess.run([BINARY, "watch", folder, *more, "--report-to", sink], env=clean_env(),
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=HANG)
    return process.returncode, process.stderr.decode()


def test_nothing_is_left_of_a_run_that_ended(jobinit, folder, place):
    run = jobinit("--state-dir", folder, "--", "sh", "-c", f"ls {folder} | wc -l; exit 3", place=place)
    assert (run.code, run.out.strip()) == (3, b"2")  # the state and its lock, while it ran
    assert list(folder.iterdir()) == []


@needs_namespace
def test_a_watcher_reports_it(started, folder, tmp_path):
    lost_run(started, folder)
    sink = tmp_path / "lost.json"
    code, told = watch(folder, sink, "--once")
    assert (code, list(folder.iterdir())) == (0, [])
    report = json.loads(sink.read_text())
    assert (report["outcome"]["cause"], report["outcome"]["exit_code"]) == ("lost", 137)
    assert report["job"]["name"] == "nightly"
    assert report["times"]["ended_at"] > report["times"]["started_at"]
    assert "nightly was lost" in told and report["run_id"] in told


@needs_namespace
def test_a_watcher_that_is_there_notices_at_once(started, folder, tmp_path):
    sink = tmp_path / "lost.json"
    os.mkfifo(sink)  # opened for reading by the test: returns when the report is written
    watcher = started("watch", folder, "--report-to", f"file:{sink}")
    lost_run(started, folder)
    with open(sink, encoding="utf-8") as reader:
        report = json.loads(reader.read())
    assert report["outcome"]["cause"] == "lost"
    watcher.send_signal(signal.SIGTERM)
    assert watcher.wait(HANG) == 0


def test_a_run_that_lives_is_left_alone(started, folder, tmp_path):
    process = started("--state-dir", folder, "--", *python(SLEEPS))
    wait_for_line(process.stdout, b"ready")
    code, _ = watch(folder, tmp_path / "lost.json", "--once")
    assert code == 0
    assert not (tmp_path / "lost.json").exists()
    assert len(list(folder.iterdir())) == 2
    process.send_signal(signal.SIGTERM)
    assert process.wait(HANG) == 143
    assert list(folder.iterdir()) == []


@needs_namespace
def test_the_next_run_reports_it(started, folder, jobinit, tmp_path):
    lost_run(started, folder)
    told = tmp_path / "told"
    # Both reports go to stdout, one line each.
    run = jobinit("--state-dir", folder, "--report-to", "stdout:", "--", "sh", "-c", f"ls {folder} > {told}", report=False)
    reports = [json.loads(line) for line in run.out.splitlines()]
    assert [one["outcome"]["cause"] for one in reports] == ["success", "lost"]
    assert len(told.read_text().split()) == 4  # the lost one's files, and its own
    assert list(folder.iterdir()) == []


@needs_namespace
def test_what_could_not_be_delivered_stays(started, folder, tmp_path):
    lost_run(started, folder)
    code, told = watch(folder, "pushgateway+http://127.0.0.1:1", "--once", "--report-timeout", "300ms")
    assert code == 1
    assert "to be tried again" in told
    assert len(list(folder.iterdir())) == 2
    code, _ = watch(folder, tmp_path / "lost.json", "--once")
    assert (code, list(folder.iterdir())) == (0, [])


@needs_namespace
def test_the_attempts_before_are_in_it(started, folder, tmp_path):
    job = "import os, sys\nif os.environ['JOBINIT_ATTEMPT'] == '1': sys.exit(9)\n" + SLEEPS
    lost_run(started, folder, "--retries", "1", "--retry-backoff", "1ms", job=job)
    watch(folder, tmp_path / "lost.json", "--once")
    report = json.loads((tmp_path / "lost.json").read_text())
    assert [one["exit_code"] for one in report["attempts"]] == [9]
    assert report["outcome"]["cause"] == "lost"


@needs_namespace
def test_killed_while_it_delivers_its_ending_is_known_all_the_same(started, folder, tmp_path, silent):
    """The sink's server takes the connection and never answers: the delivery takes as long as it may."""
    process = started("--state-dir", folder, "--after", "echo ready; exec sleep 1000", "--after-timeout", "0", "--report-to",
                      f"pushgateway+http://{silent}", "--report-timeout", "1h", "--", "sh", "-c", "echo ready; exit 3", place=NAMESPACE)
    wait_for_line(process.stdout, b"ready")
    state = None
    while state is None or state["report"]["outcome"]["cause"] == "lost":
        [file] = folder.glob("*.json")
        state = json.loads(file.read_text())
    process.kill()
    process.wait()
    wait_until_gone(folder)
    code, _ = watch(folder, tmp_path / "report.json", "--once")
    report = json.loads((tmp_path / "report.json").read_text())
    assert (code, report["outcome"]["cause"], report["outcome"]["exit_code"]) == (0, "failed", 3)


@needs_namespace
def test_no_credentials_are_kept(started, folder):
    process = started("--state-dir", folder, "--report-to", "pushgateway+http://me:hunter2@127.0.0.1:1", "--", *python(SLEEPS),
                      place=NAMESPACE)
    wait_for_line(process.stdout, b"ready")
    assert all("hunter2" not in file.read_text() for file in folder.iterdir())


@pytest.mark.parametrize("text", ['{"report":' + "[" * 400_000 + "]" * 400_000 + "}",
                                  '{"report":{"schema_version":1,"job":{},"platform":{},"times":{"started_at":5},'
                                  '"outcome":{"cause":"lost"},"resources":{},"logs":{}}}'], ids=["deep", "wrong types"])
def test_a_file_that_somebody_has_made_up_keeps_no_job_from_running(jobinit, folder, text):
    (folder / "x.json").write_text(text)
    run = jobinit("--state-dir", folder, "--", "sh", "-c", "exit 4")
    assert (run.code, run.cause) == (4, "failed")
    assert "x.json" in run.err


def test_a_report_that_nobody_got_stays_for_the_next_run(jobinit, folder):
    run = jobinit("--state-dir", folder, "--report-to", "pushgateway+http://127.0.0.1:1", "--report-timeout", "300ms", "--", "sh", "-c",
                  "exit 4", report=False)
    assert run.code == 4
    assert len(list(folder.glob("*.json"))) == 1
    run = jobinit("--state-dir", folder, "--report-to", "stdout:", "--", "true", report=False)
    assert [json.loads(line)["outcome"]["exit_code"] for line in run.out.splitlines()] == [0, 4]
    assert list(folder.iterdir()) == []


def test_a_watcher_does_not_wake_itself(started, folder, tmp_path):
    process = started("--state-dir", folder, "--", *python(SLEEPS))
    wait_for_line(process.stdout, b"ready")
    trace = tmp_path / "trace"
    # 3 s: far less than its own pace, far more than a loop of events would need.
    subprocess.run(["strace", "-f", "-e", "trace=flock", "-o", trace, "timeout", "3", BINARY, "watch", folder, "--report-to", "stderr:"],
                   env=clean_env(ASAN_OPTIONS="detect_leaks=0"), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=HANG)
    assert trace.read_text().count("flock(") >= 1
    assert trace.read_text().count("flock(") <= 4


def test_files_that_are_no_state_are_told_and_left(folder, tmp_path):
    (folder / "notes.json").write_text("{}")
    (folder / "README").write_text("")
    code, told = watch(folder, tmp_path / "x", "--once")
    assert code == 1
    assert "notes.json: not the state of a run" in told
    assert (folder / "notes.json").exists() and (folder / "README").exists()


def test_a_state_folder_that_is_not_there_does_not_keep_the_job_from_running(jobinit, tmp_path):
    run = jobinit("--state-dir", tmp_path / "none", "--", "sh", "-c", "exit 4")
    assert (run.code, run.cause) == (4, "failed")
    assert "if jobinit is killed, nobody will report it" in run.err


@pytest.mark.parametrize(
    "arguments, problem",
    [([], "which folder?"), (["/tmp"], "report to whom?"), (["/tmp", "--report-to", "stderr:", "x"], "one argument too many"),
     (["/no/such", "--report-to", "stderr:"], "watching /no/such")],
)
def test_a_watcher_that_cannot_work_says_so(arguments, problem):
    process = subprocess.run([BINARY, "watch", *arguments], env=clean_env(), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                             timeout=HANG)
    assert process.returncode == 125
    assert problem in process.stderr.decode()
