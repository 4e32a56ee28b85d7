"""Measures the shop beside others, and beside itself as it was: ``make bench``, ``make bench-compare``."""
