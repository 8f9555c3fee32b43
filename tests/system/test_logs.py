"""Every byte, in order; a reader that is slow, stuck or gone never gets in the way."""
import hashlib
import os
import re
import shutil
import signal
import subprocess
import threading
import time

import pytest

from conftest import BINARY, HANG, NAMESPACE, SANITIZED, can_unshare, clean_env, python, read_report, wait_for_line

WRITES = (
    "import os,sys,random\n"
    "r = random.Random(int(sys.argv[1])); left = int(sys.argv[2])\n"
    "import hashlib; h = hashlib.sha256()\n"
    "while left:\n"
    "    b = r.randbytes(min(left, r.randint(1, 100000))); left -= len(b); h.update(b)\n"
    "    while b: b = b[os.write(int(sys.argv[3]), b):]\n"
    "open(sys.argv[4], 'w').write(h.hexdigest())"
)


@pytest.mark.parametrize("stream", [1, 2])
@pytest.mark.parametrize("size", [0, 1, 65536, 65537, 20_000_000])
def test_byte_exact(jobinit, tmp_path, place, stream, size):
    digest = tmp_path / "digest"
    run = jobinit("--quiet", "--", *python(WRITES, size, size, stream, digest), place=place)
    assert run.code == 0
    got = run.out if stream == 1 else None
    if stream == 1:
        assert hashlib.sha256(got).hexdigest() == digest.read_text()
    name = {1: "stdout", 2: "stderr"}[stream]
    stream = run.report["logs"]["streams"][name]
    assert (stream["bytes"], stream["dropped_bytes"], stream["error"]) == (size, 0, None)
    assert (stream["first_output_seconds"] is None) == (size == 0)
    assert stream["tail_truncated"] == (size > 65536)


def test_both_streams_into_one_file_keep_their_order(tmp_path):
    job = "import os\nfor i in range(20000): os.write(1 + i % 2, b'%d\\n' % i)"
    with open(tmp_path / "log", "wb") as log:
        subprocess.run([BINARY, "--quiet", "--", *python(job)], stdout=log, stderr=log, env=clean_env(), check=True,
                       timeout=HANG)
    assert (tmp_path / "log").read_bytes() == b"".join(b"%d\n" % i for i in range(20000))


def test_a_reader_that_goes_away_does_not_end_the_run(start, tmp_path):
    process = start("--", *python("import sys\nfor i in range(100000): print('line', i)\nsys.exit(6)"))
    process.stdout.close()
    assert process.wait(HANG) == 6
    counts = read_report(tmp_path)["logs"]["streams"]["stdout"]
    assert 0 < counts["dropped_bytes"] <= counts["bytes"]
    assert counts["error"] == "stdout: Broken pipe"
    assert process.stderr.read().count(b"the log cannot be written to stdout: Broken pipe") == 1
    assert read_report(tmp_path)["logs"]["tail"].endswith("line 99999\n")


def test_a_stuck_reader_holds_up_neither_timeout_nor_signals(start, tmp_path):
    """Nobody reads: the job blocks on its pipe, PID 1 does not."""
    process = start("--timeout", "1s", "--drain-timeout", "200ms", "--", "yes")
    assert process.wait(HANG) == 124
    counts = read_report(tmp_path)["logs"]["streams"]["stdout"]
    assert counts["dropped_bytes"] > 0


def test_a_slow_reader_gets_everything(start, tmp_path):
    """The job is done at once; its pipe is drained at the reader's pace, beyond --drain-timeout as long as it moves."""
    size = 150_000
    process = start("--drain-timeout", "2s", "--", *python(f"import os; os.write(1, b'x' * {size})"))
    got = bytearray()
    pause = threading.Event()
    while chunk := os.read(process.stdout.fileno(), 8192):
        got += chunk
        pause.wait(0.05)
    assert process.wait(HANG) == 0
    assert bytes(got) == b"x" * size
    assert read_report(tmp_path)["logs"]["streams"]["stdout"]["dropped_bytes"] == 0


