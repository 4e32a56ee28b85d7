"""Flask without what this API has no use for still does what somebody asks it for."""

from functools import wraps

import pytest
from flask import after_this_request, appcontext_tearing_down, request_tearing_down


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


@pytest.mark.parametrize("functions", ["before_request_funcs", "url_value_preprocessors"])
@pytest.mark.parametrize("whose", [None, "inventory"])
def test_what_is_registered_for_before_a_request_is_called(app, anyone, monkeypatch, functions, whose):
    """Of the app or of a blueprint alone, in its order; and the first that answers is the answer."""
    called = []
    here, first = getattr(app, functions), [lambda *_: called.append("first"), lambda *_: called.append("second")]
    monkeypatch.setitem(here, whose, [*here.get(whose, []), *first])
    anyone.get("/inventory")  # Whoever calls must say who it is: what the app looks at before ends it.
    assert called == ([] if functions == "before_request_funcs" else ["first", "second"])
    called.clear()
    anyone.get("/health/live")
    assert called == (["first", "second"] if whose is None else [])


def test_a_blueprint_may_answer_before_its_views(app, staff, monkeypatch):
    monkeypatch.setitem(app.before_request_funcs, "inventory", [lambda: ("Closed", 503)])
    assert (staff.get("/inventory").status_code, staff.get("/tickets").status_code) == (503, 200)


@pytest.mark.parametrize("whose", [None, "inventory"])
def test_what_is_registered_for_after_a_request_is_called(app, staff, make, monkeypatch, whose):
    def mark(answer):
        answer.headers["X-Marked"] = "yes"
        return answer

    here = app.after_request_funcs
    monkeypatch.setitem(here, whose, [*here.get(whose, []), mark])
    marked = ["X-Marked" in staff.get(path).headers for path in ("/inventory", "/tickets")]
    assert marked == [True, whose is None]


def test_what_a_view_asks_to_be_done_after_it_is_done(app, anyone, monkeypatch):
    def mark(answer):
        answer.headers["X-Marked"] = "yes"
        return answer

    endpoint, _ = app.url_map.bind("").match("/health/live")
    view = app.view_functions[endpoint]
    monkeypatch.setitem(app.view_functions, endpoint, wraps(view)(lambda: [after_this_request(mark), view()][1]))
    answers = [anyone.get(path) for path in ("/health/live", "/health/ready")]
    assert [answer.headers.get("X-Marked") for answer in answers] == ["yes", None]
