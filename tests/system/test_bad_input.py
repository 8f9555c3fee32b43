"""What is wrong is told in words, with the documented exit code, and never costs the job's own result."""
import json
import os
import subprocess

import pytest

from conftest import BINARY, HANG, NAMESPACE, clean_env, needs_namespace


def refused(run, *words):
    assert (run.code, run.cause) == (125, "rejected")
    problems = run.report["outcome"]["problems"]
    for word in words:
        assert any(word in problem for problem in problems), problems
        assert word in run.err
    return problems


def test_missing_command(jobinit):
    refused(jobinit(), "no command: give one after --, in JOBINIT_COMMAND, or as \"command\" in the job file")
    refused(jobinit("--", ""), "the command's name is empty")


@pytest.mark.parametrize("flag, near", [("--timout", "--timeout"), ("--report_to", "--report-to"), ("--Quiet", "--quiet")])
def test_unknown_flag(jobinit, flag, near):
    refused(jobinit(f"{flag}=1", "--", "true"), f"{flag}: no such option; did you mean {near}?")


def test_a_mistyped_flag_takes_its_value_along(jobinit, tmp_path):
    """Else the value would be the command, and the report's own setting behind it one of its arguments."""
    run = jobinit("--timout", "5m", "--report-to", f"file:{tmp_path}/report.json", "--name", "nightly", "--", "true",
                  report=False)
    assert run.code == 125
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["job"]["name"], report["job"]["command"]) == ("nightly", ["true"])


def test_unknown_short_flag(jobinit):
    refused(jobinit("-x", "--", "true"), "-x: no such option; see jobinit --help")


def test_unknown_variable(jobinit):
    refused(jobinit("--", "true", env=clean_env(JOBINIT_TIMOUT="1m")),
            "JOBINIT_TIMOUT: no such setting; did you mean JOBINIT_TIMEOUT?")


def test_variables_of_a_kubernetes_service_are_no_settings(jobinit):
    links = {"JOBINIT_SERVICE_HOST": "10.0.0.1", "JOBINIT_SERVICE_PORT": "80", "JOBINIT_SERVICE_PORT_HTTP": "80",
             "JOBINIT_PORT": "tcp://10.0.0.1:80", "JOBINIT_PORT_80_TCP": "tcp://10.0.0.1:80",
             "JOBINIT_PORT_80_TCP_PROTO": "tcp", "JOBINIT_PORT_80_TCP_PORT": "80", "JOBINIT_PORT_80_TCP_ADDR": "10.0.0.1"}
    assert jobinit("--", "true", env=clean_env(**links)).code == 0
    refused(jobinit("--", "true", env=clean_env(JOBINIT_PORT="80")), "JOBINIT_PORT: no such setting")


def test_a_flag_without_its_value(jobinit):
    refused(jobinit("--timeout"), "--timeout: needs a value (DURATION)")


def test_all_problems_of_all_sources_are_told_at_once(jobinit, tmp_path):
    job_file = tmp_path / "job.json"
    job_file.write_text('{"tail": "lots", "timout": 1}')
    problems = refused(
        jobinit("--job", job_file, "--stop-grace", "soon", "--success-codes", "0,300", "--", "true",
                env=clean_env(JOBINIT_TIMEOUT="1 hour")),
        '--stop-grace: "soon" is not a duration', '--success-codes: "300" is not an exit code',
        'JOBINIT_TIMEOUT: "1 hour" is not a duration', f'{job_file}:1:10 /tail: "lots" is not a size',
        f'{job_file}:1:18 /timout: no such setting "timout"; did you mean "timeout"?')
    assert len(problems) == 5


def test_nothing_is_started(jobinit, tmp_path):
    refused(jobinit("--timeout", "x", "--", "touch", tmp_path / "started"))
    assert not (tmp_path / "started").exists()


def test_a_refusal_is_reported_by_the_settings_that_are_good(jobinit):
    """A bad report timeout must not make the report of it fail."""
    refused(jobinit("--report-timeout", "x", "--tail", "y", "--", "true"), '--report-timeout: "x"', '--tail: "y"')


