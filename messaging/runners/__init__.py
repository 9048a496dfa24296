"""Sequences that need the network between transactions: claim → call → record."""
