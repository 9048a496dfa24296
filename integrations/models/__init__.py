"""Records of the integration layer."""

from integrations.models.api_call import ApiCall
from integrations.models.backup import Backup
from integrations.models.chain import ChainAttempt, FallbackChain
from integrations.models.connection import Connection
from integrations.models.connection_check import ConnectionCheck
from integrations.models.deferred_upload import DeferredUpload
from integrations.models.inbound_event import InboundEvent
from integrations.models.model_request import ModelRequest
from integrations.models.oauth import OAuthAttempt, OAuthGrant
from integrations.models.search import ManualSearch, SearchAnswer

__all__ = [
    "ApiCall",
    "Backup",
    "ChainAttempt",
    "Connection",
    "ConnectionCheck",
    "DeferredUpload",
    "FallbackChain",
    "InboundEvent",
    "ManualSearch",
    "ModelRequest",
    "OAuthAttempt",
    "OAuthGrant",
    "SearchAnswer",
]
