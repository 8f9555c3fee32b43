"""Formats and masks of the log, decoded by another make: nothing lost, nothing out of order, no secret seen."""
import base64
import codecs
import json
import os
import pty
import random
import re
import subprocess
import urllib.parse

import pytest

from conftest import BINARY, HANG, SANITIZED, clean_env, python, read_report

# Under the sanitizers all of this is slow, and as true of less.
SIZE = 3_000_000 if SANITIZED else 30_000_000
# A generous limit for a machine that is busy with other things.
PATIENCE = 20 * HANG
# As jobinit has it: every byte that belongs to no sequence is one replacement.
codecs.register_error("each", lambda error: ("\ufffd" * (error.end - error.start), error.end))

OWN_NAMES = ["time", "stream", "msg", "job", "run_id"]
TIME = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"


def mixed_lines(seed, size):
    """Lines as jobs write them, and as they should not: JSON whole and broken, UTF-8 good and bad, control characters."""
    r = random.Random(seed)
    words = ["import", "rows", "of", "the", "feed", "customer", "ü", "日本語", "😀", '"quoted"', "back\\slash", "tab\there"]

    def plain():
        return " ".join(r.choices(words, k=r.randint(0, 40))).encode()

    def own_object():
        value = {r.choice([*OWN_NAMES, "level", "n", "x"]): r.choice([1, -2.5e3, None, True, "ü\n\"", [{"time": []}], {}])
                 for _ in range(r.randint(0, 5))}
        return json.dumps(value, ensure_ascii=r.random() < 0.5).encode()

    def broken():
        text = bytearray(own_object())
        text[r.randrange(len(text))] = r.randrange(256)
        return bytes(text).replace(b"\n", b" ")

    def bytes_of_all_kinds():
        return r.randbytes(r.randint(0, 200)).replace(b"\n", b"\0")

    def carriage_return():
        return plain() + b"\r"

    def long():
        return plain() * r.randint(1, 200)

    kinds = [plain] * 12 + [own_object] * 4 + [broken, bytes_of_all_kinds, carriage_return, long]
    lines, total = [], 0
    while total < size:
        lines.append(r.choice(kinds)())
        total += len(lines[-1]) + 1
    return lines


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    path = tmp_path_factory.mktemp("log") / "log"
    lines = mixed_lines(17, SIZE)
    path.write_bytes(b"\n".join(lines))  # the last line has no end
    return path, lines


def output_of(path, *settings, env=None):
    """What comes out of jobinit when the job writes the file, in pieces of all sizes."""
    job = (
        "import os, random, sys\n"
        "r = random.Random(5)\n"
        "with open(sys.argv[1], 'rb') as log:\n"
        "    while piece := log.read(r.choice([1, 100, 4096, 65536, 300000])):\n"
        "        while piece: piece = piece[os.write(1, piece):]\n"
    )
    done = subprocess.run([BINARY, "--quiet", *settings, "--", *python(job, path)], stdout=subprocess.PIPE, check=True,
                          timeout=PATIENCE, env=env or clean_env())
    return done.stdout


def no_constant(name):
    raise ValueError(name)


def as_object(line):
    """The line as Python reads it, if jobinit would merge it: an object, and within what RFC 8259 leaves no doubt about."""
    try:
        text = line.decode()
        value = json.loads(text.strip(" \t\r"), parse_constant=no_constant)
        json.dumps(value, ensure_ascii=False).encode()  # refuses half surrogate pairs
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def test_json_is_what_the_job_wrote_field_for_field(log):
    path, lines = log
    out = output_of(path, "--log-format", "json", "--name", "import", "--log-max-line", "512K").split(b"\n")
    assert out.pop() == b""
    assert len(out) == len(lines)
    merged = 0
    for line, record in zip(lines, out):
        got = json.loads(record.decode(), parse_constant=no_constant)
        own = as_object(line)
        expected = {"stream": "stdout", "job": "import", **(own if own is not None else {"msg": line.decode(errors="each")})}
        for name in ("time", "run_id"):
            if own is None or name not in own:
                value = got.pop(name)
                assert re.fullmatch(TIME.decode() if name == "time" else "[0-9a-f-]{36}", value)
        assert got == expected
        merged += own is not None
    assert merged > len(lines) / 10


