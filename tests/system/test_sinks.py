"""Every sink with a server on the other side: what arrives of a success, a failure and a timeout, and that no message shows
a credential."""
import base64
import contextlib
import hashlib
import hmac
import http.server
import json
import socket
import threading
import time
import urllib.parse

import pytest

from conftest import clean_env

ENDINGS = {
    "success": (["--", "sh", "-c", "echo last words"], 0, "success"),
    "failure": (["--", "sh", "-c", "echo last words; exit 3"], 3, "failed"),
    "timeout": (["--timeout", "300ms", "--", "sh", "-c", "echo last words; sleep 1000"], 124, "timeout"),
}


class Request:
    def __init__(self, handler):
        self.method = handler.command
        parts = urllib.parse.urlsplit(handler.path)
        self.path = parts.path
        self.query = dict(urllib.parse.parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
        self.headers = handler.headers
        self.body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))

    @property
    def json(self):
        return json.loads(self.body)


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self):
        request = Request(self)
        self.server.requests.append(request)
        status, text = self.server.answer(request)
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    """Takes any request, and answers what `answer` says."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.requests = []
    server.answer = lambda request: (200, b"OK")
    server.address = f"127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(params=ENDINGS)
def ended(request, jobinit):
    """ended(sink, **environment) -> the finished run, its expected exit code and cause."""
    arguments, code, cause = ENDINGS[request.param]

    def run(sink, **environment):
        done = jobinit("--name", "nightly", "--report-timeout", "1m", "--report-to", sink, *arguments,
                       env=clean_env(**environment))
        assert (done.code, done.cause) == (code, cause), done.err
        assert done.err.strip().endswith("2 reports delivered"), done.err
        return done

    run.code, run.cause = code, cause
    return run


def last(server):
    """The request that tells the ending."""
    return server.requests[-1]


def test_healthchecks(ended, server):
    run = ended(f"healthchecks+http://{server.address}/ping-key/nightly?create=1#on=finished")
    ping = last(server)
    assert (ping.method, ping.path) == ("POST", "/ping-key/nightly" + ("" if ended.code == 0 else f"/{ended.code}"))
    assert ping.query == {"create": "1", "rid": run.report["run_id"]}
    assert ping.body.decode() == run.report["outcome"]["summary"] + "\n\nlast words\n"


def test_cronitor(ended, server):
    run = ended(f"cronitor+http://{server.address}/p/api-key#on=finished")
    ping = last(server)
    assert (ping.method, ping.path) == ("GET", "/p/api-key/nightly")
    assert ping.query["state"] == ("complete" if ended.code == 0 else "fail")
    assert ping.query["status_code"] == str(ended.code)
    assert ping.query["series"] == run.report["run_id"]
    name, value = ping.query["metric"].split(":")
    assert (name, float(value)) == ("duration", run.report["times"]["duration_seconds"])
    assert ping.query["message"].startswith(run.report["outcome"]["summary"])


def test_sentry(ended, server):
    run = ended(f"sentry+http://public-key@{server.address}/42#schedule=0%203%20*%20*%20*&on=finished")
    check_in = last(server)
    assert (check_in.method, check_in.path) == ("POST", "/api/42/cron/nightly/public-key/")
    assert check_in.json == {
        "check_in_id": run.report["run_id"], "status": "ok" if ended.code == 0 else "error",
        "duration": run.report["times"]["duration_seconds"],
        "monitor_config": {"schedule": {"type": "crontab", "value": "0 3 * * *"}}}
    assert "Authorization" not in check_in.headers


def test_slack(ended, server):
    run = ended(f"slack+http://{server.address}/services/T0/B0/token")
    message = last(server).json
    assert message["text"] == run.report["outcome"]["summary"]
    texts = json.dumps(message["blocks"])
    assert f"cause {ended.cause}" in texts
    assert ("last words" in texts) == (ended.code != 0)


def test_webhook(ended, server):
    body = urllib.parse.quote('{"job":"${job.name}","code":${outcome.exit_code},"signal":${outcome.signal},"tail":"${logs.tail}"}')
    run = ended(f"webhook+http://{server.address}/hooks/${{job.name}}?key=1#method=PUT&header=X-Token:${{env:TOKEN}}&body={body}",
                TOKEN="hunter2")
    sent = last(server)
    assert (sent.method, sent.path, sent.query) == ("PUT", "/hooks/nightly", {"key": "1"})
    assert sent.headers["X-Token"] == "hunter2"
    assert sent.headers["Content-Type"] == "application/json"
    assert sent.json == {"job": "nightly", "code": ended.code, "signal": run.report["outcome"]["signal"], "tail": "last words\n"}


@pytest.mark.parametrize("mode", ["structured", "binary", "batch"])
def test_cloudevents(ended, server, mode):
    run = ended(f"cloudevents+http://{server.address}/broker#mode={mode}&on=finished")
    sent = last(server)
    if mode == "binary":
        assert sent.headers["Content-Type"] == "application/json"
        event = {name[3:].lower(): urllib.parse.unquote(value) for name, value in sent.headers.items()
                 if name.lower().startswith("ce-")}
        event["data"] = sent.json
    else:
        assert sent.headers["Content-Type"] == ("application/cloudevents+json; charset=utf-8" if mode == "structured" else
                                                "application/cloudevents-batch+json; charset=utf-8")
        event = sent.json if mode == "structured" else sent.json[0]
    assert event["specversion"] == "1.0"
    assert event["id"] == run.report["run_id"]
    assert event["type"] == "dev.jobinit.run.finished"
    assert event["source"] == "/jobinit/nightly"
    assert event["time"] == run.report["times"]["ended_at"]
    assert event["data"] == run.report


def test_standard_webhooks_signature(ended, server):
    key = b"\x00\xff not text \x80"
    ended(f"cloudevents+http://{server.address}/#secret=env:HOOK_SECRET&on=finished",
          HOOK_SECRET="whsec_" + base64.b64encode(key).decode())
    sent = last(server)
    content = f"{sent.headers['webhook-id']}.{sent.headers['webhook-timestamp']}.".encode() + sent.body
    expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    assert sent.headers["webhook-signature"] == "v1," + expected


def test_x_hub_signature(jobinit, server, tmp_path):
    (tmp_path / "secret").write_text("hunter2\n")
    run = jobinit("--report-to", f"webhook+http://{server.address}/#signature=x-hub-signature-256&secret=file:{tmp_path}/secret",
                  "--", "true")
    assert run.err.strip().endswith("2 reports delivered")
    expected = hmac.new(b"hunter2", last(server).body, hashlib.sha256).hexdigest()
    assert last(server).headers["X-Hub-Signature-256"] == "sha256=" + expected


def test_a_secret_that_is_not_there_is_told(jobinit, server, tmp_path):
    run = jobinit("--report-to", f"webhook+http://{server.address}/#secret=file:{tmp_path}/none", "--", "sh", "-c", "exit 3")
    assert run.code == 3
    assert "none: No such file or directory" in run.err
    assert server.requests == []


def test_emf(ended):
    """By the rules of "Specification: Embedded metric format"."""
    run = ended("emf:batch/nightly#dimensions=Job,Cause&on=finished")
    line = json.loads(run.out.splitlines()[-1])
    directive, = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "batch/nightly"
    assert directive["Dimensions"] == [["Job", "Cause"]]
    assert (line["Job"], line["Cause"]) == ("nightly", ended.cause)
    assert len(directive["Metrics"]) <= 100
    for metric in directive["Metrics"]:
        assert isinstance(line[metric["Name"]], (int, float))
        assert metric["Unit"] in ("Seconds", "Bytes", "Count", "None")
    assert (line["Success"], line["Failure"]) == ((1, 0) if ended.code == 0 else (0, 1))
    assert line["ExitCode"] == ended.code
    assert line["Duration"] == run.report["times"]["duration_seconds"]
    assert abs(line["_aws"]["Timestamp"] / 1000 - time.time()) < 3600


PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def attributes(of):
    """{"key": value} of OTLP's list of attributes."""
    return {one["key"]: next(iter(one["value"].values())) for one in of["attributes"]}


