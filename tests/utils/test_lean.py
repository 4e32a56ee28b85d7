"""Flask without what this API has no use for still does what somebody asks it for."""

import pytest
from flask import appcontext_tearing_down, request_tearing_down


@pytest.mark.parametrize("signal", [request_tearing_down, appcontext_tearing_down])
def test_who_listens_for_the_end_of_a_request_hears_of_it(app, anyone, signal):
    heard = []
    with signal.connected_to(lambda _, **said: heard.append(said["exc"]), app):
        assert anyone.get("/health/live").status_code == 200
    assert heard == [None]
    assert anyone.get("/health/live").status_code == 200
    assert heard == [None]


@pytest.mark.parametrize("functions", ["teardown_request_funcs", "teardown_appcontext_funcs"])
def test_what_is_registered_for_the_end_of_a_request_is_called(app, anyone, monkeypatch, functions):
    called = []
    ending = [called.append]
    monkeypatch.setattr(app, functions, {None: ending} if functions == "teardown_request_funcs" else ending)
    assert anyone.get("/health/live").status_code == 200
    assert called == [None]
