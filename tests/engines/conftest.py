"""The fixtures of the engine tests, and the count of what ran against which engine and store.

A test that asks for `store`, or for anything that is in one, runs once on local disk and once on radosgw.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from alluvium import Alluvium
from check import READS, check
from readers import ENGINES
from servers import s3
from servers.ceph import Ceph
from stores import Store

TESTS: Counter[str] = Counter()


@pytest.fixture(scope="session")
def radosgw(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ceph]:
    """The cluster of the test run."""
    cluster = Ceph()
    cluster.start(tmp_path_factory.mktemp("ceph"))
    yield cluster
    cluster.stop()


@pytest.fixture(params=["disk", "radosgw"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty place for tables."""
    TESTS[request.param] += 1
    if request.param == "disk":
        folder = tmp_path / "lake"
        folder.mkdir()
        return Store("disk", str(folder))
    return Store("radosgw", f"s3://{s3.BUCKET}/{tmp_path.name}", request.getfixturevalue("radosgw").options)


@pytest.fixture
def alluvium(tmp_path: Path, store: Store) -> Alluvium:
    """Runs of the binary into the store."""
    return Alluvium(tmp_path, store)


@pytest.fixture
def expect(store: Store, alluvium: Alluvium) -> Callable[..., None]:
    """`check` of the table that alluvium loads."""
    return partial(check, alluvium.table, storage=store.options)


def pytest_configure() -> None:
    """Fails at once, and not in every test, where the programs are not named."""
    for name in ("ALLUVIUM_BIN", "ALLUVIUM_API_BIN", "ALLUVIUM_SPARK_JARS"):
        if not os.path.exists(os.environ.get(name, "")):
            pytest.exit(f"{name} must name what is there", returncode=3)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Says what the tests ran against."""
    terminalreporter.section("what the tests ran against")
    for name, count in sorted(TESTS.items()):
        terminalreporter.write_line(f"{count:5} tests with tables on {name}")
    for engine in ENGINES:
        reads = [count for (name, _), count in READS.items() if name == engine]
        terminalreporter.write_line(f"{len(reads):5} tests with {sum(reads)} reads by {engine}")
