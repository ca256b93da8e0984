"""Runs the alluvium binary as a user does: a config file, an API on loopback, a JSON report.

The binary and the scripted API are named by ALLUVIUM_BIN and ALLUVIUM_API_BIN.
"""

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from readers.table import Row
from stores import Store

RUN_SECONDS = 120
RESOURCE = "items"


@dataclass(frozen=True)
class Run:
    """What a run said."""

    code: int
    report: dict[str, Any]
    stderr: str

    @property
    def resource(self) -> dict[str, Any]:
        """The report of the only resource."""
        return self.report["resources"][0]


class Alluvium:
    """Runs that load the one resource `items` into a store.

    The scripted API serves the keys of every object in alphabetical order, which therefore is the order of new columns.
    """

    def __init__(self, folder: Path, store: Store, pipeline: str = "tests") -> None:
        self._folder = folder
        self._store = store
        self._pipeline = pipeline

    @property
    def table(self) -> str:
        """The table that the runs load."""
        return self._store.table(RESOURCE)

    def load(
        self,
        rows: list[Row] | str,
        *,
        limits: dict[str, Any] | None = None,
        arguments: Sequence[str] = (),
        **resource: Any,
    ) -> dict[str, Any]:
        """Loads rows that must load, and gives the report of the resource; `resource` has further keys of its config."""
        run = self.run(rows, limits=limits, arguments=arguments, **resource)
        assert run.code == 0, f"exit code {run.code}\n{json.dumps(run.report, indent=1)}\n{run.stderr}"
        return run.resource

    def run(
        self,
        rows: list[Row] | str,
        *,
        limits: dict[str, Any] | None = None,
        destination: dict[str, Any] | str | None = None,
        env: dict[str, str] | None = None,
        arguments: Sequence[str] = (),
        **resource: Any,
    ) -> Run:
        """Runs a load of these rows, which may be written as JSON lines where Python could not write them."""
        lines = rows if isinstance(rows, str) else "".join(json.dumps(row) + "\n" for row in rows)
        served = self._folder / "rows.jsonl"
        served.write_text(lines, encoding="utf-8")
        with _api(served) as url:
            endpoint = {
                "path": RESOURCE,
                "data_selector": "data",
                "paginator": {"type": "offset", "limit": 50},
            }
            config = {
                "name": self._pipeline,
                "client": {"base_url": url.removesuffix(f"/{RESOURCE}")},
                "destination": destination or self._store.destination(),
                "limits": limits or {},
                "resources": [{"name": RESOURCE, "endpoint": endpoint} | resource],
            }
            written = self._folder / "config.json"
            written.write_text(json.dumps(config), encoding="utf-8")
            return self._run(written, arguments, env or {})

    def look_after(self, command: str, *more: str) -> dict[str, Any]:
        """Runs `alluvium table` on the table, which must succeed, and gives its report."""
        options = [f"--storage-option={name}={value}" for name, value in self._store.options.items()]
        run = self._command(["table", command, self.table, *options, "--output", "json", *more], {})
        assert run.code == 0, f"exit code {run.code}\n{json.dumps(run.report, indent=1)}\n{run.stderr}"
        return run.report

    def _run(self, config: Path, arguments: Sequence[str], env: dict[str, str]) -> Run:
        return self._command(["run", str(config), "--output", "json", "--progress", "none", *arguments], env)

    def _command(self, arguments: list[str], env: dict[str, str]) -> Run:
        command = [os.environ["ALLUVIUM_BIN"], *arguments]
        # The credentials that an engine of this process took from its environment are not to reach the binary.
        own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        done = subprocess.run(command, env=own | env, cwd=self._folder, capture_output=True, text=True, timeout=RUN_SECONDS)
        report = json.loads(done.stdout) if done.stdout.strip() else {}
        return Run(done.returncode, report, done.stderr)


@contextlib.contextmanager
def _api(rows: Path) -> Iterator[str]:
    """The URL of an API that serves the rows of a file; its first line says that it listens."""
    command = [os.environ["ALLUVIUM_API_BIN"], "--rows-file", str(rows)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            assert url, "the scripted API did not start"
            yield url
        finally:
            server.terminate()