def test_otlp(ended, server):
    run = ended(f"otlp+http://{server.address}#on=finished", TRACEPARENT=PARENT, OTEL_SERVICE_NAME="feeds")
    traces, metrics, logs = server.requests
    assert [one.path for one in server.requests] == ["/v1/traces", "/v1/metrics", "/v1/logs"]
    assert {one.headers["Content-Type"] for one in server.requests} == {"application/json"}
    of, = traces.json["resourceSpans"]
    assert attributes(of["resource"])["service.name"] == "feeds"
    span, = of["scopeSpans"][0]["spans"]
    assert (span["traceId"], span["parentSpanId"]) == tuple(PARENT.split("-")[1:3])
    assert span["name"] == "nightly"
    took = (int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"])) / 1e9
    assert abs(took - run.report["times"]["duration_seconds"]) < 5  # two clocks, one of which may be set
    assert attributes(span)["process.exit.code"] == str(ended.code)
    assert span["status"]["code"] == (1 if ended.code == 0 else 2)
    names = {one["name"]: one["gauge"]["dataPoints"][0]["asDouble"]
             for one in metrics.json["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]}
    assert names["jobinit.job.success"] == (1 if ended.code == 0 else 0)
    assert names["jobinit.job.duration"] == run.report["times"]["duration_seconds"]
    words = [one["body"]["stringValue"] for one in logs.json["resourceLogs"][0]["scopeLogs"][0]["logRecords"]]
    assert words == ["last words", run.report["outcome"]["summary"]]


def test_otlp_the_job_is_a_child_of_the_run(jobinit, server):
    """The span that the job is given as its parent is the one that is reported."""
    run = jobinit("--report-to", "otlp:", "--", "sh", "-c", "echo $TRACEPARENT",
                  env=clean_env(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{server.address}", TRACEPARENT=PARENT))
    span = next(one for one in server.requests if one.path == "/v1/traces").json["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    assert run.out.decode().strip() == f"00-{span['traceId']}-{span['spanId']}-01"
    assert span["traceId"] == PARENT.split("-")[1]


def test_without_otlp_the_job_keeps_its_parent(jobinit):
    run = jobinit("--", "sh", "-c", "echo $TRACEPARENT", env=clean_env(TRACEPARENT=PARENT))
    assert run.out.decode().strip() == PARENT


def test_otlp_what_the_collector_drops_is_told(jobinit, server):
    server.answer = lambda request: (200, b'{"partialSuccess": {"rejectedLogRecords": "2", "errorMessage": "too long"}}')
    run = jobinit("--report-to", f"otlp+http://{server.address}#signals=logs&on=finished", "--", "true")
    assert "not delivered: the collector accepted only a part: too long" in run.err


# What tells the start, as (method, path, what else).
STARTS = {
    "healthchecks": ("healthchecks+http://{}/key/nightly", lambda one: one.path == "/key/nightly/start"),
    "cronitor": ("cronitor+http://{}/p/key/nightly", lambda one: one.query["state"] == "run"),
    "sentry": ("sentry+http://key@{}/42", lambda one: one.json["status"] == "in_progress"),
    "slack": ("slack+http://{}/hook#on=started,finished", lambda one: "nightly has started on" in one.json["text"]),
    "webhook": ("webhook+http://{}/hook#on=started,finished", lambda one: one.json["event"] == "started"),
    "cloudevents": ("cloudevents+http://{}/", lambda one: one.json["type"] == "dev.jobinit.run.started"),
    "otlp": ("otlp+http://{}#signals=metrics", lambda one: b"jobinit.job.success" not in one.body),
    "pushgateway": ("pushgateway+http://{}#method=put",
                    lambda one: one.method == "POST" and b"jobinit_job_running 1\n" in one.body),
    "eventbridge": ("eventbridge:", lambda one: one.json["Entries"][0]["DetailType"] == "Job Run Started"),
}


@pytest.mark.parametrize("sink, is_start", STARTS.values(), ids=STARTS)
def test_the_start_comes_first_and_the_end_once(ended, server, sink, is_start):
    ended(sink.format(server.address), AWS_REGION="r", AWS_ENDPOINT_URL=f"http://{server.address}",
          AWS_ACCESS_KEY_ID="id", AWS_SECRET_ACCESS_KEY="key")
    assert [is_start(one) for one in server.requests] == [True, False]


def test_pushgateway_put_and_delete(ended, server):
    ended(f"pushgateway+http://importer:hunter2@{server.address}/region/eu#method=put&delete=success&on=finished")
    pushed = last(server)
    assert (pushed.method, pushed.path) == ("DELETE" if ended.code == 0 else "PUT", "/metrics/job/nightly/region/eu")
    assert pushed.headers["Authorization"] == "Basic " + base64.b64encode(b"importer:hunter2").decode()
    assert (b"jobinit_job_last_failure_timestamp_seconds" in pushed.body) == (ended.code != 0)


class Datagrams:
    """Reads StatsD as Datadog documents it ("Datagram Format and Shell Usage")."""

    def __init__(self, received):
        self.metrics, self.checks, self.events = {}, [], []
        for line in b"\n".join(received).decode().split("\n"):
            if line.startswith("_e{"):
                sizes, _, rest = line[3:].partition("}:")
                title, text = (int(size) for size in sizes.split(","))
                raw = rest.encode()
                fields = raw[title + 1 + text:].decode().split("|")[1:]
                self.events.append((raw[:title].decode(), raw[title + 1:title + 1 + text].decode(),
                                    {field.partition(":")[0]: field.partition(":")[2] for field in fields}))
            elif line.startswith("_sc|"):
                _, name, status, *fields = line.split("|")
                self.checks.append((name, int(status), {field.split(":")[0]: field for field in fields}))
            else:
                name, _, rest = line.partition(":")
                value, kind, *fields = rest.split("|")
                assert kind in ("c", "g", "ms")
                tags = [field[1:].split(",") for field in fields if field.startswith("#")]
                self.metrics.setdefault(name, []).append((float(value), kind, tags[0] if tags else []))


@pytest.fixture(params=["udp", "unix"])
def statsd(request, tmp_path):
    """(where to send to, a function that gives all datagrams so far)."""
    if request.param == "udp":
        listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        listener.bind(("127.0.0.1", 0))
        place = f"://127.0.0.1:{listener.getsockname()[1]}"
    else:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listener.bind(str(tmp_path / "dsd.socket"))
        place = f"+unix://{tmp_path}/dsd.socket"
    listener.setblocking(False)

    def received():
        datagrams = []
        with contextlib.suppress(BlockingIOError):
            while True:
                datagrams.append(listener.recv(65536))
        return datagrams

    with listener:
        yield place, received


def test_statsd(ended, statsd):
    place, received = statsd
    run = ended(f"statsd{place}")
    datagrams = received()
    assert all(len(one) <= 1432 for one in datagrams) or place.startswith("+unix")
    read = Datagrams(datagrams)
    job = "jobinit.job.nightly"
    assert [value for value, _, _ in read.metrics[f"{job}.running"]] == [1, 0]
    assert read.metrics[f"{job}.ended.{ended.cause}"] == [(1, "c", [])]
    assert read.metrics[f"{job}.duration"] == [(round(run.report["times"]["duration_seconds"] * 1000), "ms", [])]
    assert read.metrics[f"{job}.exit_code"] == [(ended.code, "g", [])]
    assert not read.checks and not read.events


def test_dogstatsd(ended, statsd):
    place, received = statsd
    run = ended(f"dogstatsd{place}#tags=team:data", DD_ENV="test")
    read = Datagrams(received())
    (value, kind, tags), = read.metrics["jobinit.job.ended"]
    assert (value, kind) == (1, "c")
    assert {"job:nightly", "env:test", "team:data", f"cause:{ended.cause}"} <= set(tags)
    (name, status, fields), = read.checks
    assert (name, status) == ("jobinit.job.status", 0 if ended.code == 0 else 2)
    assert fields["m"] == "m:" + run.report["outcome"]["summary"]
    (title, text, fields), = read.events
    assert title == run.report["outcome"]["summary"]
    assert text.endswith("\\nlast words\\n")
    assert fields["t"] == ("success" if ended.code == 0 else "error")


def test_dogstatsd_where_the_environment_says(jobinit, statsd):
    place, received = statsd
    url = "udp" + place if place.startswith(":") else place[1:]
    run = jobinit("--report-to", "dogstatsd:", "--", "true", env=clean_env(DD_DOGSTATSD_URL=url))
    assert run.err.strip().endswith("2 reports delivered"), run.err
    assert "jobinit.job.ended" in Datagrams(received()).metrics


# Where each kind of sink carries its credential.
CREDENTIALS = {
    "healthchecks": "healthchecks+http://{}/hunter2-key/nightly",
    "healthchecks, by name": "healthchecks+http://user:hunter2@{}/nightly",
    "cronitor": "cronitor+http://{}/p/hunter2-key/nightly",
    "sentry DSN": "sentry+http://hunter2key@{}/42",
    "sentry": "sentry+http://{}/api/42/cron/nightly/hunter2key/",
    "slack": "slack+http://{}/services/T0/B0/hunter2-token",
    "webhook": "webhook+http://{}/hooks/hunter2-token",
    "webhook, query": "webhook+http://{}/hooks?token=hunter2-token",
    "webhook, header": "webhook+http://{}/hooks#header=Authorization:hunter2-token",
    "otlp": "otlp+http://user:hunter2pw@{}",
    "pushgateway": "pushgateway+http://importer:hunter2pw@{}/region/eu",
    "cloudevents": "cloudevents+http://user:hunter2pw@{}/broker?token=hunter2-token",
}


@pytest.mark.parametrize("sink", CREDENTIALS.values(), ids=CREDENTIALS)
def test_no_message_shows_a_credential(jobinit, server, sink):
    """Not even where the server says it: many repeat the path that they did not find."""
    def refuse(request):
        target = request.path + "?" + urllib.parse.urlencode(request.query)
        return 404, f"not found: {target} {request.headers['Authorization']}".encode()

    server.answer = refuse
    run = jobinit("--report-to", sink.format(server.address), "--", "sh", "-c", "exit 3")
    assert run.code == 3
    assert "not delivered: HTTP status 404: not found: " in run.err
    assert server.requests
    assert "hunter2" not in run.err + json.dumps(run.report)