class TestJobFile:
    def test_missing(self, jobinit, tmp_path):
        refused(jobinit("--job", tmp_path / "none.json", "--", "true"), f"reading {tmp_path}/none.json: No such file")

    def test_a_folder(self, jobinit, tmp_path):
        refused(jobinit("--job", tmp_path, "--", "true"), f"reading {tmp_path}: Is a directory")

    @pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user")
    def test_unreadable(self, tmp_path):
        job_file = tmp_path / "job.json"
        job_file.write_text("{}")
        job_file.chmod(0o600)
        for folder in (tmp_path, *tmp_path.parents):
            if not os.stat(folder).st_mode & 0o001:
                folder.chmod(folder.stat().st_mode | 0o011)
        done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", BINARY, "--job", job_file,
                               "--", "true"], env=clean_env(), capture_output=True, text=True, timeout=HANG, check=False)
        assert done.returncode == 125
        assert f"reading {job_file}: Permission denied" in done.stderr

    def test_no_json(self, jobinit, tmp_path):
        job_file = tmp_path / "job.json"
        job_file.write_text('{\n  "timeout": 5,,\n}')
        refused(jobinit("--job", job_file, "--", "true"), f"{job_file}: parse error at line 2, column 16")

    def test_no_object(self, jobinit, tmp_path):
        job_file = tmp_path / "job.json"
        job_file.write_text('["true"]')
        refused(jobinit("--job", job_file), "must be a JSON object")

    def test_with_comments(self, jobinit, tmp_path):
        job_file = tmp_path / "job.json"
        job_file.write_text('// what runs at night\n{"command": ["sh", "-c", "exit 4"], /* that is all */ "quiet": true}')
        run = jobinit("--job", job_file)
        assert (run.code, run.err) == (4, "")

    def test_of_a_million_brackets(self, jobinit, tmp_path):
        job_file = tmp_path / "job.json"
        job_file.write_text('{"command": ' + "[" * 300_000 + "]" * 300_000 + "}")
        refused(jobinit("--job", job_file), "nested deeper than 64 levels")

    def test_that_never_ends(self, jobinit, tmp_path):
        os.mkfifo(tmp_path / "fifo")  # nobody writes: must not hang
        refused(jobinit("--job", tmp_path / "fifo", "--", "true"))
        refused(jobinit("--job", "/dev/zero", "--", "true"), "larger than")


class TestReportPath:
    @pytest.mark.parametrize("code", [0, 3])
    def test_no_such_folder(self, jobinit, tmp_path, code):
        path = tmp_path / "none" / "report.json"
        run = jobinit("--report-to", f"file:{path}", "--", "sh", "-c", f"exit {code}", report=False)
        assert run.code == code
        assert f"report to file:{path} not delivered: writing {path}: No such file or directory" in run.err
        assert run.err.strip().endswith("0 of 1 reports delivered")

    def test_required(self, jobinit, tmp_path):
        run = jobinit("--report-to", f"file:{tmp_path}/none/report.json", "--report-required", "--", "true", report=False)
        assert run.code == 125

    def test_a_full_device(self, jobinit):
        run = jobinit("--report-to", "file:/dev/full", "--", "sh", "-c", "exit 3", report=False)
        assert run.code == 3
        assert "No space left on device" in run.err
        assert os.path.exists("/dev/full") and not os.path.isfile("/dev/full")  # still the device

    def test_a_fifo_that_nobody_reads(self, jobinit, tmp_path):
        os.mkfifo(tmp_path / "fifo")
        run = jobinit("--report-to", f"file:{tmp_path}/fifo", "--", "sh", "-c", "exit 3", report=False)
        assert run.code == 3
        assert "not delivered" in run.err

    @pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
    def test_stdout_by_another_name(self, tmp_path, name):
        """What is in the log stays there, and the report comes after it."""
        with open(tmp_path / "log", "wb") as log:
            log.write(b"header\n")
            log.flush()
            subprocess.run([BINARY, "--report-to", f"file:{name}", "--", "echo", "words"], stdout=log, env=clean_env(),
                           timeout=HANG, check=True)
        header, words, report = (tmp_path / "log").read_text().splitlines()
        assert (header, words) == ("header", "words")
        assert json.loads(report)["outcome"]["cause"] == "success"
        piped = subprocess.run([BINARY, "--report-to", f"file:{name}", "--", "echo", "words"], env=clean_env(),
                               stdout=subprocess.PIPE, timeout=HANG, check=True)
        assert json.loads(piped.stdout.splitlines()[1])["outcome"]["cause"] == "success"

    def test_a_link_stays_a_link(self, jobinit, tmp_path):
        (tmp_path / "real.json").write_text("old")
        (tmp_path / "link.json").symlink_to("real.json")
        jobinit("--report-to", f"file:{tmp_path}/link.json", "--", "true", report=False)
        assert (tmp_path / "link.json").is_symlink()
        assert json.loads((tmp_path / "real.json").read_text())["outcome"]["cause"] == "success"

    @needs_namespace
    def test_a_file_that_is_mounted_by_itself(self, tmp_path):
        """docker run -v report.json:/report.json: a mount point cannot be renamed over."""
        (tmp_path / "outside.json").write_text("old and longer than nothing")
        (tmp_path / "inside.json").touch()
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", 'mount --bind "$1/outside.json" "$1/inside.json" && shift && exec "$@"', "sh",
             tmp_path, BINARY, "--report-to", f"file:{tmp_path}/inside.json", "--", "sh", "-c", "exit 3"],
            env=clean_env(), timeout=HANG, check=False)
        assert done.returncode == 3
        assert json.loads((tmp_path / "outside.json").read_text())["outcome"]["exit_code"] == 3


