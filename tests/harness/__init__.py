"""Tools for tests against real processes: a running shop, clients that retry, and private servers that a test may kill."""
