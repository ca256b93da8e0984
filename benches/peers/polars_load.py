"""Loads the bench's API as one would by hand: requests, polars, and a Delta table written by deltalake."""

import sys

import polars
import requests


def main(base_url: str, folder: str) -> None:
    """Fetches page after page into one frame and writes it at once."""
    session = requests.Session()
    pages, offset = [], 0
    while True:
        body = session.get(f"{base_url}/items", params={"offset": offset, "limit": 1000}).json()
        if not body["data"]:
            break
        pages.append(polars.DataFrame(body["data"], infer_schema_length=None))
        offset += len(body["data"])
        if offset >= body["total"]:
            break
    frame = polars.concat(pages, how="diagonal_relaxed").unique("id", keep="last")
    times = [polars.col(name).str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_zone="UTC") for name in ("created_at", "updated_at")]
    frame.with_columns(times).write_delta(f"{folder}/items")


if __name__ == "__main__":
    main(*sys.argv[1:])