class TestSinks:
    @pytest.mark.parametrize("sink, words", [
        ("fil:/x", '"fil:" is no sink; did you mean file:?'),
        ("pushgateway+htp://h", '"pushgateway+htp:" is no sink; did you mean pushgateway+http:?'),
        ("pushgateway+http://", "no host in it"),
        ("pushgateway+http://h/one", "the path must be pairs of /LABEL/VALUE"),
        ("textfile:/x", "node_exporter only reads files named *.prom"),
        ("stdout:x", "stdout: takes nothing after the colon"),
        ("file:", "needs the path of a file"),
    ])
    def test_refused(self, jobinit, sink, words):
        refused(jobinit("--report-to", sink, "--", "true"), words)

    def test_what_may_be_a_secret_is_not_repeated(self, jobinit):
        run = jobinit("--report-to", "hunter2", "--", "true")
        refused(run, "a sink is written SCHEME:TARGET")
        assert "hunter2" not in run.err + json.dumps(run.report)


@needs_namespace
def test_no_proc(tmp_path):
    """A container without /proc: the job runs, its code counts, and the report is written."""
    done = subprocess.run(
        ["unshare", "--fork", "--pid", "--mount", "--kill-child", "sh", "-c", 'umount -l /proc && exec "$@"', "sh", BINARY,
         "--report-to", f"file:{tmp_path}/report.json", "--timeout", "1m", "--", "sh", "-c", "sleep 1000 & echo out; exit 3"],
        env=clean_env(), capture_output=True, text=True, timeout=HANG, check=False)
    assert (done.returncode, done.stdout) == (3, "out\n")
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["outcome"]["cause"] == "failed"
    assert report["resources"]["memory_limit_bytes"] is None


def test_a_missing_working_folder(tmp_path):
    """The folder that jobinit was started in has been removed: no reason to fail, nor to hang."""
    folder = tmp_path / "gone"
    folder.mkdir()
    done = subprocess.run(["sh", "-c", 'cd "$1" && rmdir "$1" && shift && exec "$@"', "sh", folder, BINARY, "--quiet", "--",
                           "sh", "-c", "exit 3"], env=clean_env(), timeout=HANG, check=False)
    assert done.returncode == 3


def test_a_bad_subcommand_argument(jobinit):
    run = subprocess.run([BINARY, "schema", "reprot"], env=clean_env(), capture_output=True, text=True, timeout=HANG,
                         check=False)
    assert run.returncode == 125
    assert "jobinit schema report" in run.stderr
