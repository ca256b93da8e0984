"""Where the tables of the tests are: a local folder or a bucket behind S3. Knows how the alluvium config names a place."""

import hashlib
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from servers import s3


@dataclass(frozen=True)
class Store:
    """A folder for the tables of one test, which is empty at first."""

    name: str
    uri: str
    options: dict[str, str] = field(default_factory=dict)

    def table(self, name: str) -> str:
        """The place of one table."""
        return f"{self.uri}/{name}"

    def destination(self) -> dict[str, Any]:
        """The `destination` of a config."""
        return {"uri": self.uri, "storage_options": self.options}

    def take(self, folder: Path, name: str) -> None:
        """Copies a table that was made elsewhere."""
        if not self.options:
            shutil.copytree(folder, self.table(name))
            return
        client, prefix = s3.client(self.options), urlsplit(self.table(name)).path.lstrip("/")
        for path in folder.rglob("*"):
            if path.is_file():
                client.put_object(Bucket=s3.BUCKET, Key=f"{prefix}/{path.relative_to(folder)}", Body=path.read_bytes())

    def fingerprint(self) -> dict[str, str]:
        """Every file of the folder with the digest of its bytes: equal before and after means that nothing was touched."""
        return {name: hashlib.sha256(body).hexdigest() for name, body in self.files().items()}

    def files(self) -> dict[str, bytes]:
        """Every file of the folder, by its path in it."""
        if not self.options:
            root = Path(self.uri)
            return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        client, prefix = s3.client(self.options), urlsplit(self.uri).path.lstrip("/") + "/"
        files = {}
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=s3.BUCKET, Prefix=prefix):
            for entry in page.get("Contents", []):
                body = client.get_object(Bucket=s3.BUCKET, Key=entry["Key"])["Body"].read()
                files[entry["Key"].removeprefix(prefix)] = body
        return files
