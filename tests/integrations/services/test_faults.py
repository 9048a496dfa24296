"""The fault matrix: every kind of failure, at every service, has the consequence that its kind demands."""

import pytest

from integrations.calling.policy import Effect
from integrations.errors import (
    AuthenticationFailed,
    IntegrationError,
    RateLimited,
    TemporaryFailure,
    UnexpectedResponse,
)
from integrations.sandbox.control import ControlFailed
from integrations.sandbox.runner import RunningSandbox
from tests.integrations.services.cases import Case, Contract, outcome, recorded
from tests.integrations.services.contracts import each_service

pytestmark = pytest.mark.django_db

NOT_ACCEPTED, PERHAPS, ANYTHING = False, True, None
# fault → (what it must become, whether the error may say "surely not accepted")
MATRIX: dict[str, tuple[tuple[type[IntegrationError], ...], bool | None]] = {
    "rate_limit": ((RateLimited,), NOT_ACCEPTED),
    "rate_limit_silent": ((RateLimited,), NOT_ACCEPTED),
    "server_error": ((TemporaryFailure,), ANYTHING),
    "unavailable": ((TemporaryFailure,), ANYTHING),
    "bad_gateway": ((TemporaryFailure, UnexpectedResponse), PERHAPS),
    "html_page": ((UnexpectedResponse,), PERHAPS),
    "invalid_json": ((UnexpectedResponse, TemporaryFailure), PERHAPS),
    "cut_before": ((TemporaryFailure,), PERHAPS),
    "cut_after": ((TemporaryFailure,), PERHAPS),
    "cut_body": ((TemporaryFailure, UnexpectedResponse), PERHAPS),
    "server_error_after": ((TemporaryFailure,), PERHAPS),
    "error_in_success": ((IntegrationError,), ANYTHING),
    "expired_token": ((AuthenticationFailed,), ANYTHING),
    "missing_scope": ((AuthenticationFailed,), ANYTHING),
}
SECONDS = {"rate_limit": 7.0, "unavailable": 7.0}


def possible(contract: Contract, case: Case, fault: str, sandbox: RunningSandbox) -> bool:
    """Whether the service can fail like this: some never answer 200 with an error, have no scopes, speak no HTTP."""
    if fault in contract.impossible or f"{case.operation}:{fault}" in contract.impossible:
        return False
    try:
        with sandbox.control.fault(fault, service=contract.slug, operation=case.wire_operation):
            return True
    except ControlFailed as refusal:
        assert refusal.status == 422, refusal
        return False


@pytest.mark.parametrize("fault", MATRIX)
@pytest.mark.parametrize("contract", each_service())
def test_a_fault_becomes_the_error_that_says_what_to_do(
    contract: Contract, fault: str, sandbox: RunningSandbox
) -> None:
    errors, accepted_possible = MATRIX[fault]
    for case in contract.cases:
        if case.prepare is not None:
            case.prepare(sandbox.control)
        if not possible(contract, case, fault, sandbox):
            continue
        struck = sandbox.control.add_fault(
            fault, service=contract.slug, operation=case.wire_operation, seconds=SECONDS.get(fault)
        )
        with pytest.raises(IntegrationError) as raised:
            outcome(contract.connect(sandbox), case)
        sandbox.control.remove_fault(struck)
        error = raised.value
        assert isinstance(error, errors), f"{case.operation}: {error!r}"
        if accepted_possible is not None and contract.operation(case).effect is Effect.CREATES:
            assert getattr(error, "accepted_possible", False) is accepted_possible, f"{case.operation}: {error!r}"
        if fault == "rate_limit":
            assert isinstance(error, RateLimited)
            assert error.retry_after >= 6, f"{case.operation} did not hear how long to wait: {error.retry_after}"


@pytest.mark.parametrize("contract", each_service())
def test_the_right_answer_under_the_wrong_content_type_is_right_or_a_typed_error(
    contract: Contract, sandbox: RunningSandbox
) -> None:
    for case in contract.cases:
        if case.prepare is not None:
            case.prepare(sandbox.control)
        if not possible(contract, case, "wrong_content_type", sandbox):
            continue
        with sandbox.control.fault("wrong_content_type", service=contract.slug, operation=case.wire_operation):
            try:
                case.check(outcome(contract.connect(sandbox), case))
            except UnexpectedResponse as error:
                assert error.accepted_possible or contract.operation(case).effect is Effect.READS


def _creating(contract: Contract) -> list[Case]:
    return [case for case in contract.cases if contract.operation(case).effect is Effect.CREATES]


@pytest.mark.parametrize("fault", ["cut_after", "hang_after", "server_error_after", "cut_body"])
@pytest.mark.parametrize("contract", each_service())
def test_what_may_have_been_accepted_is_never_created_twice(
    contract: Contract, fault: str, sandbox: RunningSandbox
) -> None:
    for case in _creating(contract):
        if case.prepare is not None:
            case.prepare(sandbox.control)
        if not possible(contract, case, fault, sandbox):
            continue
        before = recorded(contract, sandbox)
        with (
            sandbox.control.fault(fault, service=contract.slug, operation=case.wire_operation),
            pytest.raises(IntegrationError) as raised,
        ):
            outcome(contract.connect(sandbox), case)
        assert getattr(raised.value, "accepted_possible", False) is True, f"{case.operation}: {raised.value!r}"
        assert recorded(contract, sandbox) - before == 1, case.operation


@pytest.mark.parametrize("contract", each_service())
def test_what_may_be_repeated_is_repeated_until_it_works(contract: Contract, sandbox: RunningSandbox) -> None:
    for case in contract.cases:
        if contract.operation(case).effect is Effect.CREATES:
            continue
        if case.prepare is not None:
            case.prepare(sandbox.control)
        before = recorded(contract, sandbox)
        with sandbox.control.fault("cut_after", service=contract.slug, operation=case.wire_operation, count=2):
            if case.repeated_by_caller:
                for _attempt in range(2):
                    with pytest.raises(TemporaryFailure):
                        outcome(contract.connect(sandbox), case)
            case.check(outcome(contract.connect(sandbox), case))
        if case.repeated_by_caller:
            assert recorded(contract, sandbox) - before == 1, case.operation
