"""For all Python tests: with JI_STRICT=1 what this machine lacks is a failure rather than a skip."""
import os
import signal

import pytest



def pytest_configure(config):
    config.addinivalue_line("markers", "slow: may take longer than others before it is taken for hanging")
    # Whoever started us in the background or by nohup(1) had these ignored, and jobinit gives its job what it found.
    for number in (signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if os.environ.get("JI_STRICT") == "1" and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which JI_STRICT=1 forbids: {report.longrepr}"


@pytest.fixture(autouse=True)
def no_hang(request):
    """A test that hangs ends itself, not the suite."""
    slow = request.node.get_closest_marker("slow")
    seconds = 3600 if slow else 900 if "container" in str(request.path) else 240

    def give_up(*_):
        raise AssertionError(f"gave up after {seconds} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
