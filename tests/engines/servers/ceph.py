"""A Ceph cluster of one node with its S3 gateway, radosgw, as in production but for the disk: objects stay in memory.

1. A monitor holds the map of the cluster. 2. An object store daemon holds the objects. 3. radosgw serves them as S3.

All run in the foreground as children of this process, so that none outlives it, and on ports that nobody has. There is no
manager daemon: it would give statistics only, and is the largest of all.
"""

import contextlib
import subprocess
import uuid
from pathlib import Path

from servers import s3
from servers.daemon import Daemon, free_ports, listens

START_SECONDS = 60

# Why some of these: the daemons do not authenticate each other, and then must be told a connection mode, or radosgw waits for
# a handshake that never comes; one copy of everything, on the only node; few placement groups, or making the pools takes
# longer than all else; without tcp_nodelay every answer waits for a delayed acknowledgement.
CONFIGURATION = """
[global]
fsid = {cluster}
mon host = [v2:127.0.0.1:{monitor_port}]
mon initial members = one
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc secure
ms mon cluster mode = crc secure
ms mon service mode = crc secure
mon allow pool size one = true
mon max pg per osd = 1000
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 2
osd pool default pgp num = 2
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd objectstore = memstore
memstore device bytes = 2147483648
run dir = {folder}
admin socket = {folder}/$name.asok
log file = {folder}/$name.log
mon data = {folder}/mon
osd data = {folder}/osd
rgw data = {folder}/rgw
[client.rgw.one]
rgw frontends = beast endpoint=127.0.0.1:{gateway_port} tcp_nodelay=1
rgw dns name = 127.0.0.1
"""


class Ceph:
    """A running cluster with one user and one bucket. Its options are known before it runs."""

    def __init__(self) -> None:
        self._monitor_port, self._gateway_port = free_ports(2)
        self._running = contextlib.ExitStack()
        self.options = s3.options(self._gateway_port)

    def start(self, folder: Path) -> None:
        """Starts it with its files in an empty folder."""
        with contextlib.ExitStack() as started:
            self._start(folder, started)
            self._running = started.pop_all()

    def stop(self) -> None:
        """Ends all daemons, the gateway first."""
        self._running.close()

    def _start(self, folder: Path, started: contextlib.ExitStack) -> None:
        for name in ("mon", "osd", "rgw"):
            (folder / name).mkdir()
        conf = folder / "ceph.conf"
        cluster = str(uuid.uuid4())
        ports = {"monitor_port": self._monitor_port, "gateway_port": self._gateway_port}
        conf.write_text(CONFIGURATION.format(cluster=cluster, folder=folder, **ports))

        def call(*command: str) -> None:
            done = subprocess.run(
                [command[0], "-c", str(conf), *command[1:]], capture_output=True, text=True, timeout=START_SECONDS
            )
            if done.returncode != 0:
                raise RuntimeError(f"{command}: {done.stderr[-2000:]}")

        def daemon(*command: str) -> Daemon:
            log = folder / f"{Path(command[0]).name}.out"
            running = Daemon([command[0], "-c", str(conf), "-f", *command[1:]], log)
            started.callback(running.stop)
            return running

        monitor_map = str(folder / "monmap")
        address = f"[v2:127.0.0.1:{self._monitor_port}]"
        create = ["monmaptool", "--create", "--fsid", cluster, "--addv", "one", address, monitor_map]
        subprocess.run(create, check=True, capture_output=True, timeout=START_SECONDS)
        call("ceph-mon", "--mkfs", "-i", "one", "--monmap", monitor_map)
        daemon("ceph-mon", "-i", "one").wait_for(lambda: listens(self._monitor_port), START_SECONDS)

        store = str(uuid.uuid4())
        call("ceph", "osd", "new", store, "0")
        call("ceph-osd", "--mkfs", "-i", "0", "--osd-uuid", store)
        # The daemon puts itself into the map of the cluster; radosgw waits until it is there.
        daemon("ceph-osd", "-i", "0")

        gateway = daemon("radosgw", "-n", "client.rgw.one")
        gateway.wait_for(lambda: listens(self._gateway_port), START_SECONDS)
        user = ["user", "create", "--uid=tests", "--display-name=tests"]
        call("radosgw-admin", "-n", "client.rgw.one", *user, f"--access-key={s3.KEY}", f"--secret-key={s3.SECRET}")
        s3.client(self.options).create_bucket(Bucket=s3.BUCKET)
