"""Network sinks against servers that misbehave in every way we know of: the run's exit code is right, what can arrive does,
and what cannot is told in words."""
import http.server
import os
import pathlib
import re
import signal
import shutil
import subprocess
import threading
import time

import pytest

from conftest import BINARY, HANG, SANITIZED, clean_env
from hostile import Hostile, make_certificates, server_context


def to(server, path="", user="", scheme="pushgateway+http"):
    return f"{scheme}://{user}{server.address}{path}#on=finished"


def deliveries(err):
    """What --verbose says became of each delivery: {address: text}."""
    return dict(re.findall(r"finished to \S+?://(?:\*\*\*@)?([\d.:]+)\S*: (.*)", err))


class TestMatrix:
    MISBEHAVIOURS = {
        "hang_handshake": "timed out",
        "hang": "timed out",
        "hang_in_body": "HTTP status 503",
        "endless": "HTTP status 400",
        "endless_headers": "HTTP status 503",
        "reset": "reset by peer",
        "close": "Empty reply",
        "garbage": "HTTP/0.9",
        "redirect_loop": "redirected 5 times",
        503: "HTTP status 503: because of reasons",
        404: "HTTP status 404: because of reasons",
    }
    ENDINGS = {
        "success": (["true"], 0, "success"),
        "failed": (["sh", "-c", "exit 3"], 3, "failed"),
        "signaled": (["sh", "-c", "kill -SEGV $$"], 139, "signaled"),
        "timeout": (["--timeout", "50ms", "--", "sleep", "60"], 124, "timeout"),
        "rejected": (["--timeout", "x", "--", "true"], 125, "rejected"),
        "not_started": (["/does/not/exist"], 127, "not_started"),
    }

    @pytest.mark.parametrize("ending", ENDINGS)
    def test_all_at_once(self, jobinit, hostile, ending):
        arguments, code, cause = self.ENDINGS[ending]
        bad = {what: hostile(what) for what in self.MISBEHAVIOURS}
        good, cut_off = hostile(202), hostile("endless_and_good")
        sinks = " ".join(to(server) for server in [*bad.values(), good, cut_off])
        run = jobinit("--verbose", "--report-timeout", "3s", "--report-to", sinks, *arguments)
        assert (run.code, run.cause) == (code, cause)
        told = deliveries(run.err)
        assert told.pop(good.address).startswith("delivered, HTTP status 202")
        assert told.pop(cut_off.address).startswith("delivered, HTTP status 200")
        assert cut_off.sent < 64 << 20, "10 GB were on offer"
        for what, server in bad.items():
            assert told[server.address].startswith("not delivered"), what
            # All these servers share two CPUs with others: one may be too slow even for its misbehaviour.
            assert re.search(f"{self.MISBEHAVIOURS[what]}|timed out", told[server.address]), (what, told[server.address])
        assert bad["endless"].sent < 64 << 20


def test_a_try_that_hangs_leaves_time_for_another(jobinit, hostile):
    server = hostile("hang", "hang_in_body", 202)
    run = jobinit("--verbose", "--report-timeout", "10s", "--report-to", to(server), "--", "true")
    assert len(server.requests) >= 3
    assert deliveries(run.err)[server.address].startswith("delivered, HTTP status 202")
    keys = {headers["idempotency-key"] for _, _, headers, _, _ in server.requests}
    assert keys == {f'"{run.report["run_id"]}"'}, "the same in every try"


def test_a_good_status_counts_though_its_body_hangs(jobinit, hostile):
    server = hostile("hang_in_good_body")
    run = jobinit("--report-timeout", "2s", "--report-to", to(server), "--", "true")
    assert run.err.strip().endswith(", 2 reports delivered")
    assert len(server.requests) == 1


def test_retry_after_is_honoured(jobinit, hostile):
    server = hostile((429, {"Retry-After": "1"}), 202)
    run = jobinit("--verbose", "--report-timeout", "1m", "--report-to", to(server), "--", "true")
    took = int(re.search(r"2 tries, (\d+) ms", run.err)[1])
    assert took >= 1000


def test_retry_after_beyond_the_deadline_is_not_waited_for(jobinit, hostile):
    server = hostile((503, {"Retry-After": "86400"}))
    run = jobinit("--report-timeout", "1h", "--report-to", to(server), "--", "sh", "-c", "exit 3")
    assert run.code == 3
    assert len(server.requests) == 1
    assert "not delivered: HTTP status 503: because of reasons (1 try)" in run.err


def test_tries_share_a_connection(jobinit, hostile):
    server = hostile(503, 429, 202)
    jobinit("--report-timeout", "1m", "--report-to", to(server), "--", "true")
    assert [number for *_, number in server.requests] == [1, 1, 1]


