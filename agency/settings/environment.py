"""Every environment variable Batuta reads, typed, in one place (house rule 13).

A value comes from, in this order: the variable itself; a file named by `<NAME>_FILE` (Docker and Kubernetes secrets); the JSON secret
named by `AWS_SECRETS_ID` in AWS Secrets Manager; the default below.
"""

import base64
import os
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal
from zoneinfo import available_timezones

from django.core.exceptions import ImproperlyConfigured
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.sources import read_env_file

BASE_DIR = Path(__file__).resolve().parents[2]


class FileSource(PydanticBaseSettingsSource):
    """Reads `NAME` from the file that the variable `NAME_FILE` points to; a missing file is an error, not a silent default."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        variable = f"{field_name.upper()}_FILE"
        path = os.environ.get(variable)
        if not path:
            return None, field_name, False
        try:
            return Path(path).read_text("utf-8").strip(), field_name, False
        except (OSError, UnicodeDecodeError) as error:
            raise ImproperlyConfigured(f"{variable} names {path}, which cannot be read: {error}.") from error

    def __call__(self) -> dict[str, Any]:
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


class SecretsManagerSource(PydanticBaseSettingsSource):
    """Reads one JSON object of values from AWS Secrets Manager, only when `AWS_SECRETS_ID` names it."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        secret_id = os.environ.get("AWS_SECRETS_ID")
        if not secret_id:
            return {}
        # By name: the AWS library costs half a second of processor time, and only those who use it should pay.
        values: dict[str, Any] = import_module("agency.settings.secrets_manager").read_secret(secret_id)
        return values


