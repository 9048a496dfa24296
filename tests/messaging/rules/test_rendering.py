"""Filling a template: what most messages are made of is put together directly, and reads as Liquid itself would have written it."""

from html import escape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from liquid import Environment

from messaging.rules.rendering import (
    MAX_OUTPUT,
    CompiledTemplate,
    TemplateInvalid,
    Variable,
    VariableMissing,
    Wording,
)

NAMES = st.sampled_from(["contact.name", "contact.first_name", "city", "contact.attributes.plan"])
PIECES = st.one_of(
    st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="{}\x00"), max_size=12),
    NAMES.map(lambda name: "{{ " + name + " }}"),
    NAMES.map(lambda name: "{{ " + name + " | upcase }}"),
    st.just("{% if city == 'Recife' %}sim{% else %}não{% endif %}"),
    st.just("{% raw %}{{ city }}{% endraw %}"),
)
TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00"), min_size=1, max_size=20)


def values(name: str, city: str) -> dict[str, Any]:
    return {"contact": {"name": name, "first_name": name[:3], "attributes": {"plan": "ouro & prata"}}, "city": city}


@given(st.lists(PIECES, max_size=8).map("".join), TEXT, TEXT)
def test_every_part_reads_as_liquid_renders_it(source: str, name: str, city: str) -> None:
    filled = CompiledTemplate(Wording(body=source, html=source, parameters=(source,))).fill(values(name, city))
    plain = one_newline(Environment().from_string(source).render(**values(name, city)))
    assert (filled.body, filled.parameters) == (plain, (plain,))
    html = Environment(autoescape=True).from_string(source).render(**values(name, city))
    assert filled.html == one_newline(html)


def one_newline(text: str) -> str:
    """Liquid with a limit on its output writes every kind of line end as one."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def test_values_that_are_no_text_are_written_as_people_write_them() -> None:
    template = CompiledTemplate(Wording(body="{{ a }} {{ b }} {{ c }} {{ d }}"))
    assert template.fill({"a": 2.0, "b": True, "c": ["x", "y"], "d": 0}).body == "2 true x, y 0"


def test_html_is_escaped_and_text_is_not() -> None:
    filled = CompiledTemplate(Wording(body="{{ n }}", html="<b>{{ n }}</b>")).fill({"n": "<Ana> & 'Bia'"})
    assert filled.body == "<Ana> & 'Bia'"
    assert filled.html == f"<b>{escape(filled.body)}</b>".replace("&#x27;", "&#39;")


def test_a_missing_value_takes_its_fallback_or_is_named() -> None:
    wording = Wording(body="Oi {{ contact.name }}", variables=(Variable("contact.name", fallback="cliente"),))
    assert CompiledTemplate(wording).fill({"contact": {"name": ""}}).values == {"contact.name": "cliente"}
    with pytest.raises(VariableMissing) as missing:
        CompiledTemplate(Wording(body="Oi {{ contact.name }}")).fill({"contact": {}})
    assert missing.value.name == "contact.name"


@pytest.mark.parametrize("character", ["x", "é"])
def test_output_beyond_the_limit_is_refused_and_just_below_is_not(character: str) -> None:
    template = CompiledTemplate(Wording(body="{{ n }}"))
    most = MAX_OUTPUT // len(character.encode())
    assert template.fill({"n": character * most}).body == character * most
    with pytest.raises(TemplateInvalid):
        template.fill({"n": character * (most + 1)})


def test_a_template_reaches_mappings_only() -> None:
    class Person:
        secret = "x"

    with pytest.raises(VariableMissing):
        CompiledTemplate(Wording(body="{{ person.secret }}")).fill({"person": Person()})
    with pytest.raises(VariableMissing):
        CompiledTemplate(Wording(body="{{ contact.__class__ }}")).fill({"contact": {"name": "Ana"}})