def test_text_is_what_the_job_wrote(log):
    path, lines = log
    out = output_of(path, "--log-format", "text", "--log-max-line", "512K").split(b"\n")
    assert out.pop() == b""
    head = re.compile(TIME + rb" stdout ")
    assert [head.sub(b"", record, count=1) for record in out] == lines
    assert all(head.match(record) for record in out)


@pytest.mark.parametrize("form", ["json", "text"])
def test_parts_of_long_lines_join_again(log, form):
    path, lines = log
    out = output_of(path, "--log-format", form, "--log-max-line", "128", "--log-fields", "msg").split(b"\n")
    assert out.pop() == b""
    joined, parts, last_id = [], [], 0
    marker = re.compile(rb"\[split (\d+), part (\d+)(, last)?\] ")
    for record in out:
        if form == "text":
            found = marker.match(record)
            text = marker.sub(b"", record, count=1)
            part = found and (int(found[1]), int(found[2]), found[3] is not None)
        else:
            value = json.loads(record)
            text = value.get("msg", value)
            part = value.get("partial") is True and (value["partial_id"], value["partial_number"], value["partial_last"])
        if not part:
            assert not parts
            joined.append(text)
            continue
        last_id += part[1] == 1
        parts.append(text)
        assert part[:2] == (last_id, len(parts))
        if part[2]:
            joined.append((b"" if form == "text" else "").join(parts))
            parts = []
    assert not parts and last_id > 100
    if form == "text":
        assert joined == lines
    else:
        for got, line in zip(joined, lines, strict=True):
            own = as_object(line) if len(line) <= 128 else None
            assert got == (own.get("msg", own) if own is not None else line.decode(errors="each"))


def test_streams_have_their_names(jobinit):
    run = jobinit("--log-format", "text", "--log-time", "none", "--quiet", "--", "sh", "-c", "echo out; echo err >&2")
    assert run.out == b"stdout out\n"
    assert run.err == "stderr err\n"
    assert run.report["logs"]["tail"] in ("out\nerr\n", "err\nout\n"), "the last words are the job's own"


def test_stack_traces_are_one_record(jobinit):
    job = "print('1 fails\\n Traceback:\\n  line 7\\n2 goes on', flush=True)"
    run = jobinit("--log-format", "json", "--log-fields", "msg", "--log-multiline", r"^\d", "--", *python(job))
    assert [json.loads(line) for line in run.out.splitlines()] == [{"msg": "1 fails\n Traceback:\n  line 7"},
                                                                   {"msg": "2 goes on"}]


def test_a_record_does_not_wait_for_the_job(start):
    """The job writes on only when its stack trace has been seen, which nothing but time can have ended."""
    job = "print('1 fails\\n at x', flush=True); assert input() == 'seen'"
    process = start("--log-format", "json", "--log-fields", "msg", "--log-multiline", "^1", "--", *python(job),
                    stdin=subprocess.PIPE)
    assert json.loads(process.stdout.readline()) == {"msg": "1 fails\n at x"}
    process.stdin.write(b"seen\n")
    process.stdin.close()
    assert process.wait(HANG) == 0


SECRET = 'pä"ss/wörd+0'


@pytest.mark.parametrize("form", ["raw", "text", "json"])
def test_secrets_are_masked_in_log_and_report(jobinit, form):
    job = (
        "import base64, json, os, sys, urllib.parse\n"
        "s = os.environ['DB_PASSWORD']\n"
        "for text in (s, json.dumps({'p': s}), json.dumps([s], ensure_ascii=False), urllib.parse.quote(s),\n"
        "             urllib.parse.quote_plus(s), base64.b64encode(s.encode()).decode(),\n"
        "             base64.b64encode(b'user:' + s.encode()).decode(), base64.urlsafe_b64encode(b'x' + s.encode()).decode()):\n"
        "    for c in (text + '\\n').encode(): os.write(1, bytes([c]))\n"
        "os.write(2, ('on stderr: ' + s).encode())\n"
    )
    run = jobinit("--log-format", form, "--mask", "DB_*", "--", *python(job), env=clean_env(DB_PASSWORD=SECRET))
    everything = run.out.decode() + run.err + json.dumps(run.report, ensure_ascii=False)
    assert run.code == 0
    assert run.out.count(b"***") == 8
    assert "on stderr: ***" in run.err
    assert "on stderr: ***" in run.report["logs"]["tail"]
    raw = SECRET.encode()
    forms = [SECRET, json.dumps(SECRET)[1:-1], urllib.parse.quote(SECRET), urllib.parse.quote_plus(SECRET)]
    # What of the base64 nobody else has a part in.
    forms += [base64.b64encode(b"x" * before + raw).decode()[4:-4] for before in range(3)]
    for one in forms:
        assert one not in everything
    if form == "json":
        for line in run.out.splitlines():
            json.loads(line)


