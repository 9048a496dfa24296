"""Every write to the clock's records."""
