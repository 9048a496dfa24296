"""What of OAuth 2.0 needs no network: the address a person is sent to, and what an answer says."""

import base64
import hashlib
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from integrations.errors import AuthenticationFailed, NotConfigured
from integrations.facts import ConnectionFacts
from integrations.oauth import OAuth

# The grant or the token itself is refused: asking again is of no use, a person connects anew.
LOST_CODES = frozenset({"invalid_grant", "access_denied", "unauthorized_client", "190", "102"})


@dataclass(frozen=True, slots=True)
class Tokens:
    """An answer of a token address. Lives are in seconds, None where nothing is said; `scopes` None: those that were asked for."""

    access_token: str
    refresh_token: str = ""
    lives: int | None = None
    refresh_lives: int | None = None
    scopes: tuple[str, ...] | None = None

    def __repr__(self) -> str:
        return f"Tokens(lives={self.lives}, scopes={self.scopes})"


def authorize_address(oauth: OAuth, facts: ConnectionFacts, *, state: str, verifier: str, redirect_uri: str) -> str:
    """Where a person goes to give consent. Raises `NotConfigured`."""
    query = {
        "response_type": "code",
        "client_id": app_value(oauth.client_id, facts),
        "redirect_uri": redirect_uri,
        "scope": oauth.scope_separator.join(oauth.scopes),
        "state": state,
        **oauth.authorize_parameters,
    }
    if oauth.pkce:
        digest = hashlib.sha256(verifier.encode()).digest()
        query["code_challenge"] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        query["code_challenge_method"] = "S256"
    return f"{full_address(oauth.authorize_url, facts)}?{urlencode(query, quote_via=quote)}"


def is_lost(error: AuthenticationFailed) -> bool:
    """Whether the provider will never take this grant again."""
    return error.code in LOST_CODES


def full_address(template: str, facts: ConnectionFacts) -> str:
    """An address of the declaration with the connection's settings in it. Raises `NotConfigured`."""
    try:
        return template.format_map(facts.settings)
    except KeyError as error:
        raise NotConfigured(facts.service, "connect", "setting_missing", f"the setting {error} is empty") from None


def app_value(name: str, facts: ConnectionFacts) -> str:
    """The app's id or secret. Raises `NotConfigured`."""
    return facts.secrets.get(name) or facts.setting(name)
