"""Describe the requests to mechanics, as an admin and as a mechanic."""

from tests.support.postman.checks import LOGIN, NO_PASSWORD, PROBLEM
from tests.support.postman.items import Request

REQUIRE_PASSWORD = """\
if (!pm.variables.get("admin_password")) {
    pm.execution.setNextRequest(null);
    throw new Error("Fill in admin_email and admin_password in the environment: the first `make run` prints them");
}"""

MAX = {"name": "Max Wrench", "email": "max.{{run}}@example.com", "phone": "555-0142", "salary": 48500.5}

AS_ADMIN = [
    Request(
        "Sign in as an admin",
        "POST /mechanics/login",
        200,
        before=REQUIRE_PASSWORD,
        body={"email": "{{admin_email}}", "password": "{{admin_password}}"},
        checks={
            "admin_email and admin_password are those of an admin": "if (pm.response.code !== 200) "
            "pm.execution.setNextRequest(null); pm.expect(pm.response.code).to.eql(200)"
        }
        | LOGIN,
        saves={"admin_token": "body.token"},
        description="Email and password come from the environment.",
    ),
    Request(
        "Create a mechanic with a password",
        "POST /mechanics",
        201,
        "admin",
        MAX | {"password": "open the hood"},
        checks={
            "role is mechanic by default": 'pm.expect(body.role).to.eql("mechanic")',
            "an admin sees the salary": "pm.expect(body.salary).to.eql(48500.5)",
            "Location is the path of the record": "pm.expect(header('Location')).to.eql(`/mechanics/${body.id}`)",
        }
        | NO_PASSWORD,
        saves={"mechanic_id": "body.id"},
    ),
    Request(
        "Create a mechanic without a password",
        "POST /mechanics",
        201,
        "admin",
        {"name": "Ida Desk", "email": "ida.{{run}}@example.com", "phone": "555-0143", "salary": 41000, "role": "mechanic"},
        checks={"name is as sent": 'pm.expect(body.name).to.eql("Ida Desk")'},
        saves={"colleague_id": "body.id"},
        description="A mechanic without a password can be assigned to tickets, but can't sign in.",
    ),
    Request(
        "A mechanic's email that is taken is 409",
        "POST /mechanics",
        409,
        "admin",
        MAX | {"email": "MAX.{{run}}@Example.com"},
        checks={"errors names the field": "pm.expect(body.errors).to.have.all.keys('email')"},
        description="Upper and lower case are the same.",
    ),
    Request(
        "A mechanic with invalid fields is 422",
        "POST /mechanics",
        422,
        "admin",
        MAX | {"phone": "call me", "salary": -1, "boss": True},
        checks={"errors names each field": "pm.expect(body.errors).to.have.all.keys('phone', 'salary', 'boss')"},
    ),
    Request(
        "Search mechanics",
        "GET /mechanics?q={{run}}",
        200,
        "admin",
        checks={
            "both mechanics by ascending id": 'pm.expect(body.map((each) => each.name)).to.eql(["Max Wrench", "Ida Desk"])'
        },
    ),
    Request(
        "Mechanics without a token are 401",
        "GET /mechanics",
        401,
        checks={"WWW-Authenticate is Bearer": 'pm.expect(header("WWW-Authenticate")).to.eql("Bearer")'},
    ),
    Request(
        "Change a mechanic as an admin",
        "PUT /mechanics/{mechanic_id}",
        200,
        "admin",
        {"name": "Ida Bench", "email": "ida.bench.{{run}}@example.com", "phone": "555-0144", "salary": 43000.25}
        | {"role": "mechanic", "password": "all is on the bench"},
        path_values={"mechanic_id": "{{colleague_id}}"},
        checks={"fields are as sent": 'pm.expect(body).to.include({name: "Ida Bench", phone: "555-0144", salary: 43000.25})'},
    ),
]

AS_MECHANIC = [
    Request(
        "A mechanic's login with a wrong password is 401",
        "POST /mechanics/login",
        401,
        body={"email": "max.{{run}}@example.com", "password": "open the door"},
        checks=PROBLEM,
        description="The response is the same for an unknown email.",
    ),
    Request(
        "Sign in as a mechanic",
        "POST /mechanics/login",
        200,
        body={"email": "max.{{run}}@example.com", "password": "open the hood"},
        checks=LOGIN,
        saves={"mechanic_token": "body.token"},
    ),
    Request(
        "Show the mechanic's own record",
        "GET /mechanics/{mechanic_id}",
        200,
        "mechanic",
        checks={"it has the salary": "pm.expect(body.salary).to.eql(48500.5)"},
    ),
    Request(
        "Show the caller's own record (mechanic)",
        "GET /me",
        200,
        "mechanic",
        checks={"the same record with its role": 'pm.expect(body).to.include({name: "Max Wrench", role: "mechanic"})'},
    ),
    Request("The caller's own record without a token is 401", "GET /me", 401, checks=PROBLEM),
    Request(
        "Show another mechanic, without the salary",
        "GET /mechanics/{mechanic_id}",
        200,
        "mechanic",
        path_values={"mechanic_id": "{{colleague_id}}"},
        checks={"it has no salary": "pm.expect(body).to.not.have.property('salary')"},
    ),
    Request(
        "An unknown mechanic is 404",
        "GET /mechanics/{mechanic_id}",
        404,
        "mechanic",
        path_values={"mechanic_id": "2147483647"},
        checks=PROBLEM,
    ),
    Request(
        "Change the mechanic's own phone",
        "PUT /mechanics/{mechanic_id}",
        200,
        "mechanic",
        {"phone": "+1 555 0145"},
        checks={"other fields stay": 'pm.expect(body).to.include({name: "Max Wrench", phone: "+1 555 0145"})'},
    ),
    Request(
        "A mechanic's own salary is 403", "PUT /mechanics/{mechanic_id}", 403, "mechanic", {"salary": 99999}, checks=PROBLEM
    ),
]
