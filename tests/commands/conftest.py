"""The command line under test."""

import pytest


@pytest.fixture
def run(app):
    """Run a command; how it ended, and the lines that it said. Whatever it raises but for its end is a failure."""

    def invoke(*words, stdin=None):
        ended = app.test_cli_runner().invoke(args=list(map(str, words)), input=stdin)
        assert ended.exception is None or isinstance(ended.exception, SystemExit), repr(ended.exception)
        return ended.exit_code, ended.output.splitlines()

    return invoke
