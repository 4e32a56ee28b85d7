"""A local Galera cluster of MariaDB nodes. A test can kill a node and let it rejoin."""

import re
import subprocess

from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from config import database_url
from tests.support.processes import demote, free_port, until
from tests.support.servers import MariaDB

PROVIDER = "/usr/lib/galera/libgalera_smm.so"
"""Its path in Debian's package galera-4, a dependency of mariadb-server."""
POSITION = re.compile(r"Recovered position:\s*(\S+:-?\d+)")


class Node(MariaDB):
    """A MariaDB server as a node of a Galera cluster."""

    def __init__(self, name: str, address: str, members: list[str], like: MariaDB | None = None) -> None:
        port = int(address.rpartition(":")[2])
        provider = f"base_port={port};ist.recv_addr=127.0.0.1:{port + 1};gmcast.listen_addr=tcp://127.0.0.1:{port}"
        super().__init__(
            "--wsrep-on=ON",
            f"--wsrep-provider={PROVIDER}",
            f"--wsrep-provider-options={provider}",
            "--wsrep-cluster-name=shop",
            f"--wsrep-cluster-address=gcomm://{','.join(members)}",
            f"--wsrep-node-name={name}",
            f"--wsrep-node-address={address}",
            f"--wsrep-sst-receive-address=127.0.0.1:{port + 2}",
            "--wsrep-sst-method=rsync",
            "--binlog-format=ROW",
            "--innodb-autoinc-lock-mode=2",
            "--innodb-buffer-pool-size=32M",
            "--innodb-log-file-size=16M",
            like=like,
        )

    def rejoin(self) -> None:
        """Restart after a crash from the last transaction on disk, if one is found, as Debian's systemd unit does."""
        recover = [*self.command, "--wsrep-recover", f"--log-error={self.folder}/recovered.err"]
        subprocess.run(recover, check=False, capture_output=True, cwd="/", **demote("mysql"))  # type: ignore[call-overload]
        found = POSITION.findall((self.folder / "recovered.err").read_text())
        self.start(*([f"--wsrep-start-position={found[-1]}"] if found else []))
        until(self.is_synced, 60, "rejoining the cluster")

    def status(self, name: str) -> str:
        """Return a status variable of the node, or an empty string if the node does not answer."""
        engine = create_engine(database_url(self.url("mysql")), connect_args={"connect_timeout": 2})
        try:
            with engine.connect() as connection:
                row = connection.execute(text("SHOW STATUS LIKE :name"), {"name": name}).one_or_none()
            return str(row[1]) if row else ""
        except SQLAlchemyError:
            return ""
        finally:
            engine.dispose()

    def is_synced(self) -> bool:
        return self.status("wsrep_local_state_comment") == "Synced"


class Galera:
    """A cluster of ``size`` nodes with an empty database ``shop``."""

    def __init__(self, size: int = 3) -> None:
        ports = [four_ports() for _ in range(size)]
        members = [f"127.0.0.1:{port}" for port in ports]
        self.nodes: list[Node] = []
        try:
            for index, member in enumerate(members):
                self.nodes.append(Node(f"node{index}", member, members, *self.nodes[:1]))
        except BaseException:
            self.remove()
            raise

    def start(self) -> "Galera":
        first, *others = self.nodes
        first.start("--wsrep-new-cluster")
        for node in others:
            node.start()
            until(node.is_synced, 60, "joining the cluster")
        first.create()
        return self

    def url(self, first: int = 0) -> str:
        """Return the database URL with all hosts, starting with the node at index ``first``."""
        rotated = self.nodes[first:] + self.nodes[:first]
        return f"mysql://root@{','.join(f'127.0.0.1:{node.port}' for node in rotated)}/shop"

    def remove(self) -> None:
        for node in self.nodes:
            node.remove()


def four_ports() -> int:
    """Return the first of four consecutive free ports. A node uses three: group communication, IST and SST."""
    while True:
        ports = [free_port() for _ in range(4)]
        if ports == list(range(ports[0], ports[0] + 4)):
            return ports[0]
