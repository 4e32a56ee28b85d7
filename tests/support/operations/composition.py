"""compose.yaml as Docker Compose parses it."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from config import ROOT

COMPOSE = Path(sys.executable).with_name("docker-compose")
REQUIRED_VALUES = {"SECRET_KEY": "a secret of more than thirty-two bytes", "POSTGRES_PASSWORD": "letters4nd2digits"}


def parse_compose(values: dict[str, str], file: Path = ROOT / "compose.yaml") -> subprocess.CompletedProcess[str]:
    """Run ``docker-compose config`` on the file with these values in ``.env`` and an empty environment."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "compose.yaml").write_text(file.read_text())
        (Path(folder) / ".env").write_text("".join(f"{name}={value}\n" for name, value in values.items()))
        command = [COMPOSE, "config", "--format", "json"]
        environment = {"PATH": os.environ["PATH"], "HOME": folder}
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def services_of(**values: str) -> dict[str, Any]:
    result = parse_compose(REQUIRED_VALUES | values)
    assert result.returncode == 0, result.stderr
    services: dict[str, Any] = json.loads(result.stdout)["services"]
    return services


def environment_of(service: str, **values: str) -> dict[str, str]:
    """Return the environment that compose.yaml gives to a service."""
    return {name: str(value) for name, value in services_of(**values)[service]["environment"].items()}
