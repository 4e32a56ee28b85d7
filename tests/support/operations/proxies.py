"""The real nginx and the real Caddy with the configurations of docs/operations.md, in front of shops that run."""

import http.client
import os
import re
import shutil
import socket
import ssl
import subprocess

from tests.support.operations.document import block, placed
from tests.support.processes import Program, folder_of, free_port, listens, until
from tests.support.shop import Client

HOST = "shop.example"
PATIENCE = {"read_header 10s": "read_header 5s", "read_body 30s": "read_body 5s"}
PATIENCE |= {f"client_{part}_timeout 10s": f"client_{part}_timeout 5s" for part in ("header", "body")}
"""With slow clients, which is shorter here."""


class Proxy:
    """A proxy in front of the shops at these ports, with a certificate of its own making."""

    name, written = "", ("", "")

    def __init__(self, *upstream: int) -> None:
        self.http, self.https = free_port(), free_port()
        self.folder = folder_of("root", self.name)
        self.certificate = self.folder / "fullchain.pem"
        make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        make += ["-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST},IP:127.0.0.1", "-out", str(self.certificate)]
        subprocess.run([*make, "-keyout", str(self.folder / "key.pem")], check=True, capture_output=True)
        self.places = {f"127.0.0.1:{usual}": f"127.0.0.1:{port}" for usual, port in zip((5000, 5001), upstream, strict=True)}
        self.places |= {long: short for long, short in PATIENCE.items() if long in block(*self.written)}
        self.program = Program(self.command(), self.folder, env={"PATH": os.environ["PATH"], "HOME": str(self.folder)})

    def command(self) -> list[str]:
        raise NotImplementedError

    def start(self) -> "Proxy":
        self.program.start()
        until(lambda: listens(self.https), 10, f"the start of {self.name} ({self.program.log.read_text()})")
        return self

    def client(self, token: str | None = None, address: str = "127.0.0.1") -> "SecureClient":
        """Someone who comes from an address; every one of 127.0.0.0/8 is this machine."""
        return SecureClient(self, token, address)

    def open(self, address: str = "127.0.0.1") -> ssl.SSLSocket:
        """A connection on which anything can be said."""
        raw = socket.create_connection(("127.0.0.1", self.https), 10, (address, 0))
        return ssl.create_default_context(cafile=str(self.certificate)).wrap_socket(raw, server_hostname=HOST)

    def remove(self) -> None:
        self.program.end()
        self.program.remove()


class SecureClient(Client):
    """A client that comes by TLS, verifies, and asks for the shop by its name."""

    def __init__(self, proxy: Proxy, token: str | None, address: str) -> None:
        super().__init__(proxy.https, token)
        self.proxy, self.address = proxy, address

    def connect(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=self.timeout)
        connection.sock = self.proxy.open(self.address)
        return connection


class Nginx(Proxy):
    name, written = "nginx", ("nginx", "nginx")

    def command(self) -> list[str]:
        ports = {"listen 80;": f"listen 127.0.0.1:{self.http};", "listen 443 ": f"listen 127.0.0.1:{self.https} "}
        text = re.sub(r"^ *listen \[::\].*\n", "", block(*self.written), flags=re.MULTILINE)
        (self.folder / "shop.conf").write_text(placed(text, ports | self.places | {"/etc/ssl/shop/": f"{self.folder}/"}))
        spools = "".join(
            f"{name}_temp_path {self.folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        user = "user www-data;" if os.geteuid() == 0 else ""
        (self.folder / "nginx.conf").write_text(
            f"{user} daemon off; pid {self.folder}/pid; worker_processes 1; error_log stderr warn;\n"
            f"events {{ worker_connections 512; }}\nhttp {{ {spools} include {self.folder}/shop.conf; }}\n"
        )
        self.folder.chmod(0o755)
        return [
            str(shutil.which("nginx", path=f"/usr/sbin:{os.environ['PATH']}")),
            "-c",
            str(self.folder / "nginx.conf"),
            "-e",
            "stderr",
        ]


class Caddy(Proxy):
    name, written = "caddy", ("Caddy", "caddyfile")

    def command(self) -> list[str]:
        ports = f"{{\n\thttp_port {self.http}\n\thttps_port {self.https}\n\tadmin off\n\tskip_install_trust\n"
        site = f"\n{HOST} {{\n\ttls {self.certificate} {self.folder}/key.pem\n"
        text = placed(block(*self.written), {"{\n\tservers": f"{ports}\tservers", f"\n{HOST} {{\n": site} | self.places)
        (self.folder / "Caddyfile").write_text(text)
        return ["caddy", "run", "--adapter", "caddyfile", "--config", str(self.folder / "Caddyfile")]


KINDS: dict[str, type[Proxy]] = {each.name: each for each in (Nginx, Caddy)}
