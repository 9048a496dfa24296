"""The agency's own records in the admin."""

from agency.admin import accounts, alerts, audit, clients, freezes, task_results, tokens

__all__ = ["accounts", "alerts", "audit", "clients", "freezes", "task_results", "tokens"]
