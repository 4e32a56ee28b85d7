"""Run the steps before and after every request, in order."""

from flask import Response

from app.utils.api import etags, strict_json
from app.utils.auth import policy
from app.utils.context import ShopFlask, current_request, current_shop, current_state
from app.utils.limits import decorators as limits
from app.utils.monitoring import logs


def init_app(app: ShopFlask) -> None:
    """Register one hook of each kind: calling a hook costs as much as some of the steps."""
    app.before_request(before_request)
    app.after_request(after_request)


def before_request() -> None:
    """Identify the caller, count the request, and check the caller's role."""
    request, state = current_request(), current_state()
    state.__dict__.clear()  # In a test, an app context around several requests gives them one state.
    logs.start_request(request, state)
    if presence := current_shop().presence:
        presence.refresh()
    policy.identify_caller(request, state)
    limits.enforce_default_limit(request, state)
    policy.require_access(request, state)


def after_request(response: Response) -> Response:
    """Complete the headers of the response, and log the request."""
    request, state = current_request(), current_state()
    strict_json.drain_body(request)
    limits.add_rate_limit_headers(response, state)
    etags.make_conditional(response, request)
    logs.log_request(response, request, state)
    return response