class Environment(BaseSettings):
    """The typed environment. Field names are the variables' names in lower case."""

    model_config = SettingsConfigDict(
        env_file=BASE_DIR / ".env",
        env_ignore_empty=True,  # `NAME=` in a compose file or .env means "not set"
        extra="ignore",
        case_sensitive=False,
        hide_input_in_errors=True,  # what is wrong may be a password
    )

    database_url: SecretStr | None = Field(None, description="PostgreSQL; empty: a private server is started")
    redis_url: SecretStr | None = Field(None, description="Broker and results; empty: a private Valkey is started")
    cache_url: SecretStr | None = Field(None, description="Cache and channel layer; default: REDIS_URL, database 1")
    limiter_url: SecretStr | None = Field(None, description="Send limiter; default: REDIS_URL, database 2")
    batuta_servers: Literal["private", "none"] = Field(
        "private", description="`private` starts servers where no URL is given; `none` never does"
    )
    secret_key: SecretStr | None = Field(None, description="Django's signing key; required in production")
    encryption_keys: SecretStr | None = Field(
        None, description="Fernet keys, newest first, comma separated; required in production"
    )
    allowed_hosts: str = Field("localhost,127.0.0.1,[::1]", description="Host names served, comma separated")
    public_base_url: str = Field("http://127.0.0.1:8000", description="How the outside reaches this installation")
    log_dir: str = Field("", description="Also write one log file a day here, kept 30 days")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] | None = Field(
        None, description="Lowest level that is logged; default: INFO in production, WARNING elsewhere"
    )
    email_url: SecretStr | None = Field(None, description="smtp://user:password@host:port for invitations and resets")
    trusted_proxies: int = Field(0, ge=0, description="Proxies before us whose X-Forwarded-For is believed")
    api_requests_per_minute: int = Field(600, ge=1, description="API requests one token may make a minute")
    default_from_email: str = Field("Batuta <no-reply@localhost>", description="Sender of invitations and resets")
    time_zone: str = Field("America/Sao_Paulo", description="The agency's time zone")
    sandbox_url: str = Field("", description="Base URL of the local sandbox; empty: the real services")
    dns_server: str = Field(
        "",
        description="Name server for the checks of mail domains, as address or address:port; empty: this machine's own",
    )
    keep_answers_days: int = Field(7, ge=1, description="Days that answers to API requests are kept for repetitions")
    keep_api_calls_days: int = Field(120, ge=62, description="Days that single calls of services are kept")
    keep_chain_attempts_days: int = Field(120, ge=7, description="Days that attempts of fallback chains are kept")
    keep_connection_checks_days: int = Field(90, ge=1, description="Days that single checks of connections are kept")
    keep_delivery_events_days: int = Field(365, ge=7, description="Days that single delivery reports are kept")
    keep_failed_inbound_events_days: int = Field(
        180, ge=2, description="Days that webhook deliveries are kept which could not be acted upon"
    )
    keep_import_files_days: int = Field(30, ge=1, description="Days that uploaded contact files are kept")
    keep_inbound_events_days: int = Field(60, ge=2, description="Days that webhook deliveries are kept")
    keep_message_references_days: int = Field(
        90, ge=7, description="Days after which no delivery report comes any more"
    )
    keep_model_requests_days: int = Field(90, ge=1, description="Days that answers of language models are kept")
    keep_search_answers_days: int = Field(
        90, ge=2, description="Days that answers of searches may stand in for new ones"
    )
    keep_sessions_days: int = Field(1, ge=0, description="Days that ended sessions are kept")
    keep_slots_days: int = Field(90, ge=7, description="Days that slots which ran stay in the ledger")
    keep_task_results_days: int = Field(30, ge=1, description="Days that results of tasks are kept")
    keep_waves_days: int = Field(7, ge=1, description="Days that closed waves of send jobs are kept")
    media_store: Literal["local", "s3"] = Field(
        "local", description="Where uploaded files are kept: `local` in media/, `s3` in the bucket media-uploads"
    )
    send_concurrency: int = Field(200, ge=1, le=200, description="Provider calls one sender process has in flight")

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError("not a time zone of the IANA list; write it like America/Sao_Paulo")
        return name

    @field_validator("dns_server")
    @classmethod
    def _name_server(cls, server: str) -> str:
        host, port = server.strip(), ""
        if server.count(":") == 1 or "]:" in server:
            host, _, port = server.strip().rpartition(":")
        try:
            ip_address(host.strip("[]") or "127.0.0.1")
        except ValueError as error:
            raise ValueError("not an address of a name server; write it like 192.0.2.1 or 192.0.2.1:5353") from error
        if port and not (port.isdecimal() and 0 < int(port) < 65_536):
            raise ValueError("the port of the name server is a number from 1 to 65535")
        return server.strip()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        files, secrets_manager = FileSource(settings_cls), SecretsManagerSource(settings_cls)
        return init_settings, env_settings, files, dotenv_settings, secrets_manager


@cache
def _written() -> Mapping[str, str | None]:
    """What `.env` says, read once."""
    path = BASE_DIR / ".env"
    return read_env_file(path, case_sensitive=True) if path.is_file() else {}


@cache
def _secrets_manager() -> dict[str, Any]:
    return SecretsManagerSource(Environment)()


def read_variable(name: str) -> str:
    """A variable whose name is only known from a service's manifest (RESEND_API_KEY), from the same places in the same order; empty when it is not set.

    A file that is not text comes as Base64. Raises ImproperlyConfigured for a file that cannot be read.
    """
    if value := os.environ.get(name):
        return value
    if path := os.environ.get(f"{name}_FILE"):
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE names {path}, which cannot be read: {error}.") from error
        try:
            return content.decode().strip()
        except UnicodeDecodeError:
            return base64.b64encode(content).decode()
    return _written().get(name) or str(_secrets_manager().get(name) or "")


def no_variable(name: str) -> str:
    """An environment that says nothing, for tests."""
    return ""


def revealed(secret: SecretStr | None) -> str:
    """The text of a secret; empty when it is not set."""
    return secret.get_secret_value() if secret else ""


@cache
def environment() -> Environment:
    """The environment of this process, read once. Raises ImproperlyConfigured with one clause a wrong variable, never its value."""
    try:
        return Environment()
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, each['loc'])).upper()}: {each['msg']}" for each in error.errors()]
        raise ImproperlyConfigured("Correct these settings: " + "; ".join(wrong)) from None
