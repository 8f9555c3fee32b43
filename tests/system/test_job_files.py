"""Good and bad job files, judged by jobinit and, by the schema that it publishes, by a validator that is not ours."""
import json
import subprocess

import pytest

from conftest import BINARY, HANG, clean_env

jsonschema = pytest.importorskip("jsonschema", reason="python3-jsonschema is not here")


def parameter(**keywords):
    return {"parameters": {"A": keywords}}


def of(type_, **keywords):
    return parameter(type=type_, **keywords)


TYPES = ["string", "integer", "number", "boolean", "date", "datetime", "duration", "size", "path", "url", "json", "list", "range"]

GOOD = [
    {}, {"$schema": "https://example.com/job.json"}, {"name": "feed"}, {"name": ""}, {"name": 7}, {"timeout": "15m"}, {"timeout": 90},
    {"timeout": 1.5}, {"timeout": "PT1H30M"}, {"timeout": " 90s "}, {"timeout": "1d2h3m4s5ms"}, {"timeout": 0}, {"tail": "64K"},
    {"tail": 65536}, {"tail": "1.5Gi"}, {"quiet": True}, {"quiet": "Yes"}, {"quiet": 1}, {"quiet": "off"}, {"notify": False},
    {"success_codes": [0, 3]}, {"success_codes": "0,3"}, {"success_codes": 0}, {"success_codes": ["0", 3]}, {"success_codes": []},
    {"exit_code": {"timeout": 75}}, {"exit_code": ["timeout=75"]}, {"exit_code": "timeout=75,failed=1"}, {"command": "./import --full"},
    {"command": ["./import", "--full"]}, {"before": ["true"], "after": "true"}, {"retries": 3}, {"retries": "3"}, {"nice": -5},
    {"nice": "19"}, {"oom_score_adj": -1000}, {"report_to": ["file:/a", "stdout:"]}, {"report_to": "file:/a stdout:"},
    {"limit": {"nofile": "1024:4096", "core": 0}}, {"env_clear": True, "env_keep": ["PATH", "LC_*"]}, {"memory": "80%"},
    {"deadline": "06:00"}, {"leftovers": "wait"}, {"forward": "child"}, {"stop_signal": "INT"}, {"stop_signal": 2}, {"umask": "027"},
    {"index": 0, "count": 4}, {"count": "8"}, {"params_to": ["stdin", "file:/run/p"]}, {"params_env": "EVENT"},
    {"params_file": "/run/params.json"}, {"pids": 100}, {"state_dir": "/state"}, {"chdir": "/data"}, {"retry_on": ["failed", 75]},
    {"remap_exit": {"143": 0}}, {"rewrite_signal": "TERM:QUIT"}, {"warn_before": "60s=USR1", "timeout": "1h"},
    {"parameters": {}}, {"env": {}}, {"env": {"A": "x", "B": 1, "C": True}}, {"env": {"_a1": "${B}"}},
    *[of(type_) for type_ in TYPES], parameter(), parameter(type="enum", values=["a"]), parameter(description=""),
    parameter(required=True), parameter(required=False, default="x"), parameter(secret=True, allow_in_argv=True),
    parameter(allow_in_argv=False), parameter(default=""), parameter(default=5), parameter(default=True), parameter(example=1),
    parameter(default="${B:-x}"), parameter(**{"from": "/detail/a"}), parameter(**{"from": ["/a", "/b~0~1/0"]}),
    parameter(**{"from": ""}), parameter(min_length=1, max_length=4), parameter(min_length=2.0), parameter(pattern="[0-9]{4}"),
    parameter(pattern=""), of("integer", min=1, max=10), of("integer", min=-9223372036854775808), of("integer", default=3),
    of("integer", default="3", min=1), of("integer", max=1.0), of("number", min=0.5, max=2), of("number", default=1.5),
    of("boolean", default=False), of("boolean", default="yes"), of("enum", values=["a", "b"], default="b"),
    of("date", min="2024-01-01", max="today", tz="Europe/Berlin"), of("date", default="yesterday"), of("date", tz="+09:00"),
    of("date", default="${B}"), of("date", min="-1m", max="last-month-end", tz="Z"), of("date", default="monday"),
    of("datetime", min="2024-01-01T00:00:00Z", max="now+1h"), of("datetime", min="@0", tz="America/Argentina/Buenos_Aires"),
    of("datetime", default="now-15m"), of("duration", min="1m", max="PT1H"), of("duration", default=90), of("duration", default="2d"),
    of("size", min="1K", max="1.5Gi", default="64k"), of("path", must="exist"), of("path", must="file", writable=True),
    of("path", must="dir", default="/none"), of("url", schemes=["s3", "https"]), of("url", default="https://example.com/"),
    of("json", schema=True), of("json", schema={}), of("json", default={"a": [1]}), of("json", default=None), of("json", flatten=True),
    of("json", schema={"type": "object", "required": ["a"], "properties": {"a": {"type": ["integer", "null"], "minimum": 1}},
                       "additionalProperties": False}),
    of("json", schema={"type": "array", "items": {"enum": [1, "a", None]}, "minItems": 1, "maxItems": 3}),
    of("json", schema={"type": "string", "minLength": 1, "maxLength": 3, "pattern": "^a", "title": "t", "$comment": "c"}),
    of("json", schema={"exclusiveMinimum": 0, "exclusiveMaximum": 1, "const": 0.5, "default": 0.5, "examples": [0.5]}),
    of("json", schema={"$schema": "https://json-schema.org/draft/2020-12/schema", "minProperties": 0, "maxProperties": 9}),
    of("list", items={"type": "integer", "max": 9}, separator=";", min=1, max=3), of("list", default=["a", 1, True]),
    of("list", default="a,b"), of("list", items={"type": "enum", "values": ["a", "b"]}, shard=True), of("list", items={}),
    of("list", items={"pattern": "[a-z]+", "description": "d", "example": "a"}), of("range", min=0, max=1000, shard=True),
    of("range", default="1-10"), {"parameters": {"A": {}, "b_2": {"type": "integer"}}},
    {"parameters": {"A": {}}, "env": {"B": "${A}"}, "timeout": "1h"},
]

