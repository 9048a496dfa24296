"""Every environment variable Batuta reads, typed, in one place (house rule 13).

A value comes from, in this order: the variable itself; a file named by `<NAME>_FILE` (Docker and Kubernetes secrets); the JSON secret
named by `AWS_SECRETS_ID` in AWS Secrets Manager; the default below.
"""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from pydantic import Field, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict


class FileSource(PydanticBaseSettingsSource):
    """Reads `NAME` from the file that the variable `NAME_FILE` points to; a missing file is an error, not a silent default."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        path = os.environ.get(f"{field_name.upper()}_FILE")
        return (Path(path).read_text("utf-8").strip() if path else None), field_name, False

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
        answer = boto3.client("secretsmanager").get_secret_value(SecretId=secret_id)
        return {name.lower(): value for name, value in json.loads(answer["SecretString"]).items()}


class Environment(BaseSettings):
    """The typed environment. Field names are the variables' names in lower case."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", case_sensitive=False)

    database_url: SecretStr | None = Field(None, description="PostgreSQL; empty: a private server is started")
    redis_url: SecretStr | None = Field(None, description="Broker and results; empty: a private Valkey is started")
    cache_url: SecretStr | None = Field(None, description="Cache and channel layer; default: REDIS_URL, database 1")
    limiter_url: SecretStr | None = Field(None, description="Send limiter; default: REDIS_URL, database 2")
    batuta_servers: str = Field(
        "private", description="`private` starts servers where no URL is given; `none` never does"
    )
    secret_key: SecretStr | None = Field(None, description="Django's signing key; required in production")
    encryption_keys: SecretStr | None = Field(
        None, description="Fernet keys, newest first, comma separated; required in production"
    )
    allowed_hosts: str = Field("localhost,127.0.0.1,[::1]", description="Host names served, comma separated")
    public_base_url: str = Field("http://127.0.0.1:8000", description="How the outside reaches this installation")
    log_dir: str = Field("", description="Also write one log file a day here, kept 30 days")
    log_level: str = Field("INFO", description="Lowest level that is logged")
    email_url: SecretStr | None = Field(None, description="smtp://user:password@host:port for invitations and resets")
    trusted_proxies: int = Field(0, ge=0, description="Proxies before us whose X-Forwarded-For is believed")
    api_requests_per_minute: int = Field(600, ge=1, description="API requests one token may make a minute")
    default_from_email: str = Field("Batuta <no-reply@localhost>", description="Sender of invitations and resets")
    time_zone: str = Field("America/Sao_Paulo", description="The agency's time zone")
    sandbox_url: str = Field("", description="Base URL of the local sandbox; empty: the real services")
    send_concurrency: int = Field(200, ge=1, le=200, description="Provider calls one sender process has in flight")

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


def revealed(secret: SecretStr | None) -> str:
    """The text of a secret; empty when it is not set."""
    return secret.get_secret_value() if secret else ""


@cache
def environment() -> Environment:
    """The environment of this process, read once."""
    return Environment()
