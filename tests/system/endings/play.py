"""Plays one run: starts jobinit, does what the plan says, and holds what is told against what is true."""
import contextlib
import ctypes
import json
import os
import pathlib
import re
import selectors
import shutil
import signal
import subprocess
import tempfile
import time

import jsonschema

from conftest import BINARY, NAMESPACE, ROOT, clean_env

from . import plan, truth

HANG = 60  # seconds; a run that takes so long hangs
PR_SET_CHILD_SUBREAPER = 36

_validator = jsonschema.Draft202012Validator(json.loads((ROOT / "runner/report/report.schema.json").read_text()))


class Wrong(Exception):
    """Something that is not true, or got lost."""


def become_reaper():
    """What jobinit leaves behind becomes a child of ours, alive or a zombie: nothing escapes."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def status_of(pid):
    try:
        lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def children_of(parent):
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            status = status_of(entry)
            if status.get("PPid") == str(parent):
                yield int(entry), status


def send(pid, number):
    with contextlib.suppress(ProcessLookupError):  # it has just ended
        os.kill(pid, number)


def signal_number(name):
    if name is None:
        return None
    first, _, more = name.partition("+")
    return int(getattr(signal, first)) + int(more or 0)


class Player:
    def __init__(self, run, folder):
        self.run = run
        self.report_path = folder / "report.json"
        self.selector = selectors.DefaultSelector()
        self.said = {"wire": b"", "out": b"", "err": b""}
        self.open = set()
        self.began = self.up_at = None
        self.hang_at = time.monotonic() + HANG

    # ---- what comes from the run ---------------------------------------------------------------------------------

    def watch(self, name, fd):
        os.set_blocking(fd, False)
        self.open.add(name)
        self.selector.register(fd, selectors.EVENT_READ, name)

    def take(self, timeout):
        for key, _ in self.selector.select(timeout):
            try:
                data = os.read(key.fd, 1 << 16)
            except BlockingIOError:
                continue
            self.said[key.data] += data
            if not data:
                self.selector.unregister(key.fd)
                self.open.discard(key.data)
        if self.up_at is None and b"up " in self.said["wire"]:
            self.up_at = time.monotonic()

    def until(self, condition, what):
        while not condition():
            if time.monotonic() > self.hang_at:
                raise Wrong(f"hangs: {what} did not come about")
            self.take(0.02 if self.open else 0.001)

    def pause(self, seconds):
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.take(left) if self.open else time.sleep(left)

    def over(self):
        return self.process.poll() is not None

    # ---- who is who -----------------------------------------------------------------------------------------------

    def find_jobinit(self):
        """Its pid as seen from here; once it takes signals."""
        self.jobinit = None if self.run.pid1 else self.process.pid

        def takes_signals():
            if self.over():
                return True
            if self.jobinit is None:
                self.jobinit = next((pid for pid, _ in children_of(self.process.pid)), None)
                return False
            blocked = int(status_of(self.jobinit).get("SigBlk", "0").strip(), 16)
            return blocked >> (signal.SIGUSR1 - 1) & 1  # unshare(1) blocks some others

        self.until(takes_signals, "a jobinit that takes signals")

    def find_main(self):
        told = int(re.search(rb"up (\d+)", self.said["wire"]).group(1))
        if not self.run.pid1:
            return told
        inner = (pid for pid, status in children_of(self.jobinit) if status.get("NSpid", "").split()[-1:] == [str(told)])
        return next(inner, None)

    def is_dead(self, pid):
        return pid is None or status_of(pid).get("State", "Z").startswith("Z")

    # ---- what is done to it -----------------------------------------------------------------------------------------

    def ask(self, number=None):
        if not self.over():
            send(self.jobinit, number or self.run.signal)

    def kill_main(self, main, number):
        if main is not None and not self.is_dead(main):
            send(main, number)

    def is_up(self):
        return self.up_at is not None or self.over()

    def act(self):
        run = self.run
        if run.signal:
            self.find_jobinit()
        if run.deed == "nothing" or run.deed == "limit":
            return
        if run.when != "early":
            self.until(self.is_up, "the job")
        if run.deed == "stop in the back-off" and run.when == "after":
            self.until(lambda: b"attempt 1 of" in self.said["err"] + self.said["out"] or self.over(), "the back-off")
        main = self.find_main() if self.up_at and (run.when == "after" or "kill" in run.deed) else None
        if run.when == "after":
            self.until(lambda: self.is_dead(main), "the end of the main process")
        elif run.deed == "limit, then stop":
            run.delay += run.limit_after
        self.pause(run.delay)
        if run.deed == "kill":
            self.kill_main(main, run.signal)
            return
        self.ask()
        if run.deed == "forward":
            self.ended_by_forwarded()
        elif run.deed == "stop twice":
            self.pause(run.delay / 2)
            self.ask()
        elif run.deed == "stop, then kill":
            self.pause(run.delay / 2)
            self.kill_main(main, signal.SIGKILL)

    def ended_by_forwarded(self):
        """Either the job dies of the signal, or it tells that it got it, and is stopped."""
        run = self.run
        if run.arrives() and run.name != "stops itself" or run.job.not_started:
            self.until(lambda: b"got" in self.said["wire"] or self.over(), "the forwarded signal")
        elif run.when == "early":
            self.until(self.is_up, "the job")
        self.ask(signal.SIGTERM)

    # ---- the whole ----------------------------------------------------------------------------------------------------

    def play(self):
        run = self.run
        wire, wire_end = os.pipe()
        out, out_end = os.pipe()
        err, err_end = os.pipe()
        fds = [wire, out, err, wire_end, out_end, err_end]
        command = [*(NAMESPACE if run.pid1 else []), BINARY, *run.arguments(self.report_path)]
        self.began = time.monotonic()
        self.process = subprocess.Popen(command, env=clean_env(WIRE=str(wire_end)), stdin=subprocess.DEVNULL,
                                        stdout=out_end, stderr=out_end if run.merged else err_end, pass_fds=[wire_end])
        try:
            for fd in (wire_end, out_end, err_end):
                os.close(fds.pop(fds.index(fd)))
            self.watch("wire", wire)
            self.watch("err", err)
            if run.reader == "reads" or run.merged:
                self.watch("out", out)
            elif run.reader == "gone":
                os.close(fds.pop(fds.index(out)))
            self.act()
            self.until(self.over, "jobinit's end")
            if run.reader == "still" and not run.merged:
                self.watch("out", out)
            self.nobody_left()
            self.judge()
        except Wrong as wrong:
            raise Wrong(f"{wrong}\n  run {run}\n  command {' '.join(map(repr, command))}\n  said {self.tellable()}") from None
        finally:
            self.clean_up()
            for fd in fds:
                os.close(fd)
            self.selector.close()

    def tellable(self):
        return {name: text[-600:] for name, text in self.said.items()}

    def nobody_left(self):
        if self.run.leftovers == "ignore":
            self.pause(0)
            self.clean_up()
        else:
            try:
                left = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
                raise Wrong(f"left behind: {'a zombie' if left else [status for _, status in children_of(os.getpid())]}")
            except ChildProcessError:
                pass
        self.until(lambda: not self.open, "the end of all files")

    def clean_up(self):
        """Kills and reaps all that came of the run."""
        if not self.over():
            self.process.kill()
            self.process.wait()
        while True:
            try:
                for pid, _ in children_of(os.getpid()):
                    send(pid, signal.SIGKILL)
                os.waitpid(-1, 0)
            except ChildProcessError:
                return

    def judge(self):
        run = self.run
        if not self.report_path.exists():
            raise Wrong(f"no report, exit code {self.process.returncode}")
        report = json.loads(self.report_path.read_text())
        self.report = report
        for problem in _validator.iter_errors(report):
            raise Wrong(f"not by the schema: {problem.message}")
        outcome = report["outcome"]
        told = (outcome["cause"], outcome["job_exit_code"], signal_number(outcome["signal"]), outcome["limit"])
        limit_from = self.began + run.limit_after
        settled = run.when != "early" and self.up_at is not None and (not run.limit or self.up_at < limit_from)
        allowed = truth.truths(run, settled)
        if told not in allowed:
            raise Wrong(f"told {told}, true {'would be one of' if len(allowed) > 1 else 'is'} {allowed}")
        wanted = truth.exit_code(run, told)
        if not self.process.returncode == outcome["exit_code"] == wanted:
            raise Wrong(f"{told}: exit code {self.process.returncode}, reported {outcome['exit_code']}, true is {wanted}")
        if outcome["success"] != (told[0] == "success"):
            raise Wrong(f"{told}: success is told as {outcome['success']}")
        tries = report["attempts"]
        if len(tries) not in truth.attempts(run, told):
            raise Wrong(f"{told}: {len(tries)} attempts, true is {truth.attempts(run, told)}")
        if tries and any(tries[-1][key] != outcome[key] for key in ("cause", "job_exit_code", "signal", "limit")):
            raise Wrong(f"{told}: the last attempt says {tries[-1]}")
        self.judge_leftovers(report["processes"], told)
        self.judge_output(report["logs"], told, len(tries))

    def judge_leftovers(self, processes, told):
        run = self.run
        if processes["unkillable"]:
            raise Wrong("a process is called unkillable")
        if run.deed == "nothing" and run.leftovers != "wait" and run.job.leftovers:
            left = run.job.leftovers * (run.retries + 1 if told[0] != "success" else 1)
            if processes["leftover"] != left:
                raise Wrong(f"{processes['leftover']} left over, true is {left}")
            ignoring = not run.heeds and self.said["wire"].count(b"left") == left  # it says so when it does
            stays = run.name == "leaves a stopped child" or ignoring
            killed = left if run.leftovers == "kill" and stays else 0
            if stays and processes["killed"] != killed:
                raise Wrong(f"{processes['killed']} killed, true is {killed}")

    def judge_output(self, logs, told, tries):
        run = self.run
        if run.merged or run.reader == "gone" or run.job.not_started:
            return
        stream = logs["streams"]["stdout"]
        if stream["bytes"] - stream["dropped_bytes"] != len(self.said["out"]):
            raise Wrong(f"{len(self.said['out'])} bytes came, told {stream}")
        if run.deed == "nothing" and run.reader == "reads":
            if len(self.said["out"]) != run.job.writes * tries:
                raise Wrong(f"{len(self.said['out'])} bytes came of {run.job.writes * tries}")


def play(name, seed, can_be_pid1=True):
    """Plays the run that a seed stands for. Gives what is wrong with it, or None."""
    run = plan.draw(name, seed)
    run.pid1 = run.pid1 and can_be_pid1
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ending-"))
    try:
        Player(run, folder).play()
    except Wrong as wrong:
        return str(wrong)
    finally:
        shutil.rmtree(folder)
    return None
