"""No ending is lost, none is wrong: thousands of runs, each of another seed, held against an oracle.

JI_ENDINGS  how many runs
JI_SEED     the seed of all of them; a run's own seed, as a failure names it ("17/exits/42"), plays that one alone
"""
import concurrent.futures
import multiprocessing
import os
import random

import pytest

from conftest import SANITIZED, can_unshare

from .jobs import JOBS
from .play import become_reaper, play

RUNS = int(os.environ.get("JI_ENDINGS", 400 if SANITIZED else 3200))
SEED = os.environ.get("JI_SEED") or str(random.SystemRandom().randrange(10**6))
AT_ONCE = 4
ALONE = SEED.split("/") if "/" in SEED else None


@pytest.fixture(scope="module")
def players():
    """Processes, not threads: whatever a run leaves behind becomes a child of the one that plays it."""
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(AT_ONCE, context, initializer=become_reaper) as pool:
        yield pool


@pytest.mark.parametrize("name", [ALONE[1]] if ALONE else JOBS)
def test_ending(name, players):
    seeds = [SEED] if ALONE else [f"{SEED}/{name}/{number}" for number in range(-(-RUNS // len(JOBS)))]
    print(f"JI_SEED={SEED}: {len(seeds)} runs")
    results = players.map(play, [name] * len(seeds), seeds, [can_unshare()] * len(seeds))
    wrong = [result for result in results if result]
    assert not wrong, f"{len(wrong)} of {len(seeds)} runs are wrong (JI_SEED={SEED}); the first:\n" + "\n".join(wrong[:3])
