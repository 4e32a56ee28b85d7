"""A Galera cluster of MariaDB nodes on this machine, each of which can be killed and can rejoin."""

import re
import subprocess

from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from config import database_url
from tests.support.processes import demote, free_port, until
from tests.support.servers import MariaDB

PROVIDER = "/usr/lib/galera/libgalera_smm.so"
"""Where Debian keeps it: the package galera-4, which comes with mariadb-server."""
POSITION = re.compile(r"Recovered position:\s*(\S+:-?\d+)")


class Node(MariaDB):
    """A node of a cluster."""

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
        """Start again after a crash, as Debian's unit does: from the last transaction on its disk, where it finds it."""
        recover = [*self.command, "--wsrep-recover", f"--log-error={self.folder}/recovered.err"]
        subprocess.run(recover, check=False, capture_output=True, cwd="/", **demote("mysql"))  # type: ignore[call-overload]
        found = POSITION.findall((self.folder / "recovered.err").read_text())
        self.start(*([f"--wsrep-start-position={found[-1]}"] if found else []))
        until(self.is_synced, 60, "the node's return to its cluster")

    def status(self, name: str) -> str:
        """What the node says of its place in the cluster; blank where it says nothing."""
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
    """So many nodes in one cluster, with an empty database ``shop``."""

    def __init__(self, size: int = 3) -> None:
        ports = [four_ports() for _ in range(size)]
        members = [f"127.0.0.1:{port}" for port in ports]
        self.nodes: list[Node] = []
        try:
            for number, member in enumerate(members):
                self.nodes.append(Node(f"node{number}", member, members, *self.nodes[:1]))
        except BaseException:
            self.remove()
            raise

    def start(self) -> "Galera":
        first, *others = self.nodes
        first.start("--wsrep-new-cluster")
        for node in others:
            node.start()
            until(node.is_synced, 60, "a node's entry into its cluster")
        first.create()
        return self

    def url(self, first: int = 0) -> str:
        """The shop's URL with all hosts in it, one of them at the front."""
        turned = self.nodes[first:] + self.nodes[:first]
        return f"mysql://root@{','.join(f'127.0.0.1:{node.port}' for node in turned)}/shop"

    def remove(self) -> None:
        for node in self.nodes:
            node.remove()


def four_ports() -> int:
    """The first of four ports in a row that are ours: a node listens at three, for its group and for state transfers."""
    while True:
        ports = [free_port() for _ in range(4)]
        if ports == list(range(ports[0], ports[0] + 4)):
            return ports[0]