def test_the_callers_stdout_is_not_made_non_blocking():
    read, write = os.pipe()
    subprocess.run([BINARY, "--quiet", "--", "echo", "hello"], stdout=write, env=clean_env(), check=True, timeout=HANG)
    assert os.get_blocking(write)
    os.close(write)
    assert os.read(read, 100) == b"hello\n"
    os.close(read)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user")
def test_a_pipe_that_may_not_be_opened_anew():
    """A container runtime's pipes are root's: a job's user can write to them, but /proc/self/fd/1 is closed to it."""
    size = 1_000_000
    process = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", BINARY, "--quiet", "--",
         *["head", "-c", str(size), "/dev/zero"]],
        stdout=subprocess.PIPE, env=clean_env(), timeout=HANG, check=True)
    assert process.stdout == bytes(size)


def test_a_socket_as_stdout():
    import socket

    ours, theirs = socket.socketpair()
    process = subprocess.Popen([BINARY, "--quiet", "--", "seq", "100000"], stdout=theirs, env=clean_env())
    theirs.close()
    got = b""
    while chunk := ours.recv(65536):
        got += chunk
    assert process.wait(HANG) == 0
    assert got == b"".join(b"%d\n" % i for i in range(1, 100001))


def test_a_file_opened_for_appending(tmp_path):
    log = tmp_path / "log"
    log.write_text("before\n")
    with open(log, "ab") as out:
        subprocess.run([BINARY, "--quiet", "--", "echo", "after"], stdout=out, env=clean_env(), check=True, timeout=HANG)
    assert log.read_text() == "before\nafter\n"


def test_the_tail_is_the_newest_part(jobinit):
    run = jobinit("--tail", "1K", "--", "seq", "1", "10000")
    logs = run.report["logs"]
    assert len(logs["tail"]) == 1024 and logs["tail"].endswith("9999\n10000\n") and logs["tail_truncated"]
    assert jobinit("--tail", "0", "--", "seq", "10").report["logs"]["tail"] == ""


def test_on_a_terminal_the_job_has_it(tmp_path):
    import pty

    main, sub = pty.openpty()
    code = subprocess.run([BINARY, "--report-to", f"file:{tmp_path}/report.json", "--quiet", "--",
                           *python("import os,sys; sys.exit(0 if os.isatty(1) and os.isatty(2) else 1)")],
                          stdin=sub, stdout=sub, stderr=sub, env=clean_env(), timeout=HANG).returncode
    os.close(main)
    os.close(sub)
    assert code == 0
    assert read_report(tmp_path)["logs"]["captured"] is False


