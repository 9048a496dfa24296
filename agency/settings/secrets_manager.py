"""Reading one secret from AWS Secrets Manager. Loaded only when AWS_SECRETS_ID is set."""

import json
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.core.exceptions import ImproperlyConfigured


def read_secret(secret_id: str) -> dict[str, Any]:
    """The values of a secret that holds one JSON object, by setting name in lower case.

    Region, credentials and endpoint come from where AWS' own tools read them (AWS_REGION, the instance's role, …).
    Raises ImproperlyConfigured with what to do.
    """
    settings = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 3, "mode": "standard"})
    try:
        answer = boto3.client("secretsmanager", config=settings).get_secret_value(SecretId=secret_id)
        values = json.loads(answer["SecretString"])
    except (BotoCoreError, ClientError) as error:
        raise ImproperlyConfigured(f"AWS_SECRETS_ID names {secret_id}, which cannot be read: {error}") from error
    except (KeyError, ValueError):
        values = None
    if not isinstance(values, dict):
        raise ImproperlyConfigured(
            f"AWS_SECRETS_ID names {secret_id}, which must hold one JSON object of settings, "
            'e.g. {"SECRET_KEY": "…", "DATABASE_URL": "…"}.'
        )
    return {str(name).lower(): value for name, value in values.items()}
