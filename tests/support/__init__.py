"""Helpers that the tests share: databases, servers, clients and tables of input. This package has no tests."""