class TestRedirects:
    def test_within_the_same_host(self, jobinit, hostile):
        server = hostile((307, {"Location": "/other/path"}), 202)
        run = jobinit("--report-to", to(server, user="user:hunter2@"), "--", "true")
        assert run.err.strip().endswith(", 2 reports delivered")
        first, second = server.requests
        assert (second[0], second[1]) == ("POST", "/other/path")
        assert second[3] == first[3] and second[2]["authorization"] == first[2]["authorization"]

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_to_another_host_nothing_is_sent(self, jobinit, hostile, status):
        other = hostile(202)
        server = hostile((status, {"Location": f"http://{other.address}/"}))
        run = jobinit("--report-to", to(server, user="user:hunter2@"), "--", "true")
        assert f"HTTP status {status}: it redirects to another place" in run.err
        assert other.requests == [] and other.connections == 0

    def test_to_a_file(self, jobinit, hostile):
        run = jobinit("--report-to", to(hostile((302, {"Location": "file:///etc/passwd"}))), "--", "true")
        assert "not delivered: HTTP status 302" in run.err


def test_what_a_server_repeats_of_our_secrets_is_masked(jobinit, tmp_path):
    class Echo(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            text = f"{self.path} {self.headers['Authorization']} user:hunter2-secret".encode()
            self.send_response(400)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        run = jobinit("--verbose", "--report-to", f"pushgateway+http://user:hunter2-secret@127.0.0.1:{server.server_port}"
                      "/token/0123456789abcdef#on=finished", "--", "true")
        server.shutdown()
    assert "HTTP status 400" in run.err
    assert "hunter2" not in run.err and "0123456789abcdef" not in run.err.split("HTTP status 400")[1]


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl(1), to make certificates")
class TestTls:
    @pytest.fixture(scope="class")
    def certificates(self, tmp_path_factory):
        folder = tmp_path_factory.mktemp("certificates")
        make_certificates(folder, lambda *arguments: subprocess.run(["openssl", *map(str, arguments)], check=True,
                                                                    capture_output=True))
        return folder

    def run(self, jobinit, server, *arguments):
        return jobinit("--report-timeout", "5s", *arguments, "--report-to", to(server, scheme="pushgateway+https"), "--",
                       "sh", "-c", "exit 3")

    def test_an_authority_of_our_own(self, jobinit, hostile, certificates):
        server = hostile(202, tls=server_context(certificates))
        run = self.run(jobinit, server, "--ca-file", certificates / "ca.pem")
        assert (run.code, len(server.requests)) == (3, 1), run.err

    def test_without_it_nothing_is_sent(self, jobinit, hostile, certificates):
        server = hostile(202, tls=server_context(certificates))
        run = self.run(jobinit, server)
        assert (run.code, server.requests) == (3, [])
        assert "not delivered: SSL certificate problem" in run.err

    def test_a_client_certificate(self, jobinit, hostile, certificates):
        server = hostile(202, tls=server_context(certificates, client_needed=True))
        with_key = "--client-cert", certificates / "client.pem", "--client-key", certificates / "client.key"
        run = self.run(jobinit, server, "--ca-file", certificates / "ca.pem", *with_key)
        assert (run.code, len(server.requests)) == (3, 1), run.err

    def test_certificate_and_key_in_one_file(self, jobinit, hostile, certificates, tmp_path):
        server = hostile(202, tls=server_context(certificates, client_needed=True))
        both = tmp_path / "both.pem"
        both.write_text((certificates / "client.pem").read_text() + (certificates / "client.key").read_text())
        run = self.run(jobinit, server, "--ca-file", certificates / "ca.pem", "--client-cert", both)
        assert (run.code, len(server.requests)) == (3, 1), run.err

    def test_none_where_one_is_asked_for(self, jobinit, hostile, certificates):
        server = hostile(202, tls=server_context(certificates, client_needed=True))
        run = self.run(jobinit, server, "--ca-file", certificates / "ca.pem", "--report-timeout", "1s")
        assert (run.code, server.requests) == (3, [])
        assert "not delivered: " in run.err

    def test_files_that_are_not_there(self, jobinit, hostile, certificates):
        server = hostile(202, tls=server_context(certificates))
        run = self.run(jobinit, server, "--ca-file", "/does/not/exist.pem")
        assert (run.code, server.requests) == (3, [])
        assert "/does/not/exist.pem" in run.err

    def test_a_handshake_that_hangs(self, jobinit, hostile, certificates):
        server = hostile("hang_handshake", tls=server_context(certificates))
        run = self.run(jobinit, server, "--ca-file", certificates / "ca.pem", "--report-timeout", "1s")
        assert run.code == 3
        assert "not delivered: " in run.err


def test_a_unix_socket(jobinit, tmp_path):
    path = tmp_path / "gateway.sock"
    server = Hostile(202, unix=str(path))
    try:
        place = str(path).replace("/", "%2F")
        run = jobinit("--report-to", f"pushgateway+http://{place}/region/eu#on=finished", "--name", "import", "--", "true",
                      env=clean_env(http_proxy="http://127.0.0.1:1"))
        assert run.err.strip().endswith(", 2 reports delivered"), run.err
        assert server.requests[0][1] == "/metrics/job/import/region/eu"
    finally:
        server.close()


class TestProxies:
    def test_https_by_a_tunnel_that_refuses(self, jobinit, hostile):
        proxy = hostile(403)
        run = jobinit("--report-timeout", "2s", "--report-to", "pushgateway+https://gateway.invalid#on=finished", "--",
                      "true", env=clean_env(HTTPS_PROXY=f"http://user:hunter2@{proxy.address}"))
        assert proxy.requests[0][:2] == ("CONNECT", "gateway.invalid:443")
        assert "not delivered: " in run.err and "hunter2" not in run.err

    def test_http(self, jobinit, hostile):
        proxy = hostile(202)
        run = jobinit("--name", "import", "--report-to", "pushgateway+http://gateway.invalid#on=finished", "--", "true",
                      env=clean_env(http_proxy=f"http://{proxy.address}"))
        assert proxy.requests[0][:2] == ("POST", "http://gateway.invalid/metrics/job/import")
        assert run.err.strip().endswith(", 2 reports delivered")

    def test_not_for_these_hosts(self, jobinit, hostile):
        proxy, server = hostile(500), hostile(202)
        run = jobinit("--report-to", to(server), "--", "true",
                      env=clean_env(http_proxy=f"http://{proxy.address}", NO_PROXY="127.0.0.1,localhost"))
        assert (len(proxy.requests), len(server.requests)) == (0, 1), run.err


class TestIsolation:
    def test_a_crash_is_noticed_and_retried(self, start, hostile):
        server = hostile("hang", 202)
        process = start("--report-timeout", "10s", "--report-to", to(server), "--", "sh", "-c", "exit 3")
        server.wait_for(lambda requests: len(requests) == 1)
        os.kill(self.child_of(process), signal.SIGKILL)
        err = process.communicate(timeout=HANG)[1].decode()
        assert process.returncode == 3
        assert "the process that delivers was killed by SIGKILL; it is started once more" in err
        assert err.strip().endswith(", 2 reports delivered")
        assert len(server.requests) == 2

    def test_what_had_arrived_is_not_sent_again(self, start, hostile):
        good, bad = hostile(202), hostile("hang", 202)
        process = start("--report-timeout", "10s", "--report-to", f"{to(good)} {to(bad)}", "--", "true")
        good.wait_for(lambda requests: len(requests) == 1)
        bad.wait_for(lambda requests: len(requests) == 1)
        self.wait_until_answered(process)
        os.kill(self.child_of(process), signal.SIGKILL)
        err = process.communicate(timeout=HANG)[1].decode()
        assert err.strip().endswith(", 3 reports delivered")
        assert (len(good.requests), len(bad.requests)) == (1, 2)

    def test_one_that_always_dies(self, start, hostile):
        server = hostile("hang")
        process = start("--report-timeout", "10s", "--report-to", to(server), "--", "sh", "-c", "exit 3")
        for number in (1, 2):
            server.wait_for(lambda requests, number=number: len(requests) == number)
            os.kill(self.child_of(process), signal.SIGKILL)
        err = process.communicate(timeout=HANG)[1].decode()
        assert process.returncode == 3
        assert "not delivered: the process that delivers was killed by SIGKILL, again" in err

    @staticmethod
    def child_of(process):
        found = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=True).stdout.split()
        assert len(found) == 1
        return int(found[0])

    @staticmethod
    def wait_until_answered(process):
        """Until it has written something, which can only be an answer: proc(5) counts write(2), not send(2)."""
        counters = pathlib.Path(f"/proc/{TestIsolation.child_of(process)}/io")
        until = time.monotonic() + HANG
        try:
            while re.search(r"^wchar: 0$", counters.read_text(), re.MULTILINE):
                assert time.monotonic() < until, "no answer"
                time.sleep(0.01)
        except PermissionError:
            pytest.skip("needs root to see what another process has written")

    @pytest.mark.skipif(SANITIZED, reason="the sanitizer needs descriptors for its own checks")
    def test_with_16_descriptors_and_nothing_to_write_to(self, hostile, tmp_path):
        servers = [hostile(202) for _ in range(8)]
        sinks = " ".join(to(server) for server in servers)
        command = f"ulimit -n 16; exec {BINARY} --report-timeout 10s --report-to '{sinks}' -- sh -c 'exit 3'"
        done = subprocess.run(["sh", "-c", command], env=clean_env(TMPDIR="/does/not/exist"), capture_output=True, text=True,
                              timeout=HANG, check=False, cwd="/")
        assert done.returncode == 3
        assert done.stderr.strip().endswith(", 8 reports delivered"), done.stderr
        assert all(len(server.requests) == 1 for server in servers)


def test_names_that_nobody_knows(jobinit):
    run = jobinit("--report-timeout", "2s", "--report-to", "pushgateway+http://gateway.invalid#on=finished", "--", "sh", "-c",
                  "exit 3")
    assert run.code == 3
    assert "not delivered: Could not resolve host: gateway.invalid" in run.err or "no answer in time" in run.err or \
        "timed out" in run.err, run.err
