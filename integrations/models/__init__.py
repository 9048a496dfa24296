"""Records of the integration layer."""

from integrations.models.api_call import ApiCall
from integrations.models.chain import ChainAttempt, FallbackChain
from integrations.models.connection import Connection
from integrations.models.connection_check import ConnectionCheck
from integrations.models.inbound_event import InboundEvent
from integrations.models.model_request import ModelRequest
from integrations.models.oauth import OAuthAttempt, OAuthGrant

__all__ = [
    "ApiCall",
    "ChainAttempt",
    "Connection",
    "ConnectionCheck",
    "FallbackChain",
    "InboundEvent",
    "ModelRequest",
    "OAuthAttempt",
    "OAuthGrant",
]
