"""How a service lets itself be connected by OAuth 2.0 (authorisation code): declarations for manifests, and two vendors' ready ones.

    oauth=google_oauth("access_token", scopes=("https://www.googleapis.com/auth/spreadsheets",))
    oauth=meta_oauth("access_token", scopes=("ads_management", "ads_read"))

The addresses may name settings of the connection in braces, so that the sandbox can stand in. `integrations.token_calls` speaks the protocol,
`integrations.runners.oauth` leads through it, `integrations.operations.oauth` keeps what comes of it.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field


class Renewal(enum.StrEnum):
    """How a new access token is got without a person."""

    REFRESH_TOKEN = "refresh_token"  # noqa: S105 -- RFC 6749, section 6; a rotated refresh token replaces the old one
    EXCHANGE = "exchange"  # Meta: a living long-lived token is exchanged for a new one
    NEVER = "never"  # the token does not end, or a person connects again


@dataclass(frozen=True, slots=True)
class OAuth:
    """`provider` names the app's environment variables (GOOGLE_CLIENT_ID); `token_setting` is the setting of kind OAUTH that the access token fills.

    `client_id` and `client_secret` are settings of the connection; where it leaves them empty, the agency's app of the environment is used.
    """

    provider: str
    token_setting: str
    authorize_url: str
    token_url: str
    scopes: tuple[str, ...]
    renewal: Renewal
    pkce: bool = True
    scope_separator: str = " "
    authorize_parameters: Mapping[str, str] = field(default_factory=dict)
    basic_authentication: bool = False  # the client's id and secret as a header instead of in the body
    permissions_url: str = ""  # where granted scopes are asked for, if the token's answer does not name them (Meta)
    client_id: str = "client_id"
    client_secret: str = "client_secret"  # noqa: S105 -- the name of a setting

    @property
    def app_settings(self) -> tuple[str, str]:
        """The settings that the agency's app of the environment may fill."""
        return self.client_id, self.client_secret


def google_oauth(token_setting: str, *, scopes: tuple[str, ...]) -> OAuth:
    """Google: offline access, so that there is a refresh token; consent asked for each time, because only then it is given anew.

    The manifest has the settings `accounts_url` (https://accounts.google.com) and `token_base_url` (https://oauth2.googleapis.com), both sandboxed.
    """
    return OAuth(
        provider="google",
        token_setting=token_setting,
        authorize_url="{accounts_url}/o/oauth2/v2/auth",
        token_url="{token_base_url}/token",  # noqa: S106 -- an address
        scopes=scopes,
        renewal=Renewal.REFRESH_TOKEN,
        authorize_parameters={"access_type": "offline", "prompt": "consent", "include_granted_scopes": "true"},
    )


def meta_oauth(token_setting: str, *, scopes: tuple[str, ...]) -> OAuth:
    """Meta: the short-lived token of the login is exchanged for one of about sixty days, and that for the next before it ends.

    The manifest has the settings `dialog_url` (https://www.facebook.com) and `base_url` (https://graph.facebook.com), both sandboxed, and `api_version`.
    """
    return OAuth(
        provider="meta",
        token_setting=token_setting,
        authorize_url="{dialog_url}/{api_version}/dialog/oauth",
        token_url="{base_url}/{api_version}/oauth/access_token",  # noqa: S106 -- an address
        scopes=scopes,
        renewal=Renewal.EXCHANGE,
        pkce=False,
        scope_separator=",",
        authorize_parameters={"auth_type": "rerequest"},
        permissions_url="{base_url}/{api_version}/me/permissions",
    )
