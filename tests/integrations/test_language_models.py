"""What goes beyond the contracts: refused, cut off and overlong answers, wrong shapes, what an answer cost, recorded samples."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import orjson
import pytest

from integrations.calling import ledger
from integrations.calling.ledger import write_out
from integrations.capabilities.language.model import (
    AnswerCutOff,
    AnswerRefused,
    ContextTooLong,
    LanguageModel,
    Question,
    Shape,
    wire_schema,
)
from integrations.errors import UnexpectedResponse
from integrations.manifest import Category
from integrations.models import ApiCall
from integrations.registry import manifests, service_module
from integrations.sandbox.model_answers import is_strict
from integrations.sandbox.runner import RunningSandbox
from integrations.states import CallOutcome
from tests.integrations.sandbox.asking import ask
from tests.integrations.services.conftest import quick_calls  # noqa: F401 -- the fixture
from tests.integrations.services.contracts import contracts
from tests.integrations.services.models import ASKED, JUDGED, REFUSED, SHORT, Verdict

pytestmark = pytest.mark.django_db

LANGUAGE = [slug for slug, manifest in manifests().items() if "language" in manifest.capabilities]
PAYLOADS = Path("tests/payloads")


@contextmanager
def model(slug: str, sandbox: RunningSandbox) -> Iterator[LanguageModel]:
    client = service_module(slug, "client").build(contracts()[slug].connect(sandbox))
    try:
        yield cast(LanguageModel, client)
    finally:
        client.close()


@pytest.mark.parametrize("slug", LANGUAGE)
def test_what_ends_an_answer_early_has_a_name_and_was_paid_for(slug: str, sandbox: RunningSandbox) -> None:
    ledger._entries.clear()
    with model(slug, sandbox) as asked:
        with pytest.raises(AnswerCutOff):
            asked.complete(SHORT)
        with pytest.raises(AnswerRefused):
            asked.complete(REFUSED)
    write_out()
    rows = list(ApiCall.objects.order_by("pk").values_list("operation", "outcome", "currency"))
    assert rows == [("complete", CallOutcome.OK, "USD")] * 2


@pytest.mark.parametrize("slug", LANGUAGE)
def test_a_question_longer_than_the_model_reads_has_a_name(slug: str, sandbox: RunningSandbox) -> None:
    sandbox.control.open_account(slug, context_tokens=10)
    try:
        with model(slug, sandbox) as asked, pytest.raises(ContextTooLong):
            asked.complete(ASKED)
    finally:
        sandbox.control.open_account(slug)


@pytest.mark.parametrize("slug", LANGUAGE)
def test_an_answer_of_another_shape_is_unexpected(slug: str, sandbox: RunningSandbox) -> None:
    class Impossible(Shape):
        text: str

        @classmethod
        def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
            return Verdict.model_json_schema()

    with model(slug, sandbox) as asked, pytest.raises(UnexpectedResponse, match="schema_mismatch"):
        asked.complete(Question("You judge.", "Ana.", shape=Impossible))


@pytest.mark.parametrize("slug", LANGUAGE)
def test_the_same_question_has_the_same_answer_and_its_price_is_in_the_ledger(
    slug: str, sandbox: RunningSandbox
) -> None:
    ledger._entries.clear()
    with model(slug, sandbox) as asked:
        first, second = asked.complete(JUDGED), asked.complete(JUDGED)
    assert first == second
    write_out()
    units, cost = ApiCall.objects.order_by("pk").values_list("units", "cost")[0]
    prices = {price.unit: Decimal(price.amount) / price.per for price in manifests()[slug].costs}
    expected = (
        prices[f"{first.model} input"] * first.input_tokens + prices[f"{first.model} output"] * first.output_tokens
    )
    assert units == first.input_tokens + first.output_tokens
    assert cost == expected.quantize(Decimal("0.000001"))
    assert cost > 0


@pytest.mark.parametrize("slug", [slug for slug, each in manifests().items() if each.category is Category.MODELS])
def test_every_default_model_has_a_price(slug: str) -> None:
    manifest = manifests()[slug]
    priced = {price.unit.rpartition(" ")[0] for price in manifest.costs}
    defaults = {setting.default for setting in manifest.settings if setting.name.startswith("model_")}
    assert defaults <= priced


def test_a_schema_goes_out_strict_with_its_limits_in_words() -> None:
    schema = wire_schema(Verdict)
    assert is_strict(schema)
    assert schema["properties"]["score"] == {
        "description": "How ready the lead is (at least 0; at most 100)",
        "type": "integer",
    }
    assert schema["properties"]["reasons"]["items"] == {"$ref": "#/$defs/Reason"}
    assert schema["$defs"]["Reason"]["properties"]["text"] == {
        "description": "(characters, at most 500)",
        "type": "string",
    }


def fields(content: Any, prefix: str = "") -> dict[str, type]:
    """Every field of an answer with the type of its value; entries of lists are laid over one another."""
    found: dict[str, type] = {}
    if isinstance(content, dict):
        for name, value in content.items():
            found[f"{prefix}{name}"] = type(value)
            found |= fields(value, f"{prefix}{name}.")
    elif isinstance(content, list):
        for each in content:
            found |= fields(each, f"{prefix}[].")
    return found


# slug → (sample, path, request) of what its documentation shows for an answer in words
SAMPLES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "anthropic": (
        "message.json",
        "/v1/messages",
        {"model": "claude-haiku-5-5", "max_tokens": 99, "messages": [{"role": "user", "content": "Oi"}]},
    ),
    "gemini": (
        "generate_content.json",
        "/v1/models/gemini-3.8-flash:generateContent",
        {"contents": [{"role": "user", "parts": [{"text": "Oi"}]}]},
    ),
    "openai": ("response.json", "/responses", {"model": "gpt-6-luna", "input": "Oi"}),
}


@pytest.mark.parametrize("slug", LANGUAGE)
def test_the_documents_sample_is_read_and_the_sandbox_answers_with_its_fields(
    slug: str, sandbox: RunningSandbox
) -> None:
    name, path, request = SAMPLES[slug]
    sample = orjson.loads((PAYLOADS / slug / name).read_bytes())
    answered = service_module(slug, "client").read_answer(sample)
    assert answered.text
    assert min(answered.input_tokens, answered.output_tokens) > 0
    key = next(iter(contracts()[slug].connect(sandbox).secrets.values()))
    headers = {"authorization": f"Bearer {key}", "x-goog-api-key": key}
    given = ask("POST", sandbox.base_url(slug) + path, content=request, headers=headers)
    assert given.status == 200, given.body
    recorded, imitated = fields(sample), fields(given.json())
    assert {field: imitated.get(field) for field in recorded} == recorded
