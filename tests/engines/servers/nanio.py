"""nanio: an S3 server that answers 200 to a conditional put and overwrites. A store on which no commit is safe."""

import os
import sys
from pathlib import Path

from servers import s3
from servers.daemon import Daemon, free_ports, listens

START_SECONDS = 20


class Nanio:
    """A server over a folder, with one bucket."""

    def __init__(self, folder: Path) -> None:
        (port,) = free_ports(1)
        self.options = s3.options(port)
        (folder / "data").mkdir()
        command = [str(Path(sys.executable).parent / "nanio"), "serve", "--host", "127.0.0.1", "--port", str(port)]
        command += ["--data-dir", str(folder / "data"), "--no-access-log"]
        env = os.environ | {"NANIO_ACCESS_KEY": s3.KEY, "NANIO_SECRET_KEY": s3.SECRET}
        self._server = Daemon(command, folder / "log", env)
        self._server.wait_for(lambda: listens(port), START_SECONDS)
        s3.client(self.options).create_bucket(Bucket=s3.BUCKET)

    def stop(self) -> None:
        """Ends the server; its folder stays."""
        self._server.stop()
