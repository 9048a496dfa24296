"""The integration layer in the admin."""

from integrations.admin import connection

__all__ = ["connection"]
