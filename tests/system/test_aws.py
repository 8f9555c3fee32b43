"""Step Functions, EventBridge and SNS: their requests are what botocore's models say, and signed as botocore signs, with
credentials from each place that there are some."""
import datetime
import json
import urllib.parse

import pytest

from conftest import clean_env
from test_sinks import ended, server  # noqa: F401 (fixtures)

botocore = pytest.importorskip("botocore.session", reason="needs botocore (package python3-botocore)")
from botocore.auth import SigV4Auth  # noqa: E402
from botocore.awsrequest import AWSRequest  # noqa: E402
from botocore.credentials import Credentials  # noqa: E402
from botocore.validate import ParamValidator  # noqa: E402

KEY, SECRET, SESSION = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "session/token+=="
REGION = "eu-west-1"
KEYS = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
TOPIC = "arn:aws:sns:eu-west-1:123456789012:jobs"


def expect_signed(request, address, service, session_token=None):
    """As AWS would check it, by botocore's own signer."""
    scheme, _, fields = request.headers["Authorization"].partition(" ")
    assert scheme == "AWS4-HMAC-SHA256"
    fields = dict(part.strip().split("=", 1) for part in fields.split(","))
    when = datetime.datetime.strptime(request.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ")
    assert fields["Credential"] == f"{KEY}/{when:%Y%m%d}/{REGION}/{service}/aws4_request"
    names = fields["SignedHeaders"].split(";")
    assert "host" in names and all(name in request.headers for name in names), "a header is signed that is not sent"
    if session_token:
        assert request.headers["X-Amz-Security-Token"] == session_token
        assert "x-amz-security-token" in names, "AWS refuses a token that is not signed"
    again = AWSRequest(method=request.method, url=f"http://{address}{request.path}", data=request.body,
                       headers={name: request.headers[name] for name in names})
    again.context["timestamp"] = request.headers["X-Amz-Date"]
    signer = SigV4Auth(Credentials(KEY, SECRET), service, REGION)
    signature = signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again)
    assert fields["Signature"] == signature


def expect_valid(service, operation, parameters):
    """By the model that AWS' SDKs are made from."""
    shape = botocore.get_session().get_service_model(service).operation_model(operation).input_shape
    report = ParamValidator().validate(parameters, shape)
    assert not report.has_errors(), report.generate_report()


def environment(server, **more):
    return {"AWS_REGION": REGION, "AWS_ENDPOINT_URL": f"http://{server.address}", **KEYS, **more}


def test_stepfunctions(ended, server):  # noqa: F811
    run = ended("stepfunctions:#on=finished", **environment(server, TASK_TOKEN="AQCtoken"))
    request, = server.requests
    expect_signed(request, server.address, "states")
    operation = "SendTaskSuccess" if ended.code == 0 else "SendTaskFailure"
    assert request.headers["X-Amz-Target"] == f"AWSStepFunctions.{operation}"
    assert request.headers["Content-Type"] == "application/x-amz-json-1.0"
    expect_valid("stepfunctions", operation, request.json)
    assert request.json["taskToken"] == "AQCtoken"
    if ended.code == 0:
        assert json.loads(request.json["output"]) == run.report
    else:
        assert request.json["error"] == ended.cause
        assert request.json["cause"] == run.report["outcome"]["summary"] + "\n\nlast words\n"


def test_eventbridge(ended, server):  # noqa: F811
    run = ended("eventbridge:jobs#on=finished", **environment(server))
    request, = server.requests
    expect_signed(request, server.address, "events")
    assert request.headers["X-Amz-Target"] == "AWSEvents.PutEvents"
    entry, = request.json["Entries"]
    expect_valid("events", "PutEvents", request.json)
    assert (entry["Source"], entry["DetailType"], entry["EventBusName"]) == ("jobinit", "Job Run Finished", "jobs")
    assert json.loads(entry["Detail"]) == run.report


def test_eventbridge_an_entry_that_was_not_taken(jobinit, server):  # noqa: F811
    server.answer = lambda request: (200, b'{"FailedEntryCount":1,"Entries":[{"ErrorCode":"InternalFailure","ErrorMessage":"oh"}]}')
    run = jobinit("--report-to", "eventbridge:#on=finished", "--", "true", env=clean_env(**environment(server)))
    assert "not delivered: the bus has not taken the event: InternalFailure oh" in run.err


