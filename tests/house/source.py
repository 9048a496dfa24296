"""The product's own source as syntax trees, for the checkers of the house rules. A checker takes one `Module` and returns sentences."""

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("agency", "automations", "campaigns", "finance", "integrations", "messaging")
Checker = Callable[["Module"], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Module:
    """One file: where it is below the checkout, its text and its tree."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def package(self) -> str:
        """The top package, such as `messaging`."""
        return self.path.parts[0]

    def at(self, node: ast.AST) -> str:
        """`path:line`, as editors open it."""
        return f"{self.path}:{getattr(node, 'lineno', 1)}"


def sample(path: str, text: str) -> Module:
    """A module that a test makes up."""
    return Module(Path(path), text, ast.parse(text))


@cache
def product_modules() -> tuple[Module, ...]:
    """Every Python file of the product, without tests, benchmarks and virtual environments."""
    found = [ROOT / "manage.py", *(path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))]
    return tuple(sample(str(path.relative_to(ROOT)), path.read_text("utf-8")) for path in found)


def violations(check: Checker, modules: Iterable[Module] | None = None) -> str:
    """What a checker finds in the whole product, a line each; empty when all is well."""
    return "\n".join(found for module in modules or product_modules() for found in check(module))


def strings(module: Module) -> Iterator[ast.Constant]:
    """Every text constant that is not a docstring."""
    documented = {
        id(node.body[0].value)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    bare = {id(node.value) for node in ast.walk(module.tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documented | bare:
            yield node


def called(node: ast.Call) -> str:
    """The last name of what is called: `create` for `Client.objects.create(…)`; empty for anything else."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    """Every call below a node."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method below a node."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
