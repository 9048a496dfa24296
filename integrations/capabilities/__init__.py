"""What Batuta asks of external services, in domain words; each capability is served by several services."""
