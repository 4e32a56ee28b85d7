"""Requests that arrive at the same moment, each from a thread of its own."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier


def at_once(*calls):
    """Make all calls at the same moment, and answer what they answered, in the order of the calls."""
    start = Barrier(len(calls))

    def begin(call):
        start.wait(timeout=10)
        return call()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(begin, calls))
