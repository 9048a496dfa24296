"""Each operation of each service against the sandbox, through the real client and SDK."""

import pytest

from integrations.calling.policy import Effect
from integrations.errors import IntegrationError, UnexpectedResponse
from integrations.registry import manifests
from integrations.sandbox.runner import RunningSandbox
from tests.integrations.services.cases import Case, Contract, outcome, recorded
from tests.integrations.services.contracts import contracts, each_case, each_service

pytestmark = pytest.mark.django_db


def test_every_service_with_operations_has_a_contract() -> None:
    assert {slug for slug, manifest in manifests().items() if manifest.operations} == set(contracts())


@pytest.mark.parametrize("contract", each_service())
def test_every_operation_has_a_case(contract: Contract) -> None:
    declared = {operation.name for operation in manifests()[contract.slug].operations}
    assert {case.operation for case in contract.cases} == declared
    silent = [case.operation for case in contract.cases if not case.required and not case.nothing_required]
    assert silent == [], "say which fields the answer must have, or why none"


@pytest.mark.parametrize(("contract", "case"), each_case())
def test_it_does_what_it_says_and_writes_what_it_declares(
    contract: Contract, case: Case, sandbox: RunningSandbox
) -> None:
    if case.prepare is not None:
        case.prepare(sandbox.control)
    before = recorded(contract, sandbox)
    case.check(outcome(contract.connect(sandbox), case))
    written = recorded(contract, sandbox) - before
    reads = contract.operation(case).effect is Effect.READS
    assert written == (case.writes if case.writes is not None else 0 if reads else 1)


@pytest.mark.parametrize(("contract", "case"), each_case())
def test_an_answer_without_a_field_it_needs_is_a_typed_error(
    contract: Contract, case: Case, sandbox: RunningSandbox
) -> None:
    """The mutation check: a client that reads a default where the documentation promises a value would pass without it."""
    for path in case.required:
        if case.prepare is not None:
            case.prepare(sandbox.control)
        with sandbox.control.fault("drop_field", service=contract.slug, operation=case.wire_operation, path=path):
            with pytest.raises(IntegrationError) as raised:
                outcome(contract.connect(sandbox), case)
            assert isinstance(raised.value, UnexpectedResponse), f"{path}: {raised.value!r}"


@pytest.mark.parametrize("contract", each_service())
def test_the_providers_own_errors_have_names_here(contract: Contract, sandbox: RunningSandbox) -> None:
    case = next(case for case in contract.cases if case.operation == contract.refused_operation)
    if case.prepare is not None:
        case.prepare(sandbox.control)
    assert contract.refusals, "name the provider's errors and what each becomes"
    for code, error in contract.refusals.items():
        with sandbox.control.fault("refuse", service=contract.slug, operation=case.wire_operation, code=code):
            with pytest.raises(IntegrationError) as raised:
                outcome(contract.connect(sandbox), case)
            assert type(raised.value) is error, f"{code}: {raised.value!r}"
