"""A server as a child process: started, awaited until it answers, stopped. Every wait has an end."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

STOP_SECONDS = 15


class Daemon:
    """A running server, whose output goes to a file that is shown if it does not come up."""

    def __init__(self, command: list[str], log: Path, env: Mapping[str, str] | None = None) -> None:
        self._log = log
        with log.open("wb") as output:
            self._child = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=env)

    def wait_for(self, ready: Callable[[], bool], seconds: float) -> None:
        """Waits until it is ready; fails if it ends or takes longer."""
        end = time.monotonic() + seconds
        while not ready():
            if self._child.poll() is not None or time.monotonic() > end:
                self.stop()
                raise RuntimeError(f"{self._child.args} did not come up:\n{self._log.read_text(errors='replace')[-4000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Ends it, by force if it does not go."""
        self._child.terminate()
        try:
            self._child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait(STOP_SECONDS)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on; all different, because all are held at once."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def listens(port: int) -> bool:
    """Whether a connection to the port is taken."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
