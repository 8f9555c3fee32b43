"""Twenty secrets, given by every way there is, and sought in everything that jobinit writes, sends and shows."""
import base64
import http.server
import json
import os
import subprocess
import threading
import urllib.parse

import pytest

from conftest import BINARY, HANG, NAMESPACE, clean_env, needs_namespace, python

SECRETS = [f"plant{number:02}-/+ä\"-{os.urandom(6).hex()}" for number in range(20)]
BY_ENV, BY_FILE, BY_PARAMS, BY_EVENT = SECRETS[0:5], SECRETS[5:10], SECRETS[10:15], SECRETS[15:20]

JOB = {
    "parameters": {f"S{number}": {"secret": True, "description": "a secret"} for number in range(20)},
    "env": {"DERIVED": "https://user:${S0}@h/${S10}"},
}


def forms(secret):
    quoted = urllib.parse.quote(secret, safe="")
    return {secret, quoted, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], base64.b64encode(secret.encode()).decode()}


def leaks(text):
    return [form for secret in SECRETS for form in forms(secret) if form in text]


@pytest.fixture
def inputs(tmp_path):
    """The environment, and the arguments, that hold all of them."""
    job = tmp_path / "job.json"
    job.write_text(json.dumps(JOB))
    env = {f"S{number}": secret for number, secret in enumerate(BY_ENV)}
    for number, secret in enumerate(BY_FILE, 5):
        (tmp_path / f"secret{number}").write_text(secret + "\n")
        env[f"S{number}_FILE"] = str(tmp_path / f"secret{number}")
    env["JOBINIT_PARAMS"] = json.dumps({f"S{number}": secret for number, secret in enumerate(BY_PARAMS, 10)})
    env["EVENT"] = json.dumps({"detail-type": "t", "detail": {f"s{number}": secret for number, secret in enumerate(BY_EVENT, 15)}})
    return clean_env(JOBINIT_PARAMS_ENV="EVENT", **env), ["--job", job]


@pytest.fixture
def collector():
    """An HTTP server that keeps what it is sent; port and requests."""
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            seen.append(f"{self.path}\n{self.headers}\n{body.decode(errors='replace')}")
            self.send_response(200)
            self.end_headers()
        do_PUT = do_POST

        def log_message(self, *_):
            pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1], seen
    server.shutdown()
    thread.join()
    server.server_close()


def sinks(tmp_path, port):
    return [f"--report-to={sink}" for sink in (
        f"file:{tmp_path}/out.json", "stdout:", "stderr:", f"termination-log:{tmp_path}/termination", f"textfile:{tmp_path}/m.prom",
        f"pushgateway+http://127.0.0.1:{port}")]


def everything_written(tmp_path, done, seen):
    files = [path.read_text() for path in tmp_path.iterdir() if not path.name.startswith("secret") and path.is_file()]
    return "\n".join([done.stdout, done.stderr, *files, *seen])


def run(arguments, env):
    return subprocess.run([BINARY, *map(str, arguments)], env=env, capture_output=True, text=True, timeout=4 * HANG, check=False)


def test_a_run_leaks_nothing(inputs, tmp_path, collector):
    env, arguments = inputs
    port, seen = collector
    # The job has them all, and says so without saying them.
    job = ("import os; names = [f'S{n}' for n in range(20)]; assert all(len(os.environ[n]) > 20 for n in names);"
           "assert os.environ['S0'] in os.environ['DERIVED']; assert 'JOBINIT_PARAMS' not in os.environ; print('all', 'there')")
    done = run([*arguments, *sinks(tmp_path, port), "--", *python(job)], env)
    assert done.returncode == 0, done.stderr
    assert "all there" in done.stdout and len(seen) == 2  # its start and its end
    report = json.loads((tmp_path / "out.json").read_text())
    assert {one["value"] for one in report["parameters"].values()} == {"***"}
    assert not leaks(everything_written(tmp_path, done, seen))


def test_a_report_masks_what_the_job_says(inputs, tmp_path):
    env, arguments = inputs
    done = run([*arguments, f"--report-to=file:{tmp_path}/out.json", "--", *python("import os; print('token', os.environ['S3'])")], env)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "out.json").read_text())["logs"]["tail"] == "token ***\n"


@pytest.mark.parametrize("wrong", [
    ["--", "export", "--token=${S0}"],
    ["--", "export", "${S11}"],
    ["--chdir=/data/${S1}", "--", "true"],
    ["--name=${S2}", "--", "true"],
    ["--params-to=argv", "--", "true"],
    ["--report-to=nowhere:${S3}", "--", "true"],
    ["--report-to=file:/none/${S16}", "--report-required", "--", "true"],
    ["--report-to=pushgateway+http://127.0.0.1:9/x/${S4}", "--report-timeout=1s", "--report-required", "--", "true"],
    ["--report-to=pushgateway+http://127.0.0.1:9/x/${S12}/y", "--", "true"],
    ["--timeout=x", "--", "sh", "-c", "${S4}"],
])
def test_a_refusal_leaks_nothing(inputs, tmp_path, collector, wrong):
    env, arguments = inputs
    port, seen = collector
    done = run([*arguments, *sinks(tmp_path, port), *wrong], env)
    assert done.returncode == 125, done.stderr
    assert not leaks(everything_written(tmp_path, done, seen))


