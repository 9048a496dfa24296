"""Pages of messaging for people who have no account: those it writes to."""
