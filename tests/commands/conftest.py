"""Fixtures for the tests of the command line."""

import pytest


@pytest.fixture
def run(app):
    """Return a function that runs a command and returns its exit code and output lines. Exceptions other than SystemExit
    fail."""

    def invoke(*args, stdin=None):
        result = app.test_cli_runner().invoke(args=list(map(str, args)), input=stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
        return result.exit_code, result.output.splitlines()

    return invoke