BAD = [
    [], "x", 3, None, {"timeuot": "15m"}, {"stop-grace": "5s"}, {"job": "other.json"}, {"params": "{}"}, {"help": True}, {"$schema": 3},
    {"$schma": ""}, {"timeout": "1 hour"}, {"timeout": None}, {"timeout": ["15m"]}, {"timeout": {"a": 1}}, {"timeout": -1},
    {"timeout": "30m1h"}, {"timeout": True}, {"tail": "lots"}, {"tail": -1}, {"tail": "1 MB"}, {"quiet": "maybe"}, {"quiet": 2},
    {"quiet": []}, {"success_codes": [[0]]}, {"success_codes": None}, {"exit_code": {"timeout": [75]}}, {"command": []},
    {"command": [1]}, {"command": {}}, {"command": ""}, {"command": None}, {"retries": 1001}, {"retries": -1}, {"retries": "many"},
    {"nice": 20}, {"nice": []}, {"oom_score_adj": 1001}, {"report_to": [None]}, {"report_to": None}, {"name": None}, {"name": {}},
    {"index": -1}, {"count": 0}, {"count": {}}, {"pids": 4194305}, {"chdir": ["/a"]},
    {"parameters": []}, {"parameters": "A"}, {"parameters": {"A": []}}, {"parameters": {"A": "string"}}, {"parameters": {"A": None}},
    {"parameters": {"1A": {}}}, {"parameters": {"A-B": {}}}, {"parameters": {"": {}}}, {"parameters": {"A B": {}}},
    {"parameters": {"JOBINIT_A": {}}}, {"parameters": {"A" * 129: {}}}, {"env": []}, {"env": {"A-B": "x"}}, {"env": {"A": []}},
    {"env": {"A": None}}, {"env": {"JOBINIT_A": "x"}}, {"env": {"A": {}}},
    of("text"), of("Integer"), of(""), of(3), of(None), of("enum"), of("enum", values=[]), of("enum", values=["a", "a"]),
    of("enum", values=[1]), of("enum", values="a"), parameter(descripton=""), parameter(description=3), parameter(required="yes"),
    parameter(required=1), parameter(required=True, default="x"), parameter(secret="true"), parameter(allow_in_argv=True),
    parameter(secret=False, allow_in_argv=True), parameter(default=None), parameter(default=[]), parameter(default={}),
    parameter(example=[]), parameter(**{"from": "detail"}), parameter(**{"from": "/~2"}), parameter(**{"from": []}),
    parameter(**{"from": ["/a", 1]}), parameter(**{"from": 3}), parameter(min_length=-1), parameter(min_length="1"),
    parameter(max_length=1.5), parameter(pattern=3), parameter(min=1), parameter(values=["a"]), parameter(tz="UTC"),
    parameter(items={}), parameter(flatten=True), parameter(shard=True), parameter(separator=","), parameter(must="file"),
    of("integer", pattern="a"), of("integer", min="1"), of("integer", min=1.5), of("integer", min=9223372036854775808),
    of("integer", values=["1"]), of("number", min="0.5"), of("number", min=True), of("number", min_length=1), of("boolean", min=0),
    of("boolean", default=[]), of("date", min="01.04.2024"), of("date", max="soon"), of("date", min=20240401), of("date", tz="+2"),
    of("date", tz="../etc/passwd"), of("date", tz=2), of("date", tz=""), of("date", tz="+25:00"), of("date", pattern=""),
    of("datetime", min="2024-01-01"), of("datetime", max="06:00"), of("datetime", min=0), of("duration", min=60), of("duration", max="1 h"),
    of("size", min=1024), of("size", max="much"), of("path", must="exists"), of("path", must=True), of("path", writable="yes"),
    of("path", schemes=["file"]), of("url", schemes=[]), of("url", schemes=["HTTP"]), of("url", schemes="https"),
    of("url", schemes=["a", "a"]), of("json", schema=3), of("json", schema=[]), of("json", schema={"oneOf": []}),
    of("json", schema={"type": "int"}), of("json", schema={"type": []}), of("json", schema={"properties": {"a": {"$ref": "#"}}}),
    of("json", schema={"items": [{}]}), of("json", schema={"minItems": -1}), of("json", schema={"required": ["a", "a"]}),
    of("json", schema={"required": "a"}), of("json", schema={"$schema": "http://json-schema.org/draft-07/schema#"}),
    of("json", schema={"additionalProperties": 3}), of("json", schema={"pattern": 3}), of("json", schema={"minimum": "1"}),
    of("json", min=1), of("list", items=3), of("list", items={"type": "list"}), of("list", items={"required": True}),
    of("list", items={"default": 1}), of("list", items={"type": "enum"}), of("list", items={"type": "integer", "mni": 1}),
    of("list", separator=""), of("list", separator=1), of("list", min=-1), of("list", min="1"), of("list", default=[[]]),
    of("list", default=3), of("list", pattern="a"), of("range", min="0"), of("range", default=[]), of("range", items={}),
]

