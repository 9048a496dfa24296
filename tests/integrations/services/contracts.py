"""Finds the contracts: each file of this folder named like a service."""

import importlib
from functools import cache
from pathlib import Path

import pytest

from integrations.registry import manifests
from tests.integrations.services.cases import Contract


@cache
def contracts() -> dict[str, Contract]:
    """Every service's contract by slug."""
    folder = Path(__file__).parent
    return {
        slug: importlib.import_module(f"tests.integrations.services.{slug}").CONTRACT
        for slug in manifests()
        if (folder / f"{slug}.py").is_file()
    }


def each_service() -> list[object]:
    """Parameters of a test that runs once a service."""
    return [pytest.param(contract, id=slug) for slug, contract in contracts().items()]


def each_case() -> list[object]:
    """Parameters of a test that runs once an operation."""
    return [
        pytest.param(contract, case, id=f"{slug}-{case.operation}")
        for slug, contract in contracts().items()
        for case in contract.cases
    ]


def each_live_case() -> list[object]:
    """The same for what may run against the real service."""
    return [
        pytest.param(contract, case, id=f"{slug}-{case.operation}")
        for slug, contract in contracts().items()
        for case in contract.cases
        if case.is_live
    ]