@pytest.mark.parametrize("closed", [[0], [1], [2], [0, 1], [1, 2], [0, 1, 2]], ids=str)
def test_closed_standard_descriptors(tmp_path, closed):
    """The job finds 0, 1 and 2 open, none of them is one of our own files, and the report says what happened."""
    shell = " ".join(f"{fd}{'<' if fd == 0 else '>'}&-" for fd in closed)
    report = tmp_path / "report.json"
    code = subprocess.run(
        ["sh", "-c", f'exec "$@" {shell}', "sh", BINARY, "--report-to", f"file:{report}", "--",
         "sh", "-c", "for fd in 0 1 2; do test -e /proc/self/fd/$fd || exit 9; done; echo out; echo err >&2; exit 5"],
        env=clean_env(), timeout=HANG, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
    assert code == 5
    assert read_report(tmp_path)["outcome"]["cause"] == "failed"


def test_stop_while_the_reader_is_stuck(start, tmp_path):
    process = start("--stop-grace", "2s", "--report-reserve", "500ms", "--", "sh", "-c", "echo ready; exec yes")
    wait_for_line(process.stdout, b"ready")
    process.send_signal(signal.SIGTERM)
    process.wait(HANG)
    assert read_report(tmp_path)["outcome"]["cause"] == "stopped"


@pytest.mark.parametrize("wrapper", [[], NAMESPACE], ids=["not PID 1", "PID 1"])
def test_a_reader_that_is_our_own_child_gets_everything(tmp_path, wrapper):
    """A shell that ends in exec leaves its background processes to jobinit: here the one that reads its output, slowly."""
    if wrapper and not can_unshare():
        pytest.skip("needs root and unshare(1) for a pid namespace")
    script = (
        'exec > >(while read -r line; do echo "got $line"; done > "$1"; echo end >> "$1") 2>&1\n'
        'shift; exec "$@"\n'
    )
    subprocess.run([*wrapper, "bash", "-c", script, "bash", tmp_path / "log", BINARY, "--report-to",
                    f"file:{tmp_path}/report.json", "--", "seq", "2000"], env=clean_env(), check=True, timeout=HANG)
    log = tmp_path / "log"
    deadline = threading.Event()
    for _ in range(HANG * 10):  # not PID 1: the reader may outlive jobinit
        if log.read_text().endswith("end\n"):
            break
        deadline.wait(0.1)
    lines = log.read_text().splitlines()
    assert lines[:2000] == [f"got {i}" for i in range(1, 2001)]
    assert lines[2000].startswith("got jobinit: seq succeeded")
    report = read_report(tmp_path)
    assert report["processes"] == {"reaped": 0, "leftover": 0, "killed": 0, "unkillable": False}


def test_a_shared_socket_is_not_made_non_blocking():
    """Nor while it waits for the reader: the flag belongs to everybody who has the socket."""
    import socket

    ours, theirs = socket.socketpair()
    process = subprocess.Popen([BINARY, "--quiet", "--", "head", "-c", "3000000", "/dev/zero"], stdout=theirs, env=clean_env())
    got = len(ours.recv(1))
    threading.Event().wait(0.5)  # by now the socket is full, and jobinit waits
    assert os.get_blocking(theirs.fileno())
    while got < 3000000:
        got += len(ours.recv(65536))
    assert process.wait(HANG) == 0
    assert os.get_blocking(theirs.fileno())
    ours.close()
    theirs.close()


def test_a_log_that_reaches_its_size_limit_does_not_end_the_job(tmp_path):
    """SIGXFSZ and EFBIG are jobinit's own, for its own write: the job wrote to a pipe."""
    with open(tmp_path / "log", "wb") as log:
        code = subprocess.run(["sh", "-c", 'ulimit -f 20; exec "$@"', "sh", BINARY, "--report-to",
                               f"file:{tmp_path}/report.json", "--tail", "100", "--", "sh", "-c", "head -c 1000000 /dev/zero; exit 3"],
                              stdout=log, stderr=subprocess.DEVNULL, env=clean_env(), timeout=HANG).returncode
    assert code == 3
    counts = read_report(tmp_path)["logs"]["streams"]["stdout"]
    assert counts["bytes"] == 1000000 and counts["dropped_bytes"] > 0
    assert read_report(tmp_path)["outcome"]["cause"] == "failed"


# ---- at full speed: what nobody looks at is moved within the kernel ----------------------------------------------------

FLOOD = (
    "import hashlib,os,random,sys\n"
    "block = random.Random(1).randbytes(1 << 20); digest = hashlib.sha256()\n"
    "for i in range(int(sys.argv[1])):\n"
    "    b = b'%8d' % i + block; digest.update(b)\n"
    "    while b: b = b[os.write(1, b):]\n"
    "os.write(1, b'the last line\\n'); digest.update(b'the last line\\n')\n"
    "open(sys.argv[2], 'w').write(digest.hexdigest())"
)


def flood(tmp_path, mebibytes):
    return [BINARY, "--quiet", "--report-to", f"file:{tmp_path}/report.json", "--",
            *python(FLOOD, mebibytes, tmp_path / "digest")]


def judge_flood(tmp_path, got):
    assert got.hexdigest() == (tmp_path / "digest").read_text()
    logs = read_report(tmp_path)["logs"]
    stream = logs["streams"]["stdout"]
    assert stream["dropped_bytes"] == 0 and stream["error"] is None
    assert logs["tail"].endswith("the last line\n") and logs["tail_truncated"]
    assert stream["tail"] == logs["tail"]


def hash_of(read):
    digest = hashlib.sha256()
    while chunk := read():
        digest.update(chunk)
    return digest


def test_256_mib_into_a_pipe(tmp_path):
    process = subprocess.Popen(flood(tmp_path, 256), stdout=subprocess.PIPE, env=clean_env())
    got = hash_of(lambda: process.stdout.read1(1 << 20))
    assert process.wait(HANG) == 0
    judge_flood(tmp_path, got)


@pytest.mark.parametrize("mode", ["wb", "ab"])
def test_256_mib_into_a_file(tmp_path, mode):
    with open(tmp_path / "log", mode) as log:
        subprocess.run(flood(tmp_path, 256), stdout=log, env=clean_env(), check=True, timeout=60)
    with open(tmp_path / "log", "rb") as log:
        judge_flood(tmp_path, hash_of(lambda: log.read(1 << 20)))


def test_64_mib_into_a_socket(tmp_path):
    import socket

    ours, theirs = socket.socketpair()
    process = subprocess.Popen(flood(tmp_path, 64), stdout=theirs, env=clean_env())
    theirs.close()
    got = hash_of(lambda: ours.recv(1 << 20))
    ours.close()
    assert process.wait(HANG) == 0
    judge_flood(tmp_path, got)


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
@pytest.mark.skipif(SANITIZED, reason="the sanitizer's own calls would be the ones that fail")
@pytest.mark.parametrize("refused", ["splice", "tee", "splice,tee"])
@pytest.mark.parametrize("error", ["EINVAL", "EPERM", "ENOMEM"])
def test_a_sandbox_without_splice(tmp_path, refused, error):
    process = subprocess.Popen(["strace", "-o", tmp_path / "trace", "-e", f"trace={refused}", "-e",
                                f"inject={refused}:error={error}", *flood(tmp_path, 16)],
                               stdout=subprocess.PIPE, env=clean_env())
    got = hash_of(lambda: process.stdout.read1(1 << 20))
    assert process.wait(HANG) == 0
    judge_flood(tmp_path, got)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user")
@pytest.mark.parametrize("size", [5, 3_000_000])
def test_a_pipe_of_somebody_elses_without_splice(tmp_path, size):
    """It cannot be opened anew, nor spliced into: what is left is to look first, and to write little."""
    if not shutil.which("strace") or SANITIZED:
        pytest.skip("needs strace, and the release binary")
    process = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "strace", "-o", "/dev/null", "-e", "trace=splice",
         "-e", "inject=splice:error=EPERM", BINARY, "--quiet", "--", "head", "-c", str(size), "/dev/zero"],
        stdout=subprocess.PIPE, env=clean_env(), timeout=HANG, check=True)
    assert process.stdout == bytes(size)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user")
