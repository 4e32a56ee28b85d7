"""Tests that kill, stop or starve the services of a running shop and then check its data."""
