"""Imitated external services over real HTTP, for tests, the demo and people who look around. Nothing in it is real."""
