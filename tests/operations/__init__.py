"""Tests of docs/operations.md with the real programs: image, compose.yaml, proxies, backups, upgrades, alerts."""
