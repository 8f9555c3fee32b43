"""For all Python tests: with JI_STRICT=1 what this machine lacks is a failure rather than a skip."""
import os

import pytest


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if os.environ.get("JI_STRICT") == "1" and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which JI_STRICT=1 forbids: {report.longrepr}"
