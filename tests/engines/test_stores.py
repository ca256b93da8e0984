"""What only a store can get wrong: credentials, writers at the same time, and a store on which no commit is safe."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from alluvium import Alluvium
from servers import s3
from servers.ceph import Ceph
from servers.nanio import Nanio
from stores import Store

APPEND = {"write_disposition": "append"}
SCHEMA = [("id", "bigint")]


@pytest.fixture
def nanio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nanio]:
    server = Nanio(tmp_path_factory.mktemp("nanio"))
    yield server
    server.stop()


def test_writers_at_the_same_time_all_commit(store: Store, tmp_path: Path, expect) -> None:
    writers = []
    for number in range(4):
        folder = tmp_path / f"writer{number}"
        folder.mkdir()
        writers.append(Alluvium(folder, store, f"writer{number}"))

    def write(number: int) -> None:
        # Pipelines of several names append to one table on purpose here.
        adopt = {"arguments": ["--adopt"]}
        for turn in range(3):
            writers[number].load([{"id": number * 100 + turn}], limits={"commit_attempts": 50}, **adopt, **APPEND)

    with ThreadPoolExecutor(len(writers)) as pool:
        list(pool.map(write, range(len(writers))))
    expect([{"id": number * 100 + turn} for number in range(4) for turn in range(3)], SCHEMA)


def test_credentials_of_the_environment_do(store: Store, alluvium: Alluvium, expect) -> None:
    report = alluvium.run([{"id": 1}], destination=store.uri, env=store.options, **APPEND)
    assert report.code == 0, report
    expect([{"id": 1}], SCHEMA)


def test_a_wrong_secret_is_an_error_without_the_secret(radosgw: Ceph, tmp_path: Path) -> None:
    secret = "canary-9a1f"
    options = radosgw.options | {"AWS_SECRET_ACCESS_KEY": secret}
    run = Alluvium(tmp_path, Store("radosgw", f"s3://{s3.BUCKET}/{tmp_path.name}", options)).run([{"id": 1}], **APPEND)
    assert run.code == 1, run
    assert secret not in f"{run.report}{run.stderr}"
    assert not Store("radosgw", f"s3://{s3.BUCKET}/{tmp_path.name}", radosgw.options).files()


def test_a_store_without_conditional_puts_is_refused(nanio: Nanio, tmp_path: Path) -> None:
    store = Store("nanio", f"s3://{s3.BUCKET}/lake", nanio.options)
    run = Alluvium(tmp_path, store).run([{"id": 1}], **APPEND)
    assert run.code == 1, run
    assert not any("_delta_log/" in name for name in store.files())
