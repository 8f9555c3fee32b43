"""Draws a run: a job, what is done to it, when, and the settings. All from one seed."""
import dataclasses
import datetime
import random
import signal

from .jobs import EXITS_WITH, FOREVER, HUP, INT, JOBS, PRELUDE, REALTIME, TERM, USR1

# What is done, and when it may be. early: before the job has set itself up. up: after that, and it would not end by
# itself. around: about when it ends by itself. after: when it surely has.
DEEDS = {
    "nothing": ("after",),
    "limit": ("up", "around"),
    "limit, then stop": ("up",),
    "stop": ("early", "up", "around", "after"),
    "stop twice": ("early", "up", "around", "after"),
    "stop, then kill": ("up", "around"),
    "kill": ("up", "around"),
    "forward": ("early", "up"),
    "stop in the back-off": ("around", "after"),
}
LIMITS = ("timeout", "attempt_timeout", "start_timeout", "idle_timeout", "watchdog", "deadline")
CODES = (0, 0, 0, 1, 3, 42, 124, 125, 126, 127, 137, 143, 255)
SIGNALS = (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGUSR2, signal.SIGTERM)


@dataclasses.dataclass
class Run:
    name: str
    seed: str
    deed: str
    when: str
    own: int  # exit code, or a signal's number below zero
    life: float
    delay: float  # of the deed
    signal: int = 0  # that is sent, to jobinit or, for "kill", to the job
    limit: str = ""
    limit_after: float = 0
    pid1: bool = False
    reader: str = "reads"
    merged: bool = False
    leftovers: str = "kill"
    heeds: bool = True  # the leftovers heed TERM
    left: float = FOREVER
    forward: str = "group"
    grace: str = "long"
    success_codes: tuple = (0,)
    by_cause: dict = dataclasses.field(default_factory=dict)
    remap: dict = dataclasses.field(default_factory=dict)
    retries: int = 0
    flags: list = dataclasses.field(default_factory=list)

    @property
    def job(self):
        return JOBS[self.name]

    @property
    def ends(self):
        """Whether the job would come to its end by itself."""
        return self.job.ends and not (self.reader == "still" and self.job.writes > 100_000)

    def reaction(self, number):
        """What the main process makes of a signal once it is up: "dies", "lives" or an exit code."""
        if self.name == "stops itself" and number != signal.SIGKILL or number in self.job.survives:
            return "lives"
        # Signals are handled between two operations, and writing to a reader that stands still is one.
        return EXITS_WITH if number in self.job.exits_on else "dies"

    def arrives(self):
        """The signal that comes of a stop request or a forwarded one; 0: none does."""
        if self.forward == "none":
            return TERM if self.deed != "forward" else 0
        return self.signal

    def command(self):
        how = [f"{self.life:.3f}", str(self.own), f"{self.left:.3f}", str(int(self.heeds))]
        if self.job.argv:
            return [*self.job.argv, *how]
        return ["perl", "-e", PRELUDE + self.job.code, *how]

    def arguments(self, report):
        """Only now, since a deadline is counted from now on."""
        flags = list(self.flags)
        if self.limit == "deadline":
            when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=self.limit_after)
            flags += ["--deadline", when.isoformat(timespec="milliseconds")]
        return ["--report-to", f"file:{report}", *flags, "--", *self.command()]

    def __str__(self):
        return f"{self.seed}: {self.name}; {self.deed} {self.when}; {dataclasses.asdict(self)}"


def draw(name, seed):
    rng = random.Random(seed)
    job = JOBS[name]
    reader = rng.choices(("reads", "still", "gone"), (8, 1, 1))[0]
    run = Run(name, seed, deed="", when="", own=0, life=0, delay=0, reader=reader)
    run.own = rng.choice(CODES) if job.argv or rng.random() < 0.7 else -rng.choice(SIGNALS)
    if run.reaction(-run.own) != "dies":
        run.own = -signal.SIGKILL  # what it would take no notice of is not its end
    run.own = -job.own_signal or run.own
    run.pid1 = rng.random() < 0.5
    run.merged = rng.random() < 0.1
    run.forward = rng.choices(("group", "child", "none"), (7, 2, 1))[0]
    run.leftovers = rng.choices(("kill", "wait", "ignore"), (5, 3, 2))[0]
    if run.leftovers == "wait" and not job.can_wait:
        run.leftovers = "kill"
    run.heeds = rng.random() < 0.5
    draw_deed(run, rng)
    draw_times(run, rng)
    draw_settings(run, rng)
    return run


