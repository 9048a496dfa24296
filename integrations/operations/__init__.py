"""Every write to connections."""
