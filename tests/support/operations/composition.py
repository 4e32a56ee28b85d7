"""compose.yaml as Docker Compose itself reads it."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from config import ROOT

COMPOSE = Path(sys.executable).with_name("docker-compose")
FILLED = {"SECRET_KEY": "a secret of more than thirty-two bytes", "POSTGRES_PASSWORD": "letters4nd2digits"}


def read_by_compose(written: dict[str, str], file: Path = ROOT / "compose.yaml") -> subprocess.CompletedProcess[str]:
    """What Docker Compose makes of the file, where ``.env`` has this written in it and the environment nothing."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "compose.yaml").write_text(file.read_text())
        (Path(folder) / ".env").write_text("".join(f"{name}={value}\n" for name, value in written.items()))
        command = [COMPOSE, "config", "--format", "json"]
        bare = {"PATH": os.environ["PATH"], "HOME": folder}
        return subprocess.run(command, cwd=folder, env=bare, capture_output=True, text=True, check=False)


def services_of(**written: str) -> dict[str, Any]:
    read = read_by_compose(FILLED | written)
    assert read.returncode == 0, read.stderr
    services: dict[str, Any] = json.loads(read.stdout)["services"]
    return services


def environment_of(service: str, **written: str) -> dict[str, str]:
    """What a service finds in its environment, beside what its image has there."""
    return {name: str(value) for name, value in services_of(**written)[service]["environment"].items()}
