"""What ``make bench`` says where it can't begin; the measuring itself is no test."""

import os
import subprocess
import sys

import pytest

from config import ROOT


def refused(*options, **environment):
    """What it says on stderr; it must end by itself, before anything is set up."""
    given = {name: value for name, value in os.environ.items() if name != "PEERS"} | environment
    command = [sys.executable, "-m", "tests.bench.run", *options]
    ran = subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stdout) == (1, "")
    return ran.stderr.splitlines()


@pytest.mark.parametrize("given", [{}, {"PEERS": ""}])
def test_without_the_peers_it_says_how_they_are_named(given):
    first, second = refused(**given)
    assert first.startswith("PEERS is not set: ")
    assert second.strip() == "make bench PEERS=path/to/peers"


def test_a_folder_without_peers_is_named(tmp_path):
    assert refused(PEERS=str(tmp_path)) == [f"PEERS: {tmp_path} has no setup.sh and bench.py"]
