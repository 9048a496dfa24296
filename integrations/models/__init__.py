"""Records of the integration layer."""

from integrations.models.connection import Connection
from integrations.models.inbound_event import InboundEvent

__all__ = ["Connection", "InboundEvent"]
