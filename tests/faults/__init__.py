"""Proofs that kill, stop and starve what the shop depends on, and look at what is left."""
