"""Tasks are started by name, so names are checked here: registered, well formed, routed to a declared queue."""

import ast
import re
from collections.abc import Iterator

import pytest
from celery import current_app
from django.conf import settings

from agency.kit.schedules import declared_schedules
from tests.house.source import Module, called, calls, product_modules, sample, violations

STARTERS = {"enqueue", "enqueue_after_commit", "send_task"}
FORM = re.compile(r"^[a-z_]+\.[a-z]+(_[a-z]+)*$")
LONGEST_TASK = 10  # lines of a task's body: load by key, call one operation


def registered_tasks() -> set[str]:
    """Names of our own tasks, as a worker knows them."""
    current_app.loader.import_default_modules()
    return {name for name in current_app.tasks if not name.startswith(("celery.", "tests."))}


def constants(module: Module) -> dict[str, str]:
    """Top-level names bound to a text, such as `RUN_TASK = "automations.run_slot"`."""
    return {
        target.id: node.value.value
        for node in module.tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def started_names(module: Module) -> Iterator[tuple[ast.Call, str]]:
    """(call, task name) of every start of a task by a name that stands in the file."""
    known = constants(module)
    for call in calls(module.tree):
        if called(call) in STARTERS and call.args:
            first = call.args[0]
            if isinstance(first, ast.Constant):
                yield call, str(first.value)
            elif isinstance(first, ast.Name) and first.id in known:
                yield call, known[first.id]


def unknown_tasks(module: Module) -> Iterator[str]:
    """Starts of tasks that no worker knows."""
    tasks = registered_tasks()
    for call, name in started_names(module):
        if name not in tasks:
            yield f"{module.at(call)}: no task is called {name}"


def long_tasks(module: Module) -> Iterator[str]:
    """Tasks that do more than load by key and call one operation."""
    if module.path.name != "tasks.py":
        return
    for node in module.tree.body:
        if isinstance(node, ast.FunctionDef) and node.decorator_list:
            first = node.body[1] if len(node.body) > 1 and isinstance(node.body[0], ast.Expr) else node.body[0]
            lines = (node.end_lineno or 0) - first.lineno + 1
            if lines > LONGEST_TASK:
                yield f"{module.at(node)}: {node.name} has {lines} lines"


def queue_of(name: str) -> str:
    """Where Celery's router sends a task."""
    route = current_app.amqp.router.route({}, name)
    return str(route["queue"].name)


def test_a_start_of_an_unknown_task_is_found() -> None:
    bad = 'NAME = "messaging.send_bacth"\nenqueue_after_commit(NAME, 1)\nenqueue("messaging.nothing")\n'
    assert [line.split(" ")[-1] for line in unknown_tasks(sample("messaging/x.py", bad))] == [
        "messaging.send_bacth",
        "messaging.nothing",
    ]
    assert list(unknown_tasks(sample("messaging/x.py", 'enqueue("messaging.send_batch", 1)\n'))) == []


def test_a_long_task_is_found() -> None:
    body = "".join(f"    step_{number}()\n" for number in range(11))
    bad = f'@shared_task(name="messaging.do_much")\ndef do_much():\n    """Too much."""\n{body}'
    assert len(list(long_tasks(sample("messaging/tasks.py", bad)))) == 1
    assert list(long_tasks(sample("messaging/tasks.py", bad.replace("    step_10()\n", "")))) == []


@pytest.mark.parametrize(
    ("name", "right"),
    [("messaging.send_batch", True), ("sendBatch", False), ("messaging.Send", False), ("messaging", False)],
)
def test_the_form_of_names(name: str, right: bool) -> None:
    assert (FORM.match(name) is not None) is right


def test_every_started_task_is_registered() -> None:
    assert violations(unknown_tasks) == ""


def test_the_walk_sees_the_starts() -> None:
    """The checker would also be silent if it saw nothing."""
    seen = {name for module in product_modules() for _call, name in started_names(module)}
    assert {"messaging.import_contacts", "outreach.prepare_execution", "automations.run_slot"} <= seen


def test_every_scheduled_task_is_registered_for_a_declared_queue() -> None:
    wrong = [
        declaration.key
        for declaration in declared_schedules()
        if declaration.task not in registered_tasks() or declaration.queue not in settings.QUEUES
    ]
    assert wrong == []


def test_every_task_has_a_proper_name_and_a_declared_queue() -> None:
    tasks = registered_tasks()
    assert [name for name in sorted(tasks) if not FORM.match(name)] == []
    assert {queue_of(name) for name in tasks} <= set(settings.QUEUES)


def test_every_route_belongs_to_a_task() -> None:
    tasks = registered_tasks()
    idle = [
        pattern
        for pattern, queue in settings.TASK_ROUTES.items()
        if queue not in settings.QUEUES
        or not any(re.fullmatch(pattern.replace(".", r"\.").replace("*", ".+"), name) for name in tasks)
    ]
    assert idle == []


def test_tasks_only_load_and_call() -> None:
    assert violations(long_tasks) == ""
