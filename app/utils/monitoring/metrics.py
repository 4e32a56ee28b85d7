"""Metrics for Prometheus, if ``METRICS_PORT`` is set.

Workers write their counts into files of ``PROMETHEUS_MULTIPROC_DIR``; ``serving/metrics_server.py`` serves the sum.
Other modules send signals, and do not import this one.
"""

import time

from flask import Flask, Response, request
from sqlalchemy import event

from app.extensions import db
from app.utils.api.problems import refused
from app.utils.context import current_state
from app.utils.db.transactions import retried

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)  # Upper bounds of latency in seconds.


def init_app(app: Flask) -> None:
    if not app.config["METRICS_PORT"]:
        return
    # Optional: the library takes 5 MB, and reads its folder when it is imported.
    from prometheus_client import Counter, Gauge, Histogram

    requests = Counter("shop_requests", "Requests", ["method", "route", "status"])
    latency = Histogram("shop_request_seconds", "Time to answer", ["route"], buckets=BUCKETS)
    retries = Counter("shop_transaction_retries", "Transactions that were retried")
    refusals = Counter("shop_refusals", "Requests that a rule of the shop refused", ["rule"])
    in_use = Gauge("shop_database_connections", "Connections in use", ["engine"], multiprocess_mode="livesum")

    def observe(response: Response) -> Response:
        route = request.url_rule.rule if request.url_rule else "none"
        requests.labels(request.method, route, response.status_code).inc()
        latency.labels(route).observe(time.perf_counter() - current_state().started_at)
        return response

    app.after_request(observe)
    retried.connect(lambda _: retries.inc(), weak=False)
    refused.connect(lambda _, rule: refusals.labels(rule).inc(), weak=False)
    with app.app_context():
        for name, engine in db.engines.items():
            gauge = in_use.labels(name or "writes")
            event.listen(engine, "checkout", lambda *_, gauge=gauge: gauge.inc())
            event.listen(engine, "checkin", lambda *_, gauge=gauge: gauge.dec())
