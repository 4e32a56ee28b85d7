"""Redis takes 6 MB of a process: a shop without one does not import it, whatever happens. One that hangs holds up nobody."""

import json
import socket
import subprocess
import sys
import threading
from contextlib import suppress

import pytest

from app.utils import remote
from config import ROOT
from tests.conftest import ENVIRONMENT

SCRIPT = """
import json, sys
from app import create_app
from app.preparation import prepare
from config import Settings

app = create_app(Settings.load(json.loads(sys.argv[1])))
prepare(app)
client, login = app.test_client(), {"email": "first@example.com", "password": "wrong"}
statuses = [client.post("/mechanics/login", json=login).status_code for _ in range(2)]
print(json.dumps([statuses, "redis" in sys.modules]))
"""


def test_a_shop_without_redis_does_not_import_it(tmp_path):
    settings = ENVIRONMENT | {"DATABASE_URL": f"sqlite:///{tmp_path}/shop.db", "LIMIT_LOGIN": "1 per minute"}
    command = [sys.executable, "-c", SCRIPT, json.dumps(settings)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(ran.stdout.splitlines()[-1]) == [[401, 429], False]


@pytest.fixture(params=["tcp", "unix"])
def silent(request, tmp_path):
    """A server that takes everything and says nothing: its URL, and the connections that it was given."""
    if request.param == "tcp":
        server = socket.create_server(("127.0.0.1", 0))
        url = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
    else:
        server = socket.socket(socket.AF_UNIX)
        server.bind(f"{tmp_path}/redis")
        server.listen()
        url = f"unix://{tmp_path}/redis?db=0"
    given = []

    def take():
        with suppress(OSError):
            while True:
                given.append(server.accept()[0])

    threading.Thread(target=take, daemon=True).start()
    yield url, given
    server.close()
    for each in given:
        each.close()


@pytest.mark.parametrize("end", ["", "socket_timeout=0.05", "socket_timeout=1e-7"])
def test_a_redis_that_does_not_answer_is_waited_for_once(silent, end):
    """A second wait, over a new connection, would hold up a request twice as long."""
    url, given = silent
    line = remote.Line(f"{url}{'&' if '?' in url else '?'}{end}" if end else url)
    for times in (1, 2):
        with pytest.raises(remote.RedisError):
            line("PING")
        assert len(given) == times


def test_a_redis_over_tls_is_waited_for_by_python():
    """Where the kernel ends the wait, Python's TLS begins another."""
    assert remote.awaited_by_kernel(remote.SSLConnection) is remote.SSLConnection
