"""The integration layer in the admin."""

from integrations.admin import actions, chains, connection, home, inbound_event, model_requests

__all__ = ["actions", "chains", "connection", "home", "inbound_event", "model_requests"]
