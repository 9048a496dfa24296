"""Anthropic: Claude, for writing and for much to read."""
