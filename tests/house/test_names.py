"""House rules 1 and 2 and the forbidden names: short files, words that mean something, imports at the top."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.source import ROOT, Module, called, calls, functions, sample, violations

MOST_LINES = 400
FORBIDDEN = {
    *("util", "utils", "helper", "helpers", "common", "manager", "managers", "handler", "handlers"),
    *("service_layer", "misc"),
}
# "data" says nothing as a name or at its end; in "data_map" it says what is mapped. "Process" is a noun here (a worker), never a verb.
EMPTY_ENDINGS = {"data"}
SERVICE_AS_LAYER = re.compile(r"(^|_)services?$")
# Names that are right although they hold such a word: names of others (AWS, html.parser), or "process" as the noun it is.
PROPER = {"secrets_manager", "process_group", "process_name", "handle_starttag", "handle_endtag", "handle_data"}

# file → why it loads a module by name at run time
DYNAMIC = {
    "integrations/registry.py": "a service's client.py, and with it the vendor's library, is loaded on first use",
    "integrations/sandbox/main.py": "the sandbox mounts the sandbox.py of every folder that has one",
    "agency/settings/environment.py": "the AWS library is only for those who keep their settings there",
}


def words(name: str) -> list[str]:
    """`SendWindow`, `send_window` → send, window."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().strip("_").split("_")


def bad_name(name: str, *, function: bool = False) -> bool:
    """Whether a name uses a word the house does not."""
    parts = words(name)
    return not any(proper in "_".join(parts) for proper in PROPER) and (
        bool(FORBIDDEN & set(parts))
        or parts[-1] in EMPTY_ENDINGS
        or (not function and SERVICE_AS_LAYER.search("_".join(parts)) is not None)
        or (function and parts[0] in {"process", "handle"} and len(parts) > 1)
        or (function and parts == ["process"])
    )


def forbidden_names(module: Module) -> Iterator[str]:
    """Modules, classes and functions with a name that says nothing."""
    for part in module.path.with_suffix("").parts:
        if bad_name(part):
            yield f"{module.path}: no module is called {part}"
    for node in ast.walk(module.tree):
        # A class of a library's kind carries the library's word: `DailyFileHandler(logging.Handler)`.
        theirs = (
            {ast.unparse(base).rpartition(".")[2] for base in node.bases} if isinstance(node, ast.ClassDef) else set()
        )
        if isinstance(node, ast.ClassDef) and bad_name(node.name) and not any(bad_name(base) for base in theirs):
            yield f"{module.at(node)}: no class is called {node.name}"
    for function in functions(module.tree):
        if bad_name(function.name, function=True):
            yield f"{module.at(function)}: no function is called {function.name}"


def late_imports(module: Module) -> Iterator[str]:
    """Imports inside functions, also those that hide behind `import_module`."""
    for function in functions(module.tree):
        for node in ast.walk(function):
            if isinstance(node, ast.Import | ast.ImportFrom):
                yield f"{module.at(node)}: an import inside {function.name}"
    for call in calls(module.tree):
        if called(call) in {"import_module", "__import__"} and str(module.path) not in DYNAMIC:
            yield f"{module.at(call)}: a module loaded by name"


def signal_imports(module: Module) -> Iterator[str]:
    """Django's signals: business flow is called, not overheard. What Django itself announces to its apps is listed."""
    allowed = {
        (
            "agency/apps.py",
            "post_migrate",
        ): "roles follow the code after each migrate; Django has no other place for it",
        (
            "integrations/apps.py",
            "request_finished",
        ): "the ledger of calls is written when a request is over; not business",
    }
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.ImportFrom):
            continue
        for alias in node.names:
            theirs = (
                node.module == "django.dispatch"
                or str(node.module).startswith("django")
                and "signals" in f"{node.module}.{alias.name}"
            )
            if theirs and (str(module.path), alias.name) not in allowed:
                yield f"{module.at(node)}: {alias.name} of {node.module}"


def too_long(path: Path, text: str) -> list[str]:
    """A file beyond the limit."""
    lines = text.count("\n")
    return [f"{path}: {lines} lines"] if lines > MOST_LINES else []


@pytest.mark.parametrize(
    "name", ["utils", "date_helpers", "CampaignManager", "ClientService", "form_data", "event_handler", "Common"]
)
def test_an_empty_name_is_found(name: str) -> None:
    assert len(list(forbidden_names(sample("agency/x.py", f"class {name}: ...\n")))) == 1
    assert len(list(forbidden_names(sample(f"agency/{name}.py", "")))) == 1


@pytest.mark.parametrize("name", ["process_batch", "process", "handle_event"])
def test_an_empty_verb_is_found(name: str) -> None:
    assert len(list(forbidden_names(sample("agency/x.py", f"def {name}(): ...\n")))) == 1


@pytest.mark.parametrize(
    "name", ["processes", "data_map", "DataSubjectRequest", "serviced_beats", "handle", "services_page"]
)
def test_a_name_that_says_something_is_left_alone(name: str) -> None:
    assert list(forbidden_names(sample(f"agency/{name}.py", f"def {name}(): ...\nclass {name}2: ...\n"))) == []


def test_a_late_import_is_found() -> None:
    bad = "def f():\n    import json\n\ndef g():\n    return import_module('x')\n"
    assert len(list(late_imports(sample("agency/x.py", bad)))) == 2
    assert list(late_imports(sample("agency/x.py", "import json\n"))) == []


def test_a_signal_is_found() -> None:
    for bad in (
        "from django.db.models.signals import post_save",
        "from django.dispatch import receiver",
        "from django.db.models import signals",
    ):
        assert len(list(signal_imports(sample("messaging/apps.py", bad)))) == 1
    assert list(signal_imports(sample("agency/apps.py", "from django.db.models.signals import post_migrate"))) == []


def test_a_long_file_is_found() -> None:
    assert too_long(Path("x.py"), "\n" * 401) == ["x.py: 401 lines"]
    assert too_long(Path("x.py"), "\n" * 400) == []


def test_names_mean_something() -> None:
    assert violations(forbidden_names) == ""


def test_imports_stand_at_the_top() -> None:
    assert violations(late_imports) == ""


def test_no_business_flow_by_signals() -> None:
    assert violations(signal_imports) == ""


def test_files_are_short() -> None:
    """All of the repository's own Python, templates, scripts and styles; migrations are written by Django."""
    found = []
    for path in sorted(ROOT.rglob("*")):
        inside = path.relative_to(ROOT)
        hidden = any(
            part.startswith(".") or part in {"node_modules", "media", "staticfiles", "migrations"}
            for part in inside.parts
        )
        if not hidden and path.suffix in {".py", ".html", ".js", ".css", ".sh"} and path.is_file():
            found += too_long(inside, path.read_text("utf-8"))
    assert "\n".join(found) == ""
