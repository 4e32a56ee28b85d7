"""Print a bearer token for the peers (sub mechanic:1, HS256, valid for a day)."""
import base64
import hashlib
import hmac
import json
import os
import time


def encode(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def make_token() -> str:
    secret = os.environ.get("JWT_SECRET", "bench-secret-of-at-least-32-bytes-long!!").encode()
    now = int(time.time())
    claims = {"sub": "mechanic:1", "role": "admin", "iat": now, "exp": now + 86400}
    signed = encode(b'{"alg":"HS256","typ":"JWT"}') + b"." + encode(json.dumps(claims).encode())
    return (signed + b"." + encode(hmac.digest(secret, signed, hashlib.sha256))).decode()


if __name__ == "__main__":
    print(make_token())
