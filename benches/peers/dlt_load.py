"""Loads the bench's API with dlt: the same config as ours, merged into a Delta table on local disk."""

import sys

import dlt
from dlt.sources.rest_api import rest_api_source


def main(base_url: str, folder: str) -> None:
    """Runs one pipeline, whose state lives in the folder of its tables so that every run is a first one."""
    source = rest_api_source({
        "client": {"base_url": base_url},
        "resource_defaults": {"primary_key": "id", "write_disposition": "merge", "table_format": "delta"},
        "resources": [{
            "name": "items",
            "endpoint": {"path": "items", "data_selector": "data", "paginator": {"type": "offset", "limit": 1000}},
        }],
    })
    pipeline = dlt.pipeline(
        "bench",
        destination=dlt.destinations.filesystem(f"file://{folder}"),
        dataset_name="lake",
        pipelines_dir=f"{folder}/state",
    )
    pipeline.run(source)


if __name__ == "__main__":
    main(*sys.argv[1:])
