"""Loads a config with dlt and with alluvium: what each did, and the rows that it left."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dlt
from dlt.sources.rest_api import rest_api_source

import tables

Config = dict[str, Any]
RUN_SECONDS = 60
DATASET = "lake"
# Retries are no part of what is compared: the first error ends a run.
os.environ |= {"RUNTIME__REQUEST_MAX_ATTEMPTS": "1", "RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL"}


class Dlt:
    """Runs of one pipeline of dlt."""

    name = "dlt"

    def __init__(self, folder: Path) -> None:
        self._lake = folder / "dlt"
        self._pipeline = dlt.pipeline(
            "compared",
            destination=dlt.destinations.filesystem(f"file://{self._lake}"),
            dataset_name=DATASET,
            pipelines_dir=str(folder / "pipelines"),
        )

    @contextmanager
    def running(self, config: Config) -> Iterator[list[str]]:
        """A run, which is over at the end of the block; the list then has what went wrong."""
        problems: list[str] = []
        yield problems
        try:
            self._pipeline.run(rest_api_source(config, name="compared"))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a run that failed
            problems.append(f"{type(error).__name__}: {error}")

    def tables(self) -> dict[str, list[str]]:
        """The rows of each table."""
        schemas = self._pipeline.default_schema.data_tables() if self._pipeline.default_schema_name else []
        parents = {table["name"]: table.get("parent") for table in schemas}
        return tables.without_children(self._lake / DATASET, parents)


class Alluvium:
    """Runs of one pipeline of alluvium."""

    name = "alluvium"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def running(self, config: Config) -> Iterator[list[str]]:
        """A run, which goes on beside the block and is over at its end; the list then has what went wrong."""
        problems: list[str] = []
        written = self._folder / "config.json"
        # Keys of our own, and only such as dlt is given in Python.
        destination = {"name": "compared", "dataset": DATASET, "destination": str(self._folder / "alluvium")}
        retry = {"retry": {"max_retries": 0}}
        written.write_text(json.dumps(config | destination | {"client": config["client"] | retry}), encoding="utf-8")
        command = [os.environ["ALLUVIUM_BIN"], "run", str(written), "--output", "json", "--progress", "none"]
        with subprocess.Popen(command, cwd=self._folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
            yield problems
            report, errors = running.communicate(timeout=RUN_SECONDS)
        if running.returncode:
            problems.append(f"exit code {running.returncode}: {errors or report}")

    def tables(self) -> dict[str, list[str]]:
        """The rows of each table."""
        return tables.flattened(self._folder / "alluvium" / DATASET)
