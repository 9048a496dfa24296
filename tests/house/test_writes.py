"""House rule 3: every write to the database is an operation (or a migration)."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.house.source import Module, called, calls, functions, product_modules, sample, strings, violations

ROOMS = {"operations", "migrations"}
ALWAYS = {
    *("bulk_create", "bulk_update", "get_or_create", "update_or_create", "create_user", "create_superuser"),
    *("abulk_create", "abulk_update", "aget_or_create", "aupdate_or_create"),
}
# The same words are methods of dictionaries, workbooks and Redis, but there they are given something by position.
BY_NAME_ONLY = {"save", "create", "update", "delete", "asave", "acreate", "aupdate", "adelete"}
SQL = re.compile(
    r"\b(INSERT\s+INTO|UPDATE\s+[\w.\"{}]+(\s+\w+)?\s+SET|DELETE\s+FROM|MERGE\s+INTO|TRUNCATE\b|COPY\s+[\w.\"{}(), ]+\bFROM)\b"
)

# file → (what it may do, why it is not an operation)
EXCEPTIONS = {
    "integrations/webhooks/group_commit.py": "the door stands before Django: one INSERT for hundreds of deliveries, by asyncpg-like code without ORM",
}


def writes_outside_operations(module: Module) -> Iterator[str]:
    """Calls of the ORM that write, and statements that write, in a file that may not."""
    if ROOMS & set(module.path.parts) or str(module.path) in EXCEPTIONS:
        return
    for call in calls(module.tree):
        name = called(call)
        if name in BY_NAME_ONLY and is_client(module) and "objects" not in ast.unparse(call.func).split("."):
            continue  # a method of the vendor's SDK
        if isinstance(call.func, ast.Attribute) and (name in ALWAYS or (name in BY_NAME_ONLY and not call.args)):
            yield f"{module.at(call)}: .{name}(…) belongs into an operation"
    for text in strings(module):
        if SQL.search(str(text.value)):
            yield f"{module.at(text)}: a statement that writes belongs into an operation"


def is_client(module: Module) -> bool:
    """Whether a module is the client of one service, whose SDK has words of its own."""
    return module.path.parts[0] == "integrations" and len(module.path.parts) > 2 and module.path.name == "client.py"


def positional_operations(module: Module) -> Iterator[str]:
    """Operations that open a transaction take their arguments by name only, so that a call says what it changes."""
    if "operations" not in module.path.parts:
        return
    for function in functions(module.tree):
        atomic = any("atomic" in ast.unparse(decorator) for decorator in function.decorator_list)
        atomic = atomic or any("atomic" in ast.unparse(call.func) for call in calls(function))
        given = [each for each in (*function.args.posonlyargs, *function.args.args) if each.arg not in {"self", "cls"}]
        if atomic and given and not function.name.startswith("_"):
            yield f"{module.at(function)}: {function.name} takes {given[0].arg} by position"


@pytest.mark.parametrize(
    "bad",
    [
        "client.save()",
        "client.save(update_fields=['name'])",
        "Client.objects.create(name='x')",
        "Client.objects.filter(pk=1).update(name='x')",
        "queryset.delete()",
        "Client.objects.bulk_create(rows)",
        "await Client.objects.aget_or_create(slug='x')",
        "cursor.execute('UPDATE agency_client SET name = %s', ['x'])",
        "cursor.execute(f'INSERT INTO {table} VALUES (1)')",
        "cursor.execute('delete from x'.upper() + 'DELETE FROM agency_client')",
    ],
)
def test_a_write_in_a_door_is_found(bad: str) -> None:
    text = f"async def f():\n    {bad}\n"
    assert len(list(writes_outside_operations(sample("agency/views/x.py", text)))) == 1
    assert list(writes_outside_operations(sample("agency/operations/x.py", text))) == []


@pytest.mark.parametrize(
    "good",
    [
        "known.update({'a': 1})",
        "book.save(path)",
        "redis.delete('key')",
        "rename_client(actor=actor, name='x')",
        "Client.objects.filter(pk=1).first()",
        "cursor.execute('SELECT 1 FOR UPDATE')",
        "log('please update the settings')",
    ],
)
def test_what_only_looks_like_a_write_is_left_alone(good: str) -> None:
    assert list(writes_outside_operations(sample("agency/views/x.py", f"{good}\n"))) == []


def test_a_services_client_may_call_its_sdk_but_not_write_rows() -> None:
    path = "integrations/notion/client.py"
    assert list(writes_outside_operations(sample(path, "sdk.pages.create(parent=parent)\n"))) == []
    assert len(list(writes_outside_operations(sample(path, "Client.objects.create(name='x')\n")))) == 1
    assert len(list(writes_outside_operations(sample("integrations/client.py", "sdk.pages.create(parent=1)\n")))) == 1


def test_an_operation_that_takes_positions_is_found() -> None:
    bad = "@transaction.atomic\ndef rename(client, *, name): ...\n"
    inside = "def rename(client):\n    with transaction.atomic():\n        pass\n"
    good = "@transaction.atomic\ndef rename(*, client, name): ...\n"
    assert [
        len(list(positional_operations(sample("agency/operations/x.py", text)))) for text in (bad, inside, good)
    ] == [
        1,
        1,
        0,
    ]


def test_only_operations_and_migrations_write() -> None:
    assert violations(writes_outside_operations) == ""


def test_operations_take_their_arguments_by_name() -> None:
    assert violations(positional_operations) == ""


def test_exceptions_are_still_needed() -> None:
    """An exception whose file no longer writes, or is gone, is struck off the list."""
    by_path = {str(module.path): module for module in product_modules()}
    needed = {path for path in EXCEPTIONS if SQL.search(by_path[path].text)}
    assert needed == set(EXCEPTIONS)
