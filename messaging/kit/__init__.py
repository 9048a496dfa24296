"""What the engine's operations share: the fleet's memory in Redis."""