def test_wrong_values_are_not_repeated(inputs, tmp_path, collector):
    """Also those that are only nearly secrets: wrong by their type, or their length."""
    env, _ = inputs
    port, seen = collector
    kinds = [{"max_length": 3}, {"pattern": "[a-z]"}, {"type": "integer"}, {"type": "number"}, {"type": "boolean"},
             {"type": "enum", "values": ["x"]}, {"type": "date"}, {"type": "datetime"}, {"type": "duration"}, {"type": "size"},
             {"type": "path", "must": "file"}, {"type": "url"}, {"type": "json", "schema": {"type": "array"}}, {"type": "list", "items": {"type": "integer"}},
             {"type": "range"}, {"max_length": 1}, {"type": "json", "schema": {"type": "object"}}, {"type": "url", "schemes": ["s3"]},
             {"type": "list", "min": 9}, {"type": "date", "tz": "+09:00"}]
    job = tmp_path / "job.json"
    job.write_text(json.dumps({"parameters": {f"S{number}": {"secret": True, **kind} for number, kind in enumerate(kinds)}}))
    for command in (["run"], ["check"], ["check", "--output=json"], ["explain"]):
        done = run([*command, "--job", job, *(sinks(tmp_path, port) if command == ["run"] else []), "--", "true"], env)
        assert done.returncode == 125
        problems = done.stdout if "--output=json" in command else done.stderr
        for number in range(20):
            assert f"S{number}: " in problems, (number, problems)
        assert not leaks(everything_written(tmp_path, done, seen))


@pytest.mark.parametrize("command", [["explain"], ["check"], ["check", "--output", "json"], ["check", "--docs", "markdown"]])
def test_what_is_shown_beforehand_leaks_nothing(inputs, tmp_path, command):
    env, arguments = inputs
    done = run([*command, *arguments, "--", "true"], env)
    assert done.returncode == 0, done.stderr
    assert not leaks(everything_written(tmp_path, done, []))


def test_a_payload_that_is_no_json_is_not_repeated(inputs, tmp_path):
    env, arguments = inputs
    for broken in (SECRETS[10], '{"S10": "' + SECRETS[10], '["' + SECRETS[11] + '"]'):
        done = run([*arguments, "--", "true"], {**env, "JOBINIT_PARAMS": broken})
        assert done.returncode == 125
        assert not leaks(everything_written(tmp_path, done, []))


@needs_namespace
def test_the_job_cannot_look_into_pid_1(inputs):
    """As any user but one with CAP_SYS_PTRACE: without it, as docker gives it to nobody."""
    env, arguments = inputs
    look = """
import json, os
found = {}
for name in os.listdir('/proc/1'):
    try:
        with open(f'/proc/1/{name}', 'rb') as file:
            found[name] = file.read(1 << 20).decode(errors='replace')
    except OSError as problem:
        found[name] = f'! {problem.strerror}'
print(json.dumps(found))
"""
    params = json.dumps({f"S{number}": secret for number, secret in enumerate(BY_PARAMS, 10)})
    env.pop("JOBINIT_PARAMS")
    done = subprocess.run([*NAMESPACE, BINARY, *map(str, arguments), f"--params={params}", "--drop-caps=ALL", "--", *python(look)], env=env,
                          capture_output=True, text=True, timeout=HANG, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["environ"] == "! Permission denied"
    assert found["mem"].startswith("!")
    assert "--params=***" in found["cmdline"]
    assert not leaks(json.dumps(found, ensure_ascii=False))


def test_pid_1_dumps_no_core(inputs, tmp_path):
    """What the kernel writes core files by (prctl(2), PR_SET_DUMPABLE): the files below /proc/PID are root's then."""
    env, arguments = inputs
    env = {**env, "LIMITS": "1"}
    job = "import os; s = os.stat(f'/proc/{os.getppid()}/environ'); print(s.st_uid, s.st_gid)"
    if os.geteuid() == 0:
        prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        for path in [*tmp_path.iterdir()]:
            path.chmod(0o644)
        for folder in (tmp_path, *tmp_path.parents):
            if not folder.stat().st_mode & 0o001:
                folder.chmod(folder.stat().st_mode | 0o011)
    else:
        prefix = []
    done = subprocess.run([*prefix, BINARY, *map(str, arguments), "--", *python(job)], env=env, capture_output=True, text=True, timeout=HANG, check=False)
    assert (done.returncode, done.stdout) == (0, "0 0\n"), done.stderr
