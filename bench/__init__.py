"""Measure the shop beside other frameworks (``make bench``) and beside another commit of itself (``make bench-compare``)."""
