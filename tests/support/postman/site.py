"""Describe the requests to the start page, the documentation and the health checks."""

from tests.support.postman.items import Request

NEW_RUN = """\
// The names of this run's records contain its id, so that the next run can use other names.
pm.collectionVariables.set("run", Date.now().toString(36));"""

SITE = [
    Request(
        "Start page",
        "GET /",
        200,
        before=NEW_RUN,
        checks={"it has links": 'pm.expect(body.links).to.include({docs: "/docs", tickets: "/tickets"})'},
        description="Start here. This request also begins a new run: the names of its records contain the id of the run.",
    ),
    Request(
        "Health check of the process",
        "GET /health/live",
        200,
        checks={"status is ok": 'pm.expect(body).to.eql({status: "ok"})'},
    ),
    Request(
        "Health check of database and Redis",
        "GET /health/ready",
        200,
        checks={"the database responds": 'pm.expect(body.checks.database).to.eql("ok")'},
    ),
    Request(
        "Documentation page",
        "GET /docs",
        200,
        checks={"it is HTML": 'pm.expect(header("Content-Type")).to.include("text/html")'},
        description="The saved example is cut short.",
    ),
    Request(
        "Documentation page at /api/docs",
        "GET /api/docs",
        200,
        checks={"it is HTML": 'pm.expect(header("Content-Type")).to.include("text/html")'},
        description="A redirect to `/docs`. The saved example is cut short.",
    ),
    Request(
        "OpenAPI document",
        "GET /openapi.json",
        200,
        checks={"OpenAPI 3.1": "pm.expect(body.openapi).to.match(/^3\\.1\\./)"},
        description="The saved example is cut short.",
    ),
]
