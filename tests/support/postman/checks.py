"""Hold the checks that several requests share."""

PROBLEM = {"it has type, title, status and detail": 'pm.expect(body).to.have.all.keys("type", "title", "status", "detail")'}

NO_PASSWORD = {"no password is returned": "pm.expect(pm.response.text()).to.not.include('password')"}

LOGIN = {
    "token_type is Bearer": 'pm.expect(body.token_type).to.eql("Bearer")',
    "expires_in is positive": "pm.expect(body.expires_in).to.be.above(0)",
    "no cache may store it": 'pm.expect(header("Cache-Control")).to.eql("no-store")',
}

EMPTY = {"the body is empty": "pm.expect(pm.response.text()).to.eql('')"}

IS_CSV = {"it is CSV": "pm.expect(pm.response.headers.get('Content-Type')).to.include('text/csv')"}