def test_another_writer_of_a_pipe_that_may_not_be_opened_anew(tmp_path):
    """Whoever else writes into it may fill it between a look and a write: PID 1 must not be caught by that."""
    tmp_path.chmod(0o777)
    for folder in tmp_path.parents[:2]:
        folder.chmod(0o755)
    read, write = os.pipe()
    rival = subprocess.Popen(["yes", "rival"], stdout=write)
    process = subprocess.Popen(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", BINARY, "--report-to",
         f"file:{tmp_path}/report.json", "--quiet", "--timeout", "1s", "--stop-grace", "0", "--drain-timeout", "200ms",
         "--", "yes", "job"], stdout=write, env=clean_env())
    os.close(write)
    deadline = time.monotonic() + 0.7
    while time.monotonic() < deadline:
        os.read(read, 3000)
    # From here on nobody reads.
    try:
        assert process.wait(HANG) == 124
    finally:
        process.kill()
        rival.kill()
        rival.wait()
        os.close(read)


def test_the_last_words_of_each_stream(jobinit):
    run = jobinit("--tail", "1K", "--tail-lines", "2", "--", "sh", "-c",
                  "echo first >&2; echo second >&2; echo third >&2; seq 1 200000")
    logs = run.report["logs"]
    assert logs["tail"] == logs["streams"]["stdout"]["tail"] == "199999\n200000\n"
    assert logs["streams"]["stderr"]["tail"] == "second\nthird\n" and logs["streams"]["stderr"]["tail_truncated"]
    assert logs["streams"]["stderr"]["lines"] == 3
    assert 0 <= logs["streams"]["stderr"]["first_output_seconds"] <= run.report["times"]["duration_seconds"]


