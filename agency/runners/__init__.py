"""Sequences that need the network between transactions."""
