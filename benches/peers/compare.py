"""Runs alluvium and its peers on the same API in turn (A B A B) and prints medians as a Markdown table.

The API is ours, in its own process, with all bodies made beforehand. Each run of a peer is a process of its own with a new,
empty folder; what is measured is the whole process, from its start to its end, unless the row says otherwise.
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass

import chart

HERE = pathlib.Path(__file__).resolve().parent
LIMIT = 1000


@dataclass
class Run:
    """One measured process: seconds, seconds of CPU, and the most memory that it held in bytes.

    Spark does its work in a process of its own, so that only its seconds are known.
    """

    wall: float
    cpu: float | None
    peak: float | None


@dataclass
class Peer:
    """A program under test: its name, and its command for an API and a folder."""

    name: str
    command: list[str]


def measured(command: list[str], log: pathlib.Path) -> Run:
    """Runs a process to its end; one that fails stops the bench."""
    told = log.with_suffix(".took")
    with log.open("ab") as output:
        code = subprocess.call(
            [sys.executable, "-S", "-E", str(HERE / "measure.py"), str(told), *command], stdout=output, stderr=output
        )
    if code != 0:
        sys.exit(f"{command[0]} failed; see {log}")
    wall, cpu, peak = told.read_text().split()
    return Run(float(wall), float(cpu), float(peak))


@contextlib.contextmanager
def api(binary: str, *arguments: str) -> Iterator[str]:
    """The API's base URL while it runs."""
    process = subprocess.Popen([binary, *arguments], stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().strip().removesuffix("/items")
    finally:
        process.kill()
        process.wait()


def rows_in(table: pathlib.Path) -> tuple[int, int]:
    """Rows and distinct keys of a table, by a reader that is none of the peers' writers."""
    import deltalake

    frame = deltalake.DeltaTable(str(table)).to_pyarrow_table(columns=["id"])
    return frame.num_rows, len(frame.column("id").unique())


def median(runs: list[Run]) -> Run:
    """The median of each figure by itself."""
    def of(field: str) -> float | None:
        figures = [getattr(run, field) for run in runs]
        return None if None in figures else statistics.median(figures)

    return Run(of("wall"), of("cpu"), of("peak"))


def config(folder: pathlib.Path, base_url: str, file_bytes: int | None = None) -> pathlib.Path:
    """The same config as that of dlt, for alluvium."""
    text = {
        "client": {"base_url": base_url},
        "resource_defaults": {"primary_key": "id", "write_disposition": "merge"},
        "resources": [{
            "name": "items",
            "endpoint": {
                "path": "items", "data_selector": "data", "paginator": {"type": "offset", "limit": LIMIT},
            },
        }],
    }
    if file_bytes:
        text["limits"] = {"file_bytes": file_bytes}
    path = folder / "items.json"
    path.write_text(json.dumps(text))
    return path


def loads(options: argparse.Namespace, work: pathlib.Path) -> dict[str, Run]:
    """A first load of all rows, by every peer in turn."""
    runs: dict[str, list[Run]] = {}
    with api(options.api, "--rows", str(options.rows), "--render", str(LIMIT)) as url:
        for turn in range(options.turns):
            for peer in ("alluvium", "dlt", "polars + deltalake"):
                folder = pathlib.Path(tempfile.mkdtemp(dir=work))
                command = {
                    "alluvium": [options.alluvium, "run", str(config(folder, url)), "--to", str(folder / "lake")],
                    "dlt": [sys.executable, str(HERE / "dlt_load.py"), url, str(folder)],
                    "polars + deltalake": [sys.executable, str(HERE / "polars_load.py"), url, str(folder / "lake")],
                }[peer]
                run = measured(command, work / "log")
                print(f"  turn {turn + 1}: {peer} {run.wall:.2f} s", file=sys.stderr)
                expected = (options.rows, options.rows)
                if rows_in(folder / "lake" / "items") != expected:
                    sys.exit(f"{peer} did not load every row once")
                runs.setdefault(peer, []).append(run)
                shutil.rmtree(folder)
    return {peer: median(taken) for peer, taken in runs.items()}


def merges(options: argparse.Namespace, work: pathlib.Path) -> dict[str, Run]:
    """A merge of changed rows into a table of all rows with random keys; each turn begins with the same table."""
    base, every = work / "base", max(options.rows // 10_000, 1)
    base.mkdir()
    made = ["--keys", "random"]
    with api(options.api, "--rows", str(options.rows), "--render", str(LIMIT), *made) as url:
        measured([options.alluvium, "run", str(config(base, url, 8 << 20)), "--to", str(base / "lake")], work / "log")
    changes = work / "changes.jsonl"
    subprocess.run(
        [options.api, "--rows", str(options.rows), *made, "--version", "1", "--print-every", str(every)],
        stdout=changes.open("wb"), check=True,
    )
    parquet = work / "changes.parquet"
    subprocess.run([sys.executable, str(HERE / "changes.py"), str(changes), str(parquet)], check=True)
    runs: dict[str, list[Run]] = {}
    with api(options.api, "--rows-file", str(changes)) as url:
        for turn in range(options.turns):
            for peer in ("alluvium", "deltalake", "Spark"):
                folder = pathlib.Path(tempfile.mkdtemp(dir=work))
                shutil.copytree(base / "lake", folder / "lake")
                table = folder / "lake" / "items"
                command = {
                    "alluvium": [options.alluvium, "run", str(config(folder, url)), "--to", str(folder / "lake")],
                    "deltalake": [sys.executable, str(HERE / "merge_deltalake.py"), str(table), str(parquet)],
                    "Spark": [options.spark_python, str(HERE / "merge_spark.py"), options.jars, str(table), str(parquet)],
                }[peer]
                told = work / f"told-{peer}"
                told.write_bytes(b"")
                run = measured(command, told)
                if peer != "alluvium":
                    # The peers print how long the merge alone took.
                    run.wall = float(told.read_text().strip().splitlines()[-1])
                if peer == "Spark":
                    run.cpu = run.peak = None
                print(f"  turn {turn + 1}: {peer} {run.wall:.2f} s", file=sys.stderr)
                if rows_in(table) != (options.rows, options.rows):
                    sys.exit(f"{peer} lost or doubled rows")
                runs.setdefault(peer, []).append(run)
                shutil.rmtree(folder)
    return {peer: median(taken) for peer, taken in runs.items()}


def table(title: str, medians: dict[str, Run], rows: int) -> str:
    """The medians as Markdown, with how many times as long and as much memory as alluvium each peer takes."""
    ours = medians["alluvium"]
    lines = [
        f"| {title} | wall | rows/s | CPU | peak memory | wall, alluvium = 1 | memory, alluvium = 1 |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, run in medians.items():
        cpu = "not counted" if run.cpu is None else f"{run.cpu:.2f} s"
        peak = "not counted" if run.peak is None else f"{run.peak / 1e6:,.0f} MB"
        more = "" if run.peak is None else f"{run.peak / ours.peak:.1f}"
        lines.append(
            f"| {name} | {run.wall:.2f} s | {rows / run.wall:,.0f} | {cpu} | {peak} | {run.wall / ours.wall:.1f} | {more} |"
        )
    return "\n".join(lines)


def program(options: argparse.Namespace, work: pathlib.Path) -> str:
    """The binary itself: its size, its start, and the crates in it."""
    empty = work / "empty.json"
    empty.write_text(json.dumps({"client": {"base_url": "http://127.0.0.1:9"}, "resources": []}))
    starts = {
        "`alluvium --version`": [options.alluvium, "--version"],
        "`alluvium run` without a resource": [options.alluvium, "run", str(empty), "--to", str(work / "none")],
    }
    lines = ["| the program | |", "|---|---:|", f"| size of the binary | {os.path.getsize(options.alluvium) / 1e6:.1f} MB |"]
    for name, command in starts.items():
        run = median([measured(command, work / "log") for _ in range(21)])
        lines.append(f"| {name} | {run.wall * 1000:.1f} ms |")
    lines.append(f"| crates in it | {options.crates} |")
    return "\n".join(lines)


def main() -> None:
    """Measures, prints, and draws the chart."""
    parser = argparse.ArgumentParser()
    for name in ("--alluvium", "--api", "--spark-python", "--jars", "--chart"):
        parser.add_argument(name, required=True)
    parser.add_argument("--crates", type=int, required=True)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="alluvium-peers-") as folder:
        work = pathlib.Path(folder)
        loaded = loads(options, work)
        merged = merges(options, work)
        changed = len((work / "changes.jsonl").read_bytes().splitlines())
        print(table(f"load of {options.rows:,} rows into a new table (merge)", loaded, options.rows), end="\n\n")
        print(table(f"merge of {changed:,} changed rows into {options.rows:,}, random keys; alluvium with its API, the others the merge alone", merged, changed), end="\n\n")
        print(program(options, work))
    bars = [
        ("load", {name: run.wall / loaded["alluvium"].wall for name, run in loaded.items()}),
        ("merge", {name: run.wall / merged["alluvium"].wall for name, run in merged.items()}),
        ("memory of the load", {name: run.peak / loaded["alluvium"].peak for name, run in loaded.items()}),
    ]
    pathlib.Path(options.chart).write_text(chart.svg(bars))


if __name__ == "__main__":
    main()
