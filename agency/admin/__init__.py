"""The agency's own records in the admin."""

from agency.admin import accounts, audit, clients, tokens

__all__ = ["accounts", "audit", "clients", "tokens"]