def test_sns(ended, server):  # noqa: F811
    run = ended(f"sns:{TOPIC}", **environment(server))
    request, = server.requests
    expect_signed(request, server.address, "sns")
    form = dict(urllib.parse.parse_qsl(request.body.decode(), strict_parsing=True))
    assert (form.pop("Action"), form.pop("Version")) == ("Publish", "2010-03-31")
    attributes = {form.pop(f"MessageAttributes.entry.{i}.Name"): {
        "DataType": form.pop(f"MessageAttributes.entry.{i}.Value.DataType"),
        "StringValue": form.pop(f"MessageAttributes.entry.{i}.Value.StringValue")} for i in (1, 2, 3)}
    expect_valid("sns", "Publish", {**form, "MessageAttributes": attributes})
    assert attributes["cause"]["StringValue"] == ended.cause
    message = json.loads(form["Message"])
    assert json.loads(message["default"]) == run.report
    assert message["email"] == run.report["outcome"]["summary"] + "\n\nlast words\n"


def test_a_session_token_is_signed_too(jobinit, server):  # noqa: F811
    run = jobinit("--report-to", "eventbridge:#on=finished", "--", "true",
                  env=clean_env(**environment(server, AWS_SESSION_TOKEN=SESSION)))
    assert run.err.strip().endswith("2 reports delivered"), run.err
    expect_signed(server.requests[0], server.address, "events", SESSION)


@pytest.mark.parametrize("token", ["variable", "file"])
def test_credentials_of_the_container(jobinit, server, tmp_path, token):  # noqa: F811
    """As ECS (FULL_URI) and EKS' pod identity (a token in a file) give them; who asks must show the token."""
    (tmp_path / "token").write_text("hunter2\n")

    def answer(request):
        if request.path != "/credentials":
            return 200, b"{}"
        if request.headers["Authorization"] != "hunter2":
            return 401, b""
        return 200, json.dumps({"AccessKeyId": KEY, "SecretAccessKey": SECRET, "Token": SESSION,
                                "Expiration": "2999-01-01T00:00:00Z"}).encode()

    server.answer = answer
    shown = {"AWS_CONTAINER_AUTHORIZATION_TOKEN": "hunter2"} if token == "variable" else {
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(tmp_path / "token")}
    run = jobinit("--report-to", "stepfunctions:MY_TOKEN#on=finished", "--", "sh", "-c", "exit 3", env=clean_env(
        AWS_REGION=REGION, AWS_ENDPOINT_URL=f"http://{server.address}", MY_TOKEN="AQCtoken",
        AWS_CONTAINER_CREDENTIALS_FULL_URI=f"http://{server.address}/credentials", **shown))
    assert run.code == 3
    assert run.err.strip().endswith("2 reports delivered"), run.err
    asked, request = server.requests
    assert (asked.method, asked.path) == ("GET", "/credentials")
    expect_signed(request, server.address, "states", SESSION)


def test_no_message_shows_a_credential(jobinit, server):  # noqa: F811
    server.answer = lambda request: (400, b'{"__type":"InvalidToken","message":"AQChunter2"}')
    run = jobinit("--report-to", "stepfunctions:#on=finished", "--", "sh", "-c", "exit 3",
                  env=clean_env(**environment(server, TASK_TOKEN="AQChunter2")))
    assert run.code == 3
    assert "not delivered: HTTP status 400: " in run.err
    for secret in (SECRET, "hunter2"):
        assert secret not in run.err + json.dumps(run.report)


def test_without_credentials_it_is_told_what_is_missing(jobinit, server):  # noqa: F811
    run = jobinit("--report-to", "eventbridge:#on=finished", "--", "sh", "-c", "exit 3",
                  env=clean_env(AWS_REGION=REGION, AWS_ENDPOINT_URL=f"http://{server.address}"))
    assert run.code == 3
    assert "not delivered: no AWS credentials: neither AWS_ACCESS_KEY_ID" in run.err
    assert server.requests == []
