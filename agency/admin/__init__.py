"""The agency's own records in the admin."""

from agency.admin import accounts, audit, clients, freezes, task_results, tokens

__all__ = ["accounts", "audit", "clients", "freezes", "task_results", "tokens"]
