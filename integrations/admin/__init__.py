"""The integration layer in the admin."""

from integrations.admin import actions, connection, home, inbound_event

__all__ = ["actions", "connection", "home", "inbound_event"]