# What a schema cannot say, and our own check does: by the validator, these are good.
SUBTLE = [
    {"success_codes": [256]}, {"exit_code": {"timeuot": 75}}, {"report_to": "nowhere:"}, {"memory": "101%"}, {"deadline": "tomorrow"},
    {"leftovers": "waiting"}, {"forward": "children"}, {"stop_signal": "SIGNOT"}, {"umask": "8"}, {"index": 4, "count": 4},
    {"warn_before": "1m"}, {"retry_backoff": "2m", "retry_backoff_max": "1m"}, {"rewrite_signal": "TERM"}, {"limit": {"nofle": 1}},
    {"params_to": "somewhere"}, {"timeout": "101000d"}, parameter(pattern="("), parameter(pattern="(?=a)"), parameter(pattern="a", default="b"),
    parameter(min_length=3, max_length=2), parameter(max_length=1, example="ab"), of("integer", default="x"), of("integer", default=1.5),
    of("integer", min=2, max=1), of("integer", max=1, default=2), of("number", default="x"), of("boolean", default="maybe"),
    of("enum", values=["a"], default="b"), of("date", default="2024-02-30"), of("date", min="2024-02-30"), of("date", min="2024-02-02", max="2024-02-01"),
    of("datetime", default="06:00"), of("duration", min="1h", default="1m"), of("size", default="-1"), of("url", default="example.com"),
    of("json", schema={"type": "integer"}, default="x"), of("json", schema={"pattern": "("}), of("list", items={"type": "integer"}, default=["x"]),
    of("list", default=["a,b"]), of("list", default=["${"]), of("range", default="2-1"),
    {"parameters": {"A": {"default": "${B}"}, "B": {"default": "${A}"}}}, {"parameters": {"A": {"default": "x${A}"}}},
    {"parameters": {"A": {}, "A_FILE": {}}}, {"parameters": {"A": {}}, "env": {"A": "x"}},
    {"env": {"A": "${B"}}, parameter(default="${B:x}"),
]


