import jwt
from django.conf import settings
from rest_framework import authentication, exceptions


class TokenUser:
    """The caller of a token; no account is loaded."""

    is_authenticated = True

    def __init__(self, sub: str):
        self.id = self.pk = sub


class TokenAuthentication(authentication.BaseAuthentication):
    def authenticate(self, request):
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer":
            return None
        try:
            claims = jwt.decode(token, settings.SECRET_KEY, algorithms=["HS256"], options={"require": ["exp", "sub"]})
        except jwt.InvalidTokenError:
            raise exceptions.AuthenticationFailed()
        return TokenUser(claims["sub"]), token

    def authenticate_header(self, request):
        return "Bearer"
