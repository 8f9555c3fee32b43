"""The oracle: which endings are true, from what the harness knows that it did. Knows nothing of how jobinit decides."""
import signal

CAUSE = {"idle_timeout": "idle_timeout", "cpu_timeout": "cpu_limit", "watchdog": "watchdog"}
LIMIT_CAUSES = ("timeout", "idle_timeout", "cpu_limit", "watchdog")


def own_end(run):
    """How the job ends by itself: (cause, exit code of its own, signal, limit)."""
    if run.own < 0:
        return ("signaled", None, -run.own, None)
    return ("success" if run.own in run.success_codes else "failed", run.own, None, None)


def by_signal(run, number, settled):
    """What becomes of a main process that is asked to end by a signal, and killed at the end of its grace."""
    killed, died = (None, signal.SIGKILL), (None, number)
    reaction = run.reaction(number)
    ways = {died if reaction == "dies" else killed if reaction == "lives" else (reaction, None)}
    if not settled:  # it may not have set itself up yet
        ways.add(died)
    if run.grace == "tiny":
        ways.add(killed)
    return ways


def deed_first(run, settled):
    """The true endings where what is done comes before the job's own end."""
    if run.limit:
        number = signal.SIGABRT if run.limit == "watchdog" else signal.SIGTERM
        ways = by_signal(run, number, settled)
        limited = {(CAUSE.get(run.limit, "timeout"), *way, run.limit) for way in ways}
        if run.deed == "limit, then stop":  # too close together to say which of them came first
            ways = by_signal(run, run.arrives(), settled)
            limited |= {("stopped", *way, None) for way in ways}
            limited |= {(CAUSE.get(run.limit, "timeout"), *way, run.limit) for way in ways}
        return limited
    if run.deed == "kill":
        return {("signaled", None, run.signal, None)}
    if run.deed == "forward":
        ways = by_signal(run, signal.SIGTERM, settled) if run.reaction(run.arrives()) == "lives" or not run.arrives() else set()
        if run.arrives() and (run.reaction(run.arrives()) == "dies" or not settled):
            ways.add((None, run.arrives()))
        return {("stopped", *way, None) for way in ways}
    if "stop" in run.deed:
        ways = by_signal(run, run.arrives(), settled)
        if run.deed == "stop twice":
            if run.grace != "long":  # the second request halves what is left of it
                ways.add((None, signal.SIGKILL))
        if run.deed == "stop, then kill":
            ways.add((None, signal.SIGKILL))
        # The kill may overtake the request, which jobinit has not seen yet when the job is dead.
        overtaken = {("signaled", None, signal.SIGKILL, None)} if run.deed == "stop, then kill" else set()
        return {("stopped", *way, None) for way in ways} | overtaken
    return set()


def at_once(run):
    """The true endings where the job comes to its end just as it is told to: in its grace, by itself."""
    _, code, number, _ = own_end(run)
    if run.limit:
        return {(CAUSE.get(run.limit, "timeout"), code, number, run.limit)}
    return {("stopped", code, number, None)} if "stop" in run.deed else set()


def while_waiting(run):
    """The true endings where the job has ended by itself, and what is done ends the wait for its leftovers."""
    if run.leftovers != "wait" or not run.job.leftovers:
        return set()
    return at_once(run) if not run.limit or run.limit in ("timeout", "deadline", "cpu_timeout") else set()


def truths(run, settled):
    """Every ending that may be told: {(cause, exit code of its own, signal, limit)}."""
    if run.job.not_started:
        return {("not_started", None, None, None)}
    own = {own_end(run)}
    if run.deed == "stop in the back-off":
        return own if run.when == "after" else own | deed_first(run, False) | at_once(run)
    if run.when == "around":
        return own | deed_first(run, settled) | at_once(run)
    if run.when == "after":
        # A wait for leftovers that would not end by themselves can only have ended by what was done.
        return (while_waiting(run) if run.deed.startswith("stop") else set()) or own
    return deed_first(run, settled)


def exit_code(run, ending):
    """What jobinit has to exit with for an ending."""
    cause, code, number, _ = ending
    if cause == "not_started":
        code = run.job.not_started
    elif cause in LIMIT_CAUSES:
        code = 124
    elif number is not None:
        code = 128 + number
    code = run.by_cause.get(cause, code)
    return run.remap.get(code, code)


def attempts(run, ending):
    """How many attempts there may have been."""
    if run.job.not_started:
        return {0, 1}
    if not run.retries or ending[0] == "success":
        return {1}
    if run.deed == "nothing":
        return {run.retries + 1}
    return {1} if run.when == "after" else {1, 2}
