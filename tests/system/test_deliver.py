"""Delivery against peers that refuse, fail, hang, lie or die: the job's own ending is never the worse for it."""
import base64
import http.server
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading

import pytest

from conftest import BINARY, HANG, clean_env, python


class Gateway(http.server.ThreadingHTTPServer):
    """Answers each request as the next of `script` says: a status, or "hang", "close", "garbage"; the last one stays."""

    daemon_threads = True

    def __init__(self, script):
        super().__init__(("127.0.0.1", 0), Handler)
        self.script = list(script)
        self.requests = []
        self.over = threading.Event()
        self.came = threading.Event()

    @property
    def address(self):
        return f"127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        gateway = self.server
        gateway.requests.append((self.path, dict(self.headers), body))
        gateway.came.set()
        answer = gateway.script.pop(0) if len(gateway.script) > 1 else gateway.script[0]
        if answer == "hang":
            gateway.over.wait(HANG)
        elif answer == "garbage":
            self.wfile.write(b"\0\xff" * 1000)
        elif answer != "close":
            text = b"because\nof reasons"
            self.send_response(answer)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
        self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture
def gateway():
    """gateway(script...) -> a server that runs until the end of the test."""
    running = []

    def start(*script):
        server = Gateway(script)
        running.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    yield start
    for server in running:
        server.over.set()
        server.shutdown()
        server.server_close()


def to(server, path="", user=""):
    return f"pushgateway+http://{user}{server.address}{path}#on=finished"


def test_delivered(jobinit, gateway):
    server = gateway(202)
    run = jobinit("--name", "nightly/import", "--report-to", to(server, "/customer/1001"), "--", "sh", "-c", "exit 3")
    assert run.code == 3
    assert run.err.strip().endswith(", 2 reports delivered")
    (path, headers, body), = server.requests
    assert path == "/metrics/job@base64/" + base64.urlsafe_b64encode(b"nightly/import").decode() + "/customer/1001"
    assert headers["User-Agent"].startswith("jobinit/")
    assert b"\njobinit_job_last_exit_code 3\n" in body and body.endswith(b"\n")


@pytest.mark.parametrize("answers", [[503, 202], [429, 500, 202], ["close", 202], [408, 202]], ids=str)
def test_what_may_pass_is_tried_again(jobinit, gateway, answers):
    server = gateway(*answers)
    run = jobinit("--report-timeout", "1m", "--report-to", to(server), "--", "true")
    assert (run.code, len(server.requests)) == (0, len(answers))
    assert run.err.strip().endswith(", 2 reports delivered")


@pytest.mark.parametrize("answer", [400, 401, 404, 302])
def test_what_will_not_pass_is_not(jobinit, gateway, answer):
    server = gateway(answer)
    run = jobinit("--report-timeout", "1m", "--report-to", to(server), "--", "sh", "-c", "exit 3")
    assert (run.code, len(server.requests)) == (3, 1)
    assert f"not delivered: HTTP status {answer}: because of reasons" in run.err
    assert run.err.strip().endswith("1 of 2 reports delivered")


@pytest.mark.parametrize("answer", ["hang", "close", "garbage", 503])
def test_a_peer_that_never_answers_well(jobinit, gateway, answer):
    run = jobinit("--report-timeout", "1s", "--report-to", to(gateway(answer)), "--", "sh", "-c", "exit 3")
    assert run.code == 3
    assert "not delivered: " in run.err
    assert run.err.strip().endswith("1 of 2 reports delivered")


def test_nobody_listens(jobinit):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    run = jobinit("--report-timeout", "1s", "--report-to", f"pushgateway+http://127.0.0.1:{port}", "--", "true")
    assert run.code == 0
    assert f"report to pushgateway+http://127.0.0.1:{port} not delivered: Failed to connect" in run.err


def test_one_bad_sink_does_not_hold_up_the_others(jobinit, gateway):
    good, bad = gateway(202), gateway("hang")
    run = jobinit("--report-timeout", "2s", "--report-to", f"{to(bad)} {to(good)}", "--", "true")
    assert run.code == 0
    assert run.err.strip().endswith("2 of 3 reports delivered")
    assert len(good.requests) == 1


