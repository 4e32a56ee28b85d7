"""What ``run.py`` runs first, in a process of its own: :func:`main`.

Where to serve is its first line, printed before anything is imported that takes long: the workers are begun by it. What a
person should know follows.
"""

import socket
import sys

from config import BadSetting, Settings


def free_address(host: str, port: int) -> str:
    """The address of a host, where this process could listen at that port; raise BadSetting."""
    try:
        family, kind, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise BadSetting(f"HOST: {host} is no address of this machine: {error.strerror}") from None
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(place)
        except OSError as error:
            raise BadSetting(f"HOST, PORT: {host}:{port} can't be listened on: {error.strerror}") from None
    return str(place[0])


def main() -> None:
    """Print where to serve, and make all ready; exit with one line where the shop can't start."""
    try:
        host, port, workers, metrics_port = Settings.place()
        address = free_address(host, port)
        if metrics_port:
            free_address(host, metrics_port)
    except BadSetting as error:
        sys.exit(str(error))
    print("localhost" if address == "127.0.0.1" else host, address, port, workers, metrics_port, flush=True)
    from app.start import make_ready

    make_ready()