def draw_deed(run, rng):
    if run.job.not_started:
        run.deed, run.when = rng.choice((("nothing", "after"), ("stop", "early"), ("limit", "up"), ("forward", "early")))
    else:
        possible = [(deed, when) for deed, whens in DEEDS.items() for when in whens
                    if (when in ("early", "up") or run.ends)
                    # Nobody would tell that it stands still: the one that does gets the signal too.
                    and (run.name, deed, when) != ("stops itself", "forward", "early")
                    and (when != "after" or not deed.startswith("stop") or deed.endswith("off") or run.job.leftovers)]
        run.deed, run.when = rng.choice(possible)
    if run.deed == "kill":
        run.signal = rng.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGSEGV))
        if run.name == "stops itself":
            run.signal = signal.SIGKILL
    elif run.deed == "forward":
        run.signal = rng.choice((USR1, HUP, REALTIME))
    elif "stop" in run.deed:
        run.signal = rng.choices((TERM, INT), (2, 1))[0]
    if "limit" in run.deed:
        limits = [one for one in LIMITS if one != "idle_timeout" or
                  (run.job.outputs and not (run.reader == "still" and run.job.writes > 100_000))]
        run.limit = "cpu_timeout" if run.job.burns and rng.random() < 0.8 else rng.choice(limits)


def draw_times(run, rng):
    run.limit_after = rng.uniform(1.0, 1.1) if run.limit == "deadline" else rng.uniform(0.02, 0.15)
    run.delay = rng.choice((0, rng.uniform(0, 0.02)))
    run.life = FOREVER
    if run.when == "around":
        near = rng.uniform(-0.015, 0.01)
        run.life = max(0, run.limit_after + near) if run.limit else rng.uniform(0, 0.03)
        run.delay = max(0, run.life + rng.uniform(-0.008, 0.008))
    elif run.when == "after":
        run.life = rng.choice((0, rng.uniform(0, 0.05)))
        if run.deed.startswith("stop") and run.job.leftovers:
            run.heeds = run.heeds and run.leftovers == "wait"
    if run.leftovers == "wait" and not (run.when == "after" and run.deed.startswith("stop")
                                        and not run.deed.endswith("off")):
        run.left = 0.08


def draw_settings(run, rng):
    asked = signal.SIGABRT if run.limit == "watchdog" else TERM if run.limit or run.deed == "forward" else run.arrives()
    lasts = run.reaction(asked) == "lives" or run.when == "after" and not run.heeds
    # A long grace says for sure that the job was not killed before it had the time to end; a tiny one leaves it open.
    run.grace = "tiny" if rng.random() < 0.1 else "short" if lasts else "long"
    if run.deed == "stop, then kill" and lasts:
        run.grace = rng.choice(("short", "long"))
    # However short it is, the platform's own SIGKILL is not due: on a busy machine the killed take their time to die.
    reserve = {"tiny": rng.choice((19_990, 30_000)), "long": 1000, "short": 20_000 - rng.randint(60, 200)}[run.grace]
    run.flags += ["--stop-grace", "60s" if run.grace == "long" else "20s", "--report-reserve", f"{reserve}ms",
                  "--leftover-grace", f"{rng.randint(20, 100)}ms", "--forward", run.forward, "--leftovers", run.leftovers]
    if run.reader == "still":
        run.flags += ["--drain-timeout", "50ms"]
    if run.limit and run.limit != "deadline":
        run.flags += ["--" + run.limit.replace("_", "-"), f"{run.limit_after * 1000:.0f}ms"]
    elif not run.limit and rng.random() < 0.3:
        run.flags += ["--" + rng.choice(LIMITS[:5]).replace("_", "-"), "9m"]  # far away
    if rng.random() < 0.2:
        run.success_codes = (0, 3)
        run.flags += ["--success-codes", "0,3"]
    if rng.random() < 0.2:
        run.by_cause = {rng.choice(("timeout", "stopped", "signaled", "failed", "not_started")): 75}
        run.flags += [f"--exit-code={cause}={code}" for cause, code in run.by_cause.items()]
    if rng.random() < 0.2:
        run.remap = {143: 0, 75: 76}
        run.flags += ["--remap-exit", "143=0,75=76"]
    if run.deed == "nothing" and rng.random() < 0.3:
        run.retries = rng.randint(1, 2)
        run.flags += ["--retries", str(run.retries), "--retry-backoff", "1ms"]
    elif run.deed == "stop in the back-off":
        run.retries = 1
        wait = "10s" if run.when == "after" else f"{rng.randint(0, 40)}ms"
        run.flags += ["--retries", "1", "--retry-backoff", wait]
