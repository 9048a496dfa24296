"""The layer order for what strings hide: models, tables, tasks, permissions and modules named by text never name a package above."""

import re
from collections.abc import Iterator

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import models
from django.db.migrations.loader import MigrationLoader

from tests.house.source import Module, sample, strings, violations

LEVEL = {"agency": 1, "integrations": 2, "messaging": 3, "campaigns": 4, "finance": 4, "automations": 5}
LABELS = {
    "agency": "agency",
    "integrations": "integrations",
    "messaging": "messaging",
    "outreach": "campaigns",
    "automations": "automations",
}
NAMES = LABELS | {name: name for name in LEVEL}
# The project itself (layer 7) names packages by string: that is how it is put together.
PROJECT = ("agency/settings/", "agency/urls.py", "agency/asgi.py", "agency/celery.py")
# file → why it may name what is above it
EXCEPTIONS = {
    "agency/rules/roles.py": "patterns over permission names: the one place that says what a role may do; what is not installed matches nothing",
}
# `messaging.Contact`, `messaging.send_batch`, `messaging.operations.jobs.pause_job`, `admin:messaging_contact_changelist`, `messaging_contact`
DOTTED = re.compile(r"^(?P<name>[a-z]+)\.[A-Za-z*][\w.*]*$")
TABLE = re.compile(
    r"\b(?P<name>agency|integrations|messaging|outreach|automations|finance)_(?P<model>[a-z]+)(?=\b|_(?:changelist|change|add|delete)\b)"
)


def tables() -> set[str]:
    """Every table of ours."""
    return {model._meta.db_table for model in apps.get_models() if model._meta.app_label in LABELS}


def above(package: str, name: str) -> bool:
    """Whether the package behind a name stands above, or beside, `package`."""
    other = NAMES.get(name)
    return other is not None and other != package and LEVEL[other] >= LEVEL[package]


def upward_strings(module: Module) -> Iterator[str]:
    """Texts that name a model, table, task, permission, page or module of a higher package."""
    path = str(module.path)
    if module.package not in LEVEL or path.startswith(PROJECT) or path in EXCEPTIONS:
        return
    for node in strings(module):
        text = str(node.value)
        named = DOTTED.match(text)
        if named and above(module.package, named["name"]):
            yield f"{module.at(node)}: “{text}” is above {module.package}"
            continue
        for found in TABLE.finditer(text):
            if found[0] in tables() and above(module.package, found["name"]):
                yield f"{module.at(node)}: the table {found[0]} is above {module.package}"


def package_of(model: type[models.Model]) -> str:
    """The top package of a model of ours; empty for a library's."""
    package = model.__module__.partition(".")[0]
    return package if package in LEVEL else ""


@pytest.mark.parametrize(
    "bad",
    [
        'models.ForeignKey("outreach.Campaign", models.CASCADE)',
        'apps.get_model("automations.Slot")',
        'enqueue("outreach.prepare_execution")',
        'import_string("campaigns.outreach.operations.campaigns.create_campaign")',
        'reverse("admin:outreach_campaign_changelist")',
        'cursor.execute("SELECT 1 FROM outreach_campaign WHERE id = 1")',
    ],
)
def test_a_string_that_points_up_is_found(bad: str) -> None:
    assert len(list(upward_strings(sample("messaging/x.py", bad)))) == 1
    assert list(upward_strings(sample("automations/x.py", bad.replace("automations.Slot", "messaging.Contact")))) == []


@pytest.mark.parametrize(
    "good",
    ['enqueue("messaging.send_batch")', '"agency.Client"', '_("automations run at night")', '"finance"', '"outreach"'],
)
def test_other_strings_are_left_alone(good: str) -> None:
    assert list(upward_strings(sample("messaging/x.py", good))) == []


def test_no_string_names_a_higher_package() -> None:
    assert violations(upward_strings) == ""


def test_relations_point_down_and_leave_no_name_below() -> None:
    """A foreign key to another package puts no attribute on the other's model: its name would be an import in disguise."""
    wrong = []
    for model in apps.get_models():
        for field in model._meta.get_fields():
            target = field.related_model
            if not package_of(model) or field.auto_created or not isinstance(target, type) or not package_of(target):
                continue
            here, there = package_of(model), package_of(target)
            if here != there and LEVEL[there] >= LEVEL[here]:
                wrong.append(f"{model._meta.label}.{field.name} points up to {target._meta.label}")
            if here != there and not getattr(field.remote_field, "hidden", True):
                wrong.append(f"{model._meta.label}.{field.name} is seen on {target._meta.label}: related_name='+'")
    assert wrong == []


def test_admin_pages_are_registered_by_the_models_own_package() -> None:
    """Libraries' models are registered by whoever uses them."""
    wrong = [
        f"{model._meta.label} by {type(page).__module__}"
        for model, page in admin.site._registry.items()
        if package_of(model) and type(page).__module__.partition(".")[0] != package_of(model)
    ]
    assert wrong == []


def test_migrations_are_named_and_depend_downwards() -> None:
    wrong = []
    for (label, name), migration in MigrationLoader(None, ignore_no_migrations=True).disk_migrations.items():
        if label not in LABELS:
            continue
        if not re.fullmatch(r"\d{4}_[a-z][a-z0-9_]+", name) or "_auto_" in name or name.endswith("_initial"):
            wrong.append(f"{label}.{name} has no name")
        for other, _other_name in migration.dependencies:
            if above(LABELS[label], other):
                wrong.append(f"{label}.{name} depends on {other}")
    assert wrong == []
