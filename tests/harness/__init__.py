"""What the proofs are made with: a shop as real processes, clients that retry, and private servers that may be killed."""
