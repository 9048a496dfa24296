"""Every read of connections that is more than a lookup."""
