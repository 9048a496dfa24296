"""The integration layer in the admin."""

from integrations.admin import connection, inbound_event

__all__ = ["connection", "inbound_event"]
