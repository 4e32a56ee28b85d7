"""Redis takes 6 MB of a process: a shop without one does not import it, whatever happens."""

import json
import subprocess
import sys

from config import ROOT
from tests.conftest import ENVIRONMENT

SCRIPT = """
import json, sys
from app import create_app
from app.start import prepare
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
