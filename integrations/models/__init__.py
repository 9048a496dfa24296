"""Records of the integration layer."""

from integrations.models.api_call import ApiCall
from integrations.models.connection import Connection
from integrations.models.inbound_event import InboundEvent

__all__ = ["ApiCall", "Connection", "InboundEvent"]
