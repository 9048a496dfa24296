"""Calling a service: retries, breaker, quotas and the ledger of calls, the same for each of them."""
