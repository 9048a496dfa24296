"""The agency's own records in the admin."""

from agency.admin import clients

__all__ = ["clients"]