def test_required(jobinit, gateway):
    arguments = "--report-timeout", "1s", "--report-required", "--report-to", to(gateway(400)), "--", "sh", "-c"
    assert jobinit(*arguments, "exit 0").code == 125
    assert jobinit(*arguments, "exit 3").code == 3  # its own code says more


def test_a_refusal_is_delivered_too(jobinit, gateway):
    server = gateway(202)
    run = jobinit("--report-to", to(server), "--timeout", "x", "--", "true")
    assert run.code == 125
    assert b'jobinit_job_outcome{cause="rejected"} 1' in server.requests[0][2]


def child_of(pid):
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout.split()
    return int(found[0]) if found else None


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGSTOP])
def test_the_deliver_process_dies_or_hangs(start, gateway, number):
    server = gateway("hang")
    process = start("--report-timeout", "3s", "--report-to", to(server), "--", "sh", "-c", "exit 3")
    assert server.came.wait(HANG)
    os.kill(child_of(process.pid), number)
    err = process.communicate(timeout=HANG)[1].decode()
    assert process.returncode == 3
    assert "not delivered: " in err
    assert err.strip().endswith("1 of 2 reports delivered")


def test_a_stop_request_cuts_the_delivery_short(start, gateway):
    server = gateway("hang")
    process = start("--report-timeout", "1h", "--report-reserve", "1s", "--report-to", to(server), "--", "sh", "-c", "exit 3")
    assert server.came.wait(HANG)
    process.send_signal(signal.SIGTERM)
    assert process.wait(HANG) == 3


PASSWORD = "hunter2-%73ecret"


def test_credentials_reach_the_peer_and_nobody_else(jobinit, gateway, tmp_path):
    """Not the log, the report, the job's environment, nor the command line of any process."""
    server = gateway(401)
    everything = (
        "import glob, os\n"
        "seen = []\n"
        "for name in glob.glob('/proc/[0-9]*/cmdline') + ['/proc/self/environ']:\n"
        "    try: seen.append(open(name, errors='replace').read())\n"
        "    except OSError: pass\n"
        "print(seen)"
    )
    sink = to(server, user=f"importer:{PASSWORD}@")
    run = jobinit("--", *python(everything), env=clean_env(JOBINIT_REPORT_TO=f"{sink} file:{tmp_path}/report.json"),
                  report=False)
    assert run.code == 0
    told = json.loads((tmp_path / "report.json").read_text())
    assert "HTTP status 401" in run.err
    for place in (run.err, run.out.decode(), json.dumps(told)):
        assert "hunter2" not in place
    _, headers, _ = server.requests[0]
    assert headers["Authorization"] == "Basic " + base64.b64encode(b"importer:hunter2-secret").decode()


@pytest.mark.parametrize("form", ["--report-to={}", "--report-to {}"])
def test_the_job_cannot_read_credentials_from_our_command_line(jobinit, gateway, form):
    sink = to(gateway(202), user=f"importer:{PASSWORD}@")
    run = jobinit(*form.format(sink).split(), "--", *python("import os; print(open(f'/proc/{os.getppid()}/cmdline').read())"))
    assert b"hunter2" not in run.out and b"--report-to" in run.out
    assert run.err.strip().endswith(", 2 reports delivered")


def test_the_command_line_of_deliver_shows_no_credentials(start, gateway):
    server = gateway("hang")
    process = start("--report-timeout", "3s", "--report-to", to(server, user=f"importer:{PASSWORD}@"), "--", "true")
    assert server.came.wait(HANG)
    with open(f"/proc/{child_of(process.pid)}/cmdline", encoding="utf-8") as file:
        assert file.read() == "jobinit\0deliver\0--request\0"
    server.over.set()
    process.communicate(timeout=HANG)


