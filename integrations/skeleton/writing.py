"""Writes the folder and the tests of a new service. They run, and fail with sentences about what is still to be said."""

import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import Template

from integrations.calling.policy import Effect
from integrations.manifest import Category

CONFIG = Path(__file__).resolve().parents[2] / "pyproject.toml"
SLUG = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


class CannotWrite(ValueError):
    """The folder cannot be made; the text says why."""


@dataclass(frozen=True, slots=True)
class Blueprint:
    """What the person at the terminal says of a service; `operations` are names with their effects."""

    slug: str
    title: str
    category: Category
    operations: Mapping[str, Effect]
    has_webhook: bool


def read_operations(written: list[str]) -> dict[str, Effect]:
    """`name:effect` each; the effect is reads, sets or creates. Raises `CannotWrite`."""
    found: dict[str, Effect] = {}
    for each in written:
        name, _, effect = each.partition(":")
        if not SLUG.fullmatch(name) or effect not in {item.value for item in Effect}:
            raise CannotWrite(f"{each}: an operation is name:reads, name:sets or name:creates")
        found[name] = Effect(effect)
    return {**found, "health": Effect.READS}


def write_service(root: Path, service: Blueprint) -> list[Path]:
    """Write everything below the checkout `root`; nothing that exists is touched. Returns the files. Raises `CannotWrite`."""
    if not SLUG.fullmatch(service.slug):
        raise CannotWrite(f"{service.slug}: a name is lower case letters, digits and underscores")
    folder = root / "integrations" / service.slug
    if folder.exists():
        raise CannotWrite(f"{folder} exists")
    values = _values(service)
    tests = root / "tests" / "integrations"
    targets = {folder / f"{name}.py": f"{name}.py.txt" for name in ("manifest", "client", "health", "sandbox")}
    targets[tests / "services" / f"{service.slug}.py"] = "contract.py.txt"
    if service.has_webhook:
        targets[folder / "webhook.py"] = "webhook.py.txt"
        targets[tests / "webhooks" / f"test_{service.slug}.py"] = "webhook_test.py.txt"
    if present := [path for path in targets if path.exists()]:
        raise CannotWrite(f"{present[0]} exists")
    folder.mkdir()
    first = folder / "__init__.py"
    first.write_text(f'"""{service.title}."""\n', "utf-8")
    for path, source in targets.items():
        path.parent.mkdir(exist_ok=True)
        text = resources.files(__package__).joinpath(source).read_text("utf-8")
        path.write_text(Template(text).substitute(values), "utf-8")
    _tidy(root, [first, *targets])
    return [first, *targets]


def _tidy(root: Path, written: list[Path]) -> None:
    """Imports sorted and lines folded in the house style, which depend on the name of the service. Raises `CannotWrite`."""
    for command in (["check", "--fix", "--quiet"], ["format", "--quiet"]):
        ran = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--config", str(CONFIG), *map(str, written)],
            cwd=root,
            capture_output=True,
            text=True,
        )
        if ran.returncode:
            raise CannotWrite(f"the files are written, but ruff says: {ran.stdout}{ran.stderr}")


def _values(service: Blueprint) -> dict[str, str]:
    none = 'exempt("it sends no webhooks")'
    signing = '        Setting("webhook_secret", _("Signing secret"), _("Shown beside the webhook"), secret=True),\n'
    return {
        "slug": service.slug,
        "title": service.title,
        "name": "".join(part.capitalize() for part in service.slug.split("_")),
        "category": service.category.name,
        "operations": "".join(
            f'        Operation("{name}", Effect.{effect.name}),\n' for name, effect in service.operations.items()
        ),
        "webhook": str(service.has_webhook),
        "signature": "done" if service.has_webhook else none,
        "exempt_import": "" if service.has_webhook else ", exempt",
        "webhook_setting": signing if service.has_webhook else "",
        "webhook_secret": ', "webhook_secret": "s3cret"' if service.has_webhook else "",
    }
