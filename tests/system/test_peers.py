"""The peers' own test suites, unmodified, with jobinit under their names: scripts/peer-tests."""
import os
import subprocess

import pytest

from conftest import BINARY, ROOT, SANITIZED

# The sanitizer takes these signals for itself before main(): what the caller ignores, the job would no longer ignore.
HANDS_OFF = "handle_segv=0:handle_sigbus=0:handle_sigfpe=0"


@pytest.mark.slow
def test_their_suites_pass():
    env = {**os.environ, "JI_BINARY": BINARY}
    if SANITIZED:
        env["ASAN_OPTIONS"] += ":" + HANDS_OFF
    run = subprocess.run([ROOT / "scripts" / "peer-tests"], env=env, capture_output=True, text=True)
    if run.returncode == 3:
        pytest.skip("the peers' sources cannot be fetched: " + run.stderr.splitlines()[-1])
    assert run.returncode == 0, run.stderr
