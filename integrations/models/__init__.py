"""Records of the integration layer."""

from integrations.models.connection import Connection

__all__ = ["Connection"]
