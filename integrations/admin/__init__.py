"""The integration layer in the admin."""

from integrations.admin import connection, home, inbound_event

__all__ = ["connection", "home", "inbound_event"]
