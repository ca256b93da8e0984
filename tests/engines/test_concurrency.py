"""Loaders that work on one table at once, with another writer's OPTIMIZE beside them: what is acknowledged is there once.

ALLUVIUM_ROUNDS is how many rounds are run; the default is what a test of every day can wait for.
"""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from alluvium import RESOURCE, Alluvium, Run
from readers import ENGINES
from readers.table import Row
from stores import Store

ROUNDS = int(os.environ.get("ALLUVIUM_ROUNDS", "4"))
MERGE = {"write_disposition": "merge", "primary_key": "id"}
# A round on an object store takes seconds where others are at work on the machine.
pytestmark = pytest.mark.timeout(120 + 30 * ROUNDS)


def rows(owner: int, round_: int) -> list[Row]:
    """Rows of one loader: half of them change in every round, the others are new."""
    numbers = [*range(0, 60, 2), *range(100 + 10 * round_, 110 + 10 * round_)]
    return [{"id": 10_000 * owner + number, "owner": owner, "round": round_} for number in numbers]


def optimized(table: str, options: dict[str, str], stop: threading.Event) -> int:
    """Compacts the table again and again; how often that was committed. It may lose a race, which is no fault."""
    done = 0
    while not stop.is_set():
        try:
            done += DeltaTable(table, storage_options=options).optimize.compact()["numFilesAdded"] > 0
        except DeltaError:
            continue
    return done


def found(store: Store) -> list[Row]:
    return ENGINES["deltalake"](store.table(RESOURCE), store.options, None).rows


def test_two_merges_and_an_optimize_lose_and_double_nothing(store: Store, tmp_path: Path) -> None:
    loaders = []
    for owner in (1, 2):
        folder = tmp_path / f"loader-{owner}"
        folder.mkdir()
        loaders.append(Alluvium(folder, store, pipeline=f"loader-{owner}"))
    expected: dict[int, Row] = {}
    stop = threading.Event()
    with ThreadPoolExecutor(3) as pool:
        loaders[0].load(rows(1, 0), **MERGE)
        expected |= {row["id"]: row for row in rows(1, 0)}
        compacting = pool.submit(optimized, store.table(RESOURCE), store.options, stop)
        try:
            for round_ in range(1, ROUNDS + 1):
                runs: list[Run] = list(
                    pool.map(lambda loader, owner, now=round_: loader.run(rows(owner, now), **MERGE), loaders, (1, 2))
                )
                for owner, run in zip((1, 2), runs, strict=True):
                    if run.code == 0:
                        expected |= {row["id"]: row for row in rows(owner, round_)}
                    else:
                        assert run.resource["error"]["code"] == "commit_contended", run
                seen = sorted(found(store), key=lambda row: row["id"])
                assert seen == [expected[number] for number in sorted(expected)], f"round {round_}"
        finally:
            stop.set()
        # Of few rounds it may have lost every race; of many it has not.
        assert compacting.result() > 0 or ROUNDS < 20, "nothing was compacted meanwhile"


@pytest.mark.parametrize("load", [MERGE, {"write_disposition": "append"}], ids=lambda load: load["write_disposition"])
def test_one_config_started_twice_at_once(store: Store, tmp_path: Path, load: dict) -> None:
    """A merge goes in once, whoever comes first; of two appends those that are acknowledged are there."""
    instances = []
    for number in (1, 2):
        folder = tmp_path / f"instance-{number}"
        folder.mkdir()
        instances.append(Alluvium(folder, store, pipeline="one"))
    with ThreadPoolExecutor(2) as pool:
        for round_ in range(ROUNDS):
            before = len(found(store)) if round_ else 0
            runs = list(pool.map(lambda instance, now=round_: instance.run(rows(1, now), **load), instances))
            acknowledged = [run for run in runs if run.code == 0]
            assert acknowledged, runs
            for run in runs:
                assert run.code == 0 or run.resource["error"]["code"] in ("other_run", "commit_contended"), run
            seen = found(store)
            if load is MERGE:
                assert len({row["id"] for row in seen}) == len(seen)
                now = {row["id"]: row for row in rows(1, round_)}
                assert [row for row in seen if row["id"] in now] == sorted(now.values(), key=lambda row: row["id"])
            else:
                assert len(seen) == before + len(acknowledged) * len(rows(1, round_))
