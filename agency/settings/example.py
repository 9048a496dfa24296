"""The text of `.env.example`, from the declared environment, so that it never lacks a variable or names one that is gone.

`python -m agency.settings.example` writes the file, `--check` fails when it is not fresh.
"""

import sys
from pathlib import Path

from django.conf import settings
from django.utils.module_loading import import_string
from django.utils.translation import override
from pydantic import SecretStr

from agency.settings.environment import BASE_DIR, Environment

PATH = BASE_DIR / ".env.example"

HEAD = """\
# Copy to .env and fill in. Written by `make docs` from agency/settings/environment.py.
# Each NAME can also come from a file (NAME_FILE=/run/secrets/name), or from the JSON secret in AWS Secrets Manager
# that AWS_SECRETS_ID names. On a person's own machine nothing is needed.
"""
COMPOSE = """\
# Only docker-compose.yml reads these. Use letters and digits: they become part of URLs.
# Password of the database; required with docker compose
POSTGRES_PASSWORD=
# Password of Valkey; required with docker compose
VALKEY_PASSWORD=
# Tag of the image
#BATUTA_VERSION=latest
# Port of the web process on this machine
#WEB_PORT=8000
# Profile sandbox: port of the imitated services on this machine
#SANDBOX_PORT=8400
# Profile whatsapp: key of the Evolution API; required there
#EVOLUTION_API_KEY=
# Profile storage: keys of the S3-compatible storage; required there
#STORAGE_ACCESS_KEY=
#STORAGE_SECRET_KEY=
# Profile monitoring: password of Grafana's account admin (required there), and its port on this machine
#GRAFANA_PASSWORD=
#GRAFANA_PORT=3000
"""
SERVICES = """\
# Connections of the agency itself to outside services, as an alternative to entering them in the admin (which wins where both exist).
# From integrations/*/manifest.py; a service is connected when all of its variables that are marked required are there.
"""
REQUIRED = ("secret_key", "encryption_keys", "allowed_hosts", "public_base_url")
OURS = ("batuta_servers",)  # set by the image and by make, not by a person


def example_text() -> str:
    """Every variable with its purpose; those that production requires are not commented out."""
    blocks = []
    for name, field in Environment.model_fields.items():
        if name in OURS:
            continue
        default = field.default if field.default is not None and not isinstance(field.default, SecretStr) else ""
        sign = "" if name in REQUIRED else "#"
        blocks.append(f"# {field.description}\n{sign}{name.upper()}={default}\n")
    aws = "# Name or ARN of a secret in AWS Secrets Manager that holds values of the above as one JSON object\n#AWS_SECRETS_ID=\n"
    return "\n".join((HEAD, "".join((*blocks, aws)), SERVICES + _services(), COMPOSE))


def _services() -> str:
    """The variables of every service, those of one provider's app once; what docker-compose.yml names too stands there."""
    if not settings.configured:
        settings.configure(USE_I18N=False)
    named = {line.lstrip("#").partition("=")[0] for line in COMPOSE.splitlines() if "=" in line}
    blocks = []
    # By name: a service's manifest is pure, and the settings know no package by import.
    for manifest in import_string("integrations.registry.manifests")().values():
        lines = []
        with override("en"):
            for name, item in import_string("integrations.environment.variables")(manifest):
                if name not in named:
                    needed = " (required)" if item.required and not item.default else ""
                    lines.append(f"# {item.title}{needed}: {item.purpose}\n#{name}={item.default}\n")
                    named.add(name)
        blocks.append(f"# {manifest.title}\n{''.join(lines)}")
    return "".join(blocks)


def main(path: Path, arguments: list[str]) -> int:
    """Write the file, or with `--check` compare it: exit code 1 when it differs."""
    if arguments != ["--check"]:
        path.write_text(example_text(), "utf-8")
        return 0
    fresh = path.is_file() and path.read_text("utf-8") == example_text()
    if not fresh:
        print(".env.example is not fresh: run `make docs`", file=sys.stderr)
    return 0 if fresh else 1


if __name__ == "__main__":
    sys.exit(main(PATH, sys.argv[1:]))