@pytest.fixture(scope="module")
def schema():
    return json.loads(subprocess.run([BINARY, "schema", "job"], capture_output=True, check=True, timeout=HANG).stdout)


@pytest.fixture(scope="module")
def validator(schema):
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def check(path, content):
    path.write_text(json.dumps(content))
    return subprocess.run([BINARY, "check", "--static", "--job", path], env=clean_env(), capture_output=True, text=True, timeout=HANG,
                          check=False)


def test_the_corpus_is_large_enough_and_has_nothing_twice():
    texts = [json.dumps(one, sort_keys=True) for one in GOOD + BAD + SUBTLE]
    assert len(texts) == len(set(texts)), [text for text in set(texts) if texts.count(text) > 1]
    assert len(GOOD) >= 100 and len(BAD) >= 100


def test_good_files_are_good_to_both(validator, tmp_path):
    for content in GOOD:
        done = check(tmp_path / "job.json", content)
        assert done.returncode == 0, (content, done.stderr)
        assert not list(validator.iter_errors(content)), content


def test_bad_files_are_bad_to_both(validator, tmp_path):
    for content in BAD:
        done = check(tmp_path / "job.json", content)
        assert (done.returncode, done.stdout) == (125, ""), content
        assert f"{tmp_path}/job.json" in done.stderr, (content, done.stderr)
        assert list(validator.iter_errors(content)), content


def test_what_a_schema_cannot_say_jobinit_says(validator, tmp_path):
    for content in SUBTLE:
        assert check(tmp_path / "job.json", content).returncode == 125, content
        assert not list(validator.iter_errors(content)), content


def test_the_schema_describes_every_setting(schema):
    """As an editor shows it; that there is one for each, the table sees to."""
    assert set(schema["properties"]) > {"command", "timeout", "report_to", "parameters", "env", "$schema"}
    for name, one in schema["properties"].items():
        assert one["description"], name


def test_comments_and_places(tmp_path):
    path = tmp_path / "job.json"
    path.write_text('// nightly\n{\n  /* ä */ "parameters": {\n    "A": {"type": "integer",\n          "mni": 3}}}\n')
    done = subprocess.run([BINARY, "check", "--static", "--job", path], env=clean_env(), capture_output=True, text=True, timeout=HANG, check=False)
    assert done.stderr == f'jobinit: {path}:5:11 /parameters/A/mni: no such keyword; did you mean "min"?\n'