def test_the_last_words_that_nobody_read(start, tmp_path):
    """The reader stands still, the job is full of words: its last ones are in its pipe when it dies."""
    job = ("import os,signal\n"
           "os.set_blocking(1, False)\n"
           "def last(*_): os._exit(4)\n"
           "tries = 0\n"
           "import time\n"
           "n = 0\n"
           "while tries < 20:\n"
           "    try: os.write(1, b'%099d\\n' % n); n += 1; tries = 0\n"
           "    except BlockingIOError: tries += 1; time.sleep(0.05)\n"
           "open(__import__('sys').argv[1], 'w').write(str(n))\n"
           "os._exit(4)")
    process = start("--drain-timeout", "100ms", "--tail", "100", "--", *python(job, tmp_path / "written"))
    assert process.wait(HANG) == 4
    logs = read_report(tmp_path)["logs"]
    written = int((tmp_path / "written").read_text())
    assert logs["tail"] == "%099d\n" % (written - 1)
    stream = logs["streams"]["stdout"]
    assert stream["bytes"] == written * 100
    process.stdout.flush()
    assert len(process.stdout.read()) == stream["bytes"] - stream["dropped_bytes"]


# ---- dropping, files, rates --------------------------------------------------------------------------------------------

NOTE = re.compile(rb"jobinit: (\d+) bytes \((\d+) lines\) of output (dropped|suppressed)\n")


def test_dropping_counts_what_is_missing(start, tmp_path):
    """Nobody reads until the job, which would never have ended otherwise, has ended."""
    job = ("import os,sys\n"
           "for i in range(0, 500000, 1000): os.write(1, b''.join(b'line %d\\n' % j for j in range(i, i + 1000)))\n"
           "open(sys.argv[1], 'w').close()")
    process = start("--log-overflow", "drop", "--quiet", "--drain-timeout", "10s", "--", *python(job, tmp_path / "done"))
    deadline = time.monotonic() + HANG
    while not (tmp_path / "done").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (tmp_path / "done").exists(), "the job was held up"
    out = process.stdout.read()
    assert process.wait(HANG) == 0
    everything = b"".join(b"line %d\n" % i for i in range(500000))
    stream = read_report(tmp_path)["logs"]["streams"]["stdout"]
    notes = NOTE.findall(out)
    assert notes and {kind for _, _, kind in notes} == {b"dropped"}
    assert sum(int(size) for size, _, _ in notes) == stream["dropped_bytes"] > 0
    rest = NOTE.sub(b"", out)
    assert len(rest) == len(everything) - stream["dropped_bytes"] and stream["bytes"] == len(everything)
    assert rest.count(b"\n") == 500000 - sum(int(lines) for _, lines, _ in notes) and stream["lines"] == 500000
    begin = NOTE.search(out).start()
    assert out[:begin] == everything[:begin]


def test_a_timeout_while_output_is_dropped(start, tmp_path):
    process = start("--log-overflow", "drop", "--timeout", "2s", "--stop-grace", "0", "--drain-timeout", "100ms", "--", "yes")
    assert process.wait(HANG) == 124
    stream = read_report(tmp_path)["logs"]["streams"]["stdout"]
    assert 0 < stream["dropped_bytes"] and stream["bytes"] - stream["dropped_bytes"] < 3_000_000


