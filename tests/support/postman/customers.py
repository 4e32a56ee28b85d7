"""Describe the requests to customers."""

from tests.support.postman.checks import LOGIN, NO_PASSWORD, PROBLEM
from tests.support.postman.items import Request

BEA = {"name": "Bea Driver", "email": "bea.{{run}}@example.com", "password": "twelve horses", "phone": "555-0100"}

CUSTOMERS = [
    Request(
        "Register a customer",
        "POST /customers",
        201,
        body=BEA,
        checks={"email is in lower case": "pm.expect(body.email).to.eql(`bea.${variable('run')}@example.com`)"} | NO_PASSWORD,
        saves={"customer_id": "body.id"},
        description="The default of LIMIT_REGISTER is 20 per hour, by address.",
    ),
    Request(
        "Register a second customer",
        "POST /customers",
        201,
        body={"name": "Cy Clist", "email": "cy.{{run}}@example.com", "password": "two wheels will do"},
        checks={"phone is null": "pm.expect(body.phone).to.eql(null)"},
        saves={"other_customer_id": "body.id"},
    ),
    Request(
        "A customer's email that is taken is 409",
        "POST /customers",
        409,
        body=BEA | {"name": "Bea Again"},
        checks={"errors names the field": "pm.expect(body.errors).to.have.all.keys('email')"},
    ),
    Request(
        "A customer with invalid fields is 422",
        "POST /customers",
        422,
        body={"name": "", "email": "bea at example.com", "password": "short"},
        checks={"errors names each field": "pm.expect(body.errors).to.have.all.keys('name', 'email', 'password')"},
    ),
    Request(
        "A customer's login with a wrong password is 401",
        "POST /customers/login",
        401,
        body={"email": "bea.{{run}}@example.com", "password": "thirteen horses"},
        checks=PROBLEM,
    ),
    Request(
        "Sign in as a customer",
        "POST /customers/login",
        200,
        body={"email": "bea.{{run}}@example.com", "password": "twelve horses"},
        checks=LOGIN,
        saves={"customer_token": "body.token"},
    ),
    Request(
        "Show the customer's own record",
        "GET /customers/{customer_id}",
        200,
        "customer",
        checks={"it has the phone": 'pm.expect(body.phone).to.eql("555-0100")'} | NO_PASSWORD,
        saves={"customer_etag": "pm.response.headers.get('ETag')"},
    ),
    Request(
        "Show the caller's own record (customer)",
        "GET /me",
        200,
        "customer",
        checks={"role is customer": 'pm.expect(body.role).to.eql("customer")'},
    ),
    Request(
        "Another customer's record is 404",
        "GET /customers/{customer_id}",
        404,
        "customer",
        path_values={"customer_id": "{{other_customer_id}}"},
        checks=PROBLEM,
        description="The response is the same as for an unknown id.",
    ),
    Request(
        "Change the customer's own record with If-Match",
        "PUT /customers/{customer_id}",
        200,
        "customer",
        {"name": "Bea Rider", "email": "bea.rider.{{run}}@example.com", "phone": None},
        headers={"If-Match": "{{customer_etag}}"},
        checks={"fields are as sent": "pm.expect(body).to.include({name: 'Bea Rider', phone: null})"},
    ),
    Request(
        "An unknown field is 422",
        "PUT /customers/{customer_id}",
        422,
        "customer",
        {"nickname": "Bee"},
        checks={"errors names the field": "pm.expect(body.errors).to.have.all.keys('nickname')"},
    ),
    Request(
        "Search customers",
        "GET /customers?q={{run}}&page=1&per_page=50",
        200,
        "mechanic",
        checks={
            "both customers by ascending id": 'pm.expect(body.map((each) => each.name)).to.eql(["Bea Rider", "Cy Clist"])',
            "X-Total-Count is a number": 'pm.expect(Number(header("X-Total-Count"))).to.be.at.least(0)',
        },
        description="`X-Total-Count` may lag by 5 seconds.",
    ),
    Request("Customers as a customer are 403", "GET /customers", 403, "customer", checks=PROBLEM),
]
