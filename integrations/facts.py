"""What a client of an external service needs to know about its connection, free of Django."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from integrations.errors import NotConfigured


@dataclass(frozen=True, slots=True)
class ConnectionFacts:
    """One connection, decrypted, for use outside the database. `secrets` never appear in its `repr`."""

    id: int
    service: str
    key: str  # the random public text in the webhook URL `/webhooks/<service>/<key>`
    settings: Mapping[str, str] = field(default_factory=dict)
    webhook_url: str = ""  # public URL of this connection's webhook door; empty where there is none
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    def setting(self, name: str, default: str | None = None) -> str:
        """A setting by name. Raises `NotConfigured` when it is empty and has no default."""
        value = self.settings.get(name) or default
        if value is None:
            raise NotConfigured(self.service, "connect", "setting_missing", f"the setting {name} is empty")
        return value

    def secret(self, name: str) -> str:
        """A secret by name. Raises `NotConfigured` when it is empty."""
        value = self.secrets.get(name)
        if not value:
            raise NotConfigured(self.service, "connect", "secret_missing", f"the secret {name} is empty")
        return value
