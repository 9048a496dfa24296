"""A small OAuth provider on the loopback, strict about what it is told, and a service that is connected through it."""

import base64
import contextlib
import hashlib
import json
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from integrations import registry
from integrations.facts import ConnectionFacts
from integrations.health import Health, HealthState
from integrations.manifest import Checks, Manifest, Setting, SettingKind, exempt
from integrations.oauth import OAuth, google_oauth, meta_oauth

EXEMPT = exempt("a service of the tests")
CLIENT_ID, CLIENT_SECRET = "app-4711", "app-secret-4711"
SCOPES = ("sheets.read", "sheets.write")


@dataclass
class Provider:
    """What it gives, and what it was asked."""

    url: str = ""
    expires_in: int | None = 3_600
    granted: tuple[str, ...] = SCOPES
    rotates: bool = False
    seconds: float = 0.0  # before it answers a renewal
    fails: int = 0  # as many renewals are answered with 503
    asked: list[dict[str, str]] = field(default_factory=list)
    codes: dict[str, str] = field(default_factory=dict)  # code → challenge
    refresh_tokens: set[str] = field(default_factory=set)
    living: set[str] = field(default_factory=set)
    number: int = 0

    def consent(self, address: str, *, code: str = "code-1") -> dict[str, str]:
        """A person agrees at this address. What the provider then sends back."""
        query = dict(parse_qsl(urlsplit(address).query))
        assert query["client_id"] == CLIENT_ID
        assert query["redirect_uri"] == "http://127.0.0.1:8000/oauth/callback/"
        self.codes[code] = query.get("code_challenge", "")
        return {"code": code, "state": query["state"]}

    def token(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """The answer of the token address."""
        self.asked.append(form)
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return 401, {"error": "invalid_client"}
        kind = form.get("grant_type")
        if kind == "authorization_code":
            return self._for_code(form)
        time.sleep(self.seconds)
        if self.fails > 0:
            self.fails -= 1
            return 503, {"error": "temporarily_unavailable"}
        if kind == "fb_exchange_token":
            if form["fb_exchange_token"] not in self.living:
                error = {"message": "Session has expired", "type": "OAuthException", "code": 190}
                return 400, {"error": error}
            return 200, self._tokens(refresh=False)
        if form.get("refresh_token") not in self.refresh_tokens:
            return 400, {"error": "invalid_grant", "error_description": "Token has been revoked."}
        if self.rotates:
            self.refresh_tokens.discard(form["refresh_token"])
        return 200, self._tokens(refresh=self.rotates)

    def _for_code(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        challenge = self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        proven = base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == challenge
        if challenge is None or (challenge and not proven):
            return 400, {"error": "invalid_grant", "error_description": "Malformed code."}
        return 200, self._tokens(refresh=True)

    def _tokens(self, *, refresh: bool) -> dict[str, Any]:
        self.number += 1
        answer: dict[str, Any] = {"access_token": f"access-token-{self.number}", "token_type": "Bearer"}
        self.living.add(answer["access_token"])
        if self.expires_in is not None:
            answer["expires_in"] = self.expires_in
        if refresh:
            answer["refresh_token"] = f"refresh-token-{self.number}"
            self.refresh_tokens.add(answer["refresh_token"])
        return {**answer, "scope": " ".join(self.granted)}


@contextlib.contextmanager
def running_provider() -> Iterator[Provider]:
    """A provider that answers, for the length of a block."""
    provider = Provider()

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            self._answer(*provider.token({name: values[0] for name, values in parse_qs(body).items()}))

        def do_GET(self) -> None:
            token = self.headers.get("authorization", "").removeprefix("Bearer ")
            rows = [{"permission": scope, "status": "granted"} for scope in provider.granted]
            declined = {"permission": "email", "status": "declined"}
            self._answer(200 if token in provider.living else 401, {"data": [*rows, declined]})

        def _answer(self, status: int, content: dict[str, Any]) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    provider.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def acme_manifest(oauth: OAuth | None = None) -> Manifest:
    """A service connected by consent, as Google's are."""
    return Manifest(
        slug="acme",
        title="Acme",
        capabilities=("documents",),
        channels=(),
        purpose="Sheets of the tests.",
        settings=(
            Setting("access_token", "Access", "Given by consent.", kind=SettingKind.OAUTH),
            Setting("client_id", "App", "Of the app."),
            Setting("client_secret", "App secret", "Of the app.", secret=True),
            Setting("accounts_url", "Accounts", "-", required=False, default="https://accounts.acme.test"),
            Setting("token_base_url", "Tokens", "-", required=False, default="https://acme.test"),
            Setting("dialog_url", "Dialog", "-", required=False, default="https://acme.test"),
            Setting("base_url", "Graph", "-", required=False, default="https://acme.test"),
            Setting("api_version", "Version", "-", required=False, default="v26.0"),
        ),
        rate_limits=("none",),
        webhook=False,
        costs=(),
        docs_url="https://acme.test",
        checks=Checks(*[EXEMPT] * 10),
        oauth=oauth or google_oauth("access_token", scopes=SCOPES),
    )


def acme_like_meta() -> Manifest:
    """The same, as Meta does it."""
    return acme_manifest(replace(meta_oauth("access_token", scopes=SCOPES), provider="acme"))


def install(monkeypatch: pytest.MonkeyPatch, manifest: Manifest) -> None:
    """Let the product know the service, with a health check that says which token it was given."""

    def check(facts: ConnectionFacts) -> Health:
        return Health(HealthState.OK, f"seen {facts.secret('access_token')[:6]}")

    module = ModuleType("integrations.acme.health")
    module.check = check  # type: ignore[attr-defined]
    registry.manifests()
    monkeypatch.setitem(registry._manifests, manifest.slug, manifest)
    monkeypatch.setitem(sys.modules, "integrations.acme", ModuleType("integrations.acme"))
    monkeypatch.setitem(sys.modules, "integrations.acme.health", module)
