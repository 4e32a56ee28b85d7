"""Calls at the same moment, each from its own thread."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier


def at_once(*calls):
    """Make all calls at the same moment. Return their results in the order of the calls."""
    start = Barrier(len(calls))

    def run(call):
        start.wait(timeout=10)
        return call()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))