class TestTls:
    @pytest.fixture
    def secure(self, gateway, tmp_path):
        if not shutil.which("openssl"):
            pytest.skip("needs openssl(1), to make a certificate")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", tmp_path / "key.pem", "-out",
                        tmp_path / "cert.pem"], check=True, capture_output=True)
        server = gateway(202)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        return server

    def sink(self, server):
        return f"pushgateway+https://{server.address}#on=finished"

    def test_a_certificate_that_is_trusted(self, jobinit, secure, tmp_path):
        run = jobinit("--report-to", self.sink(secure), "--", "true", env=clean_env(SSL_CERT_FILE=f"{tmp_path}/cert.pem"))
        assert run.err.strip().endswith(", 2 reports delivered"), run.err
        assert len(secure.requests) == 1

    def test_a_certificate_that_is_not(self, jobinit, secure):
        run = jobinit("--report-timeout", "1m", "--report-to", self.sink(secure), "--", "sh", "-c", "exit 3")
        assert run.code == 3
        assert "not delivered: SSL certificate problem: self-signed certificate" in run.err
        assert secure.requests == []


class TestSavedReport:
    def test_is_delivered_again(self, jobinit, gateway, tmp_path):
        run = jobinit("--name", "import", "--", "sh", "-c", "exit 3")
        server = gateway(202)
        again = subprocess.run([BINARY, "deliver", tmp_path / "report.json", "--report-to", f"{to(server)} "
                                f"textfile:{tmp_path}/job.prom"], env=clean_env(), capture_output=True, text=True,
                               timeout=HANG, check=False)
        assert again.returncode == 0, again.stderr
        (path, _, body), = server.requests
        assert path == "/metrics/job/import"
        assert b"jobinit_job_last_exit_code 3" in body
        assert 'jobinit_job_last_exit_code{job="import"} 3' in (tmp_path / "job.prom").read_text()
        assert run.code == 3

    @pytest.mark.parametrize("content, words", [
        ("", "not a JSON document"), ("[]", "not a jobinit report"), ('{"schema_version": 99}', "schema version 99"),
        ('{"schema_version": 1}', 'no "job" in it'), pytest.param("[" * 300_000 + "]" * 300_000, "nested deeper than 64 levels", id="deep"),
    ])
    def test_that_is_none(self, tmp_path, content, words):
        (tmp_path / "report.json").write_text(content)
        done = subprocess.run([BINARY, "deliver", tmp_path / "report.json", "--report-to", "stdout:"], env=clean_env(),
                              capture_output=True, text=True, timeout=HANG, check=False)
        assert (done.returncode, done.stdout) == (125, "")
        assert words in done.stderr

    def test_that_was_not_delivered(self, jobinit, gateway, tmp_path):
        jobinit("--", "true")
        done = subprocess.run([BINARY, "deliver", tmp_path / "report.json", "--report-to", to(gateway(400))],
                              env=clean_env(), capture_output=True, text=True, timeout=HANG, check=False)
        assert done.returncode == 1
        assert "not delivered: HTTP status 400" in done.stderr


def test_local_sinks(jobinit, tmp_path):
    run = jobinit("--report-to", f"stdout: stderr: termination-log:{tmp_path}/termination textfile:{tmp_path}/job.prom",
                  "--name", "import", "--", "sh", "-c", "echo last words; exit 3")
    assert run.code == 3
    words, report = run.out.decode().splitlines()
    assert words == "last words"
    assert json.loads(report) == run.report
    assert json.loads(run.err.splitlines()[0]) == run.report
    message = json.loads((tmp_path / "termination").read_text())
    assert message["summary"] == run.report["outcome"]["summary"]
    assert (message["cause"], message["exit_code"], message["tail"]) == ("failed", 3, "last words\n")
    assert 'jobinit_job_outcome{cause="failed",job="import"} 1' in (tmp_path / "job.prom").read_text()


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool (package prometheus) is not installed")
def test_promtool_accepts_the_textfile(jobinit, tmp_path):
    jobinit("--report-to", f"textfile:{tmp_path}/job.prom", "--", "true")
    with open(tmp_path / "job.prom", encoding="utf-8") as metrics:
        lint = subprocess.run(["promtool", "check", "metrics"], stdin=metrics, capture_output=True, text=True, check=False)
    assert (lint.returncode, lint.stdout + lint.stderr) == (0, "")