def test_a_reader_that_is_stopped(tmp_path):
    """A log driver under SIGSTOP: the limit acts; and when it goes on it gets what was written."""
    reader = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    reader.send_signal(signal.SIGSTOP)
    process = subprocess.Popen([BINARY, "--report-to", f"file:{tmp_path}/report.json", "--quiet", "--timeout", "500ms",
                                "--stop-grace", "0", "--drain-timeout", "100ms", "--", "yes"],
                               stdout=reader.stdin, env=clean_env())
    reader.stdin.close()
    assert process.wait(HANG) == 124
    reader.send_signal(signal.SIGCONT)
    out = reader.stdout.read()
    reader.wait(HANG)
    stream = read_report(tmp_path)["logs"]["streams"]["stdout"]
    assert len(out) == stream["bytes"] - stream["dropped_bytes"]
    assert out == b"y\n" * (len(out) // 2)


@pytest.mark.parametrize("only", [False, True])
def test_a_log_file_with_rotation(jobinit, tmp_path, only):
    log = tmp_path / "job.log"
    run = jobinit("--log-file", log, "--log-rotate", "100000x1000", *(["--log-file-only"] if only else []), "--quiet", "--",
                  *python("import os\nfor i in range(100000): os.write(1 + i % 2, b'%d\\n' % i)"))
    assert run.code == 0
    parts = sorted(tmp_path.glob("job.log.*"), key=lambda path: -int(path.suffix[1:])) + [log]
    everything = b"".join(part.read_bytes() for part in parts)
    numbers = list(map(int, everything.split()))
    if only:  # one pipe for both
        assert numbers == list(range(100000))
        assert run.out == b"" and run.err == ""
    else:
        assert [n for n in numbers if n % 2 == 0] == list(range(0, 100000, 2))
        assert [n for n in numbers if n % 2 == 1] == list(range(1, 100000, 2))
        assert run.out.split() == [b"%d" % n for n in range(0, 100000, 2)]
    assert all(part.stat().st_size <= 100000 for part in parts)
    assert all(part.read_bytes().endswith(b"\n") for part in parts)
    file = run.report["logs"]["file"]
    assert file == {"path": str(log), "bytes": len(everything), "dropped_bytes": 0, "rotations": len(parts) - 1, "error": None}


def test_a_log_file_that_cannot_be_opened_is_refused(jobinit, tmp_path):
    run = jobinit("--log-file", tmp_path / "no" / "log", "--", "touch", tmp_path / "ran")
    assert run.code == 125 and run.cause == "rejected" and not (tmp_path / "ran").exists()
    assert run.report["outcome"]["problems"] == [f"log-file: {tmp_path}/no/log: No such file or directory"]


def can_mount():
    return can_unshare() and subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]).returncode == 0


@pytest.mark.parametrize("where", ["log file", "stdout"])
def test_a_full_disk(tmp_path, where):
    if not can_mount():
        pytest.skip("needs root and unshare(1), to mount a small tmpfs")
    sink = "--log-file /mnt/log --log-file-only" if where == "log file" else ""
    script = (f'mount -t tmpfs -o size=1m none /mnt || exit 99; cd "$1"; shift; '
              f'"$0" --report-to file:report.json --quiet {sink} -- "$@" > {"/mnt/log" if where == "stdout" else "/dev/null"}; '
              "code=$?; wc -c < /mnt/log > kept; exit $code")
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script, BINARY, tmp_path, "sh", "-c",
                           "head -c 3000000 /dev/zero; exit 7"], env=clean_env(), timeout=HANG, stderr=subprocess.PIPE)
    assert done.returncode == 7
    logs = read_report(tmp_path)["logs"]
    name, stream = next(iter(logs["streams"].items()))
    kept = int((tmp_path / "kept").read_text())
    assert kept + stream["dropped_bytes"] == stream["bytes"] == 3000000
    if where == "log file":
        assert logs["file"]["error"] == "/mnt/log: No space left on device" and logs["file"]["dropped_bytes"] == 3000000 - kept
        assert done.stderr.count(b"No space left on device") == 1
    else:
        assert stream["error"] == "stdout: No space left on device"


def test_a_rate(jobinit):
    run = jobinit("--log-rate", "100/s", "--quiet", "--", "seq", "1", "100000")
    stream = run.report["logs"]["streams"]["stdout"]
    notes = NOTE.findall(run.out)
    assert notes and {kind for _, _, kind in notes} == {b"suppressed"}
    assert sum(int(size) for size, _, _ in notes) == stream["suppressed_bytes"] and stream["dropped_bytes"] == 0
    rest = NOTE.sub(b"", run.out)
    assert len(rest) + stream["suppressed_bytes"] == stream["bytes"]
    assert rest.startswith(b"1\n2\n3\n")
    assert rest.count(b"\n") % 100 == 0 and rest.count(b"\n") + sum(int(lines) for _, lines, _ in notes) == 100000
    assert run.report["logs"]["tail"].endswith("99999\n100000\n")