def test_the_secret_of_a_parameter_is_masked_in_the_jobs_output(jobinit, tmp_path):
    job_file = tmp_path / "job.json"
    job_file.write_text(json.dumps({"parameters": {"TOKEN": {"secret": True}}}))
    run = jobinit("--job", job_file, "--", "sh", "-c", "echo token $TOKEN", env=clean_env(TOKEN="hunter2hunter3"))
    assert run.out == b"token ***\n"
    assert run.report["logs"]["tail"] == "token ***\n"


def test_what_is_too_short_is_said_and_not_masked(jobinit):
    run = jobinit("--mask", "PIN,MISSING,NO_*", "--", "echo", "a 123", env=clean_env(PIN="123"))
    assert run.out == b"a 123\n"
    assert "note: mask: the value of PIN is not masked" in run.err
    assert "note: mask: there is no variable MISSING" in run.err
    assert "NO_" not in run.err


def test_patterns_are_masked(jobinit):
    run = jobinit("--mask-pattern", r"(?i)password=(\S+)|\b\d{4}-\d{4}\b", "--", "printf",
                  "Password=abc card 1234-5678\nPASSWORD=x")
    assert run.out == b"Password=*** card ***\nPASSWORD=***"
    assert run.report["logs"]["tail"] == run.out.decode()


@pytest.mark.parametrize("setting", ["--log-multiline", "--mask-pattern"])
def test_an_expression_that_is_none_refuses_the_run(jobinit, setting):
    run = jobinit("--log-format", "text", setting, "(a", "--", "echo", "started")
    assert (run.code, run.cause, run.out) == (125, "rejected", b"")
    assert f'{setting[2:]}: "(a" is not a regular expression' in run.err


def test_colours_are_taken_out(jobinit):
    run = jobinit("--log-strip-ansi", "--", "printf", r"\033[1;31mred\033[0m \033]0;title\007plain\n")
    assert run.out == b"red plain\n"
    assert run.report["logs"]["tail"] == "red plain\n"


def read_all(master):
    out = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:  # the last one has closed the other end
            return out
        if not piece:
            return out
        out += piece


@pytest.mark.parametrize("extra, colours", [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_on_a_terminal_text_has_colours_and_secrets_are_masked(extra, colours):
    master, slave = pty.openpty()
    env = clean_env(**{"TERM": "xterm", "TOKEN": "hunter2hunter3", **extra})
    if "NO_COLOR" not in extra:
        env.pop("NO_COLOR", None)
    process = subprocess.Popen([BINARY, "--quiet", "--mask", "TOKEN", "--log-format", "text", "--log-time", "none", "--",
                                "sh", "-c", "echo token $TOKEN"], stdin=subprocess.DEVNULL, stdout=slave, stderr=slave,
                               env=env)
    os.close(slave)
    out = read_all(master)
    os.close(master)
    assert process.wait(HANG) == 0
    assert out == (b"\x1b[36mstdout\x1b[0m token ***\r\n" if colours else b"stdout token ***\r\n")


def test_a_stuck_reader_holds_up_neither_timeout_nor_report(start, tmp_path):
    job = "import os\nwhile True: os.write(1, b'line of a job that never stops, hunter2hunter3\\n' * 1000)"
    process = start("--timeout", "1s", "--drain-timeout", "200ms", "--log-format", "json", "--mask", "TOKEN", "--",
                    *python(job), env=clean_env(TOKEN="hunter2hunter3"))
    assert process.wait(HANG) == 124
    report = read_report(tmp_path)
    assert report["logs"]["streams"]["stdout"]["dropped_bytes"] > 0
    assert "hunter2" not in json.dumps(report)
