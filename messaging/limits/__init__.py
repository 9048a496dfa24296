"""Fleet-wide limits in Redis: one round trip for any number of tokens."""
