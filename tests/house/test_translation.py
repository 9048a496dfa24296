"""Everything a person reads is said in Brazilian Portuguese, and the compiled catalogue is the one of the texts."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import unfold as unfold_package
from django.utils.translation import gettext, override

from tests.house.source import ROOT, Module, called, calls, sample, violations
from tests.house.translation import MESSAGES, catalog, changed_fields, compiled, extracted, untranslatable

pytestmark = pytest.mark.gettext
SAME = {"Link"}  # Unfold's words that Portuguese shares

SPOKEN_BY = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy", "pgettext"}


def hidden_texts(module: Module) -> Iterator[str]:
    """Texts said inside an f-string: the program that collects them does not look there."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.JoinedStr):
            for call in calls(node):
                if called(call) in SPOKEN_BY:
                    yield f"{module.at(call)}: say it before the f-string"


def test_a_text_inside_an_f_string_is_found() -> None:
    assert len(list(hidden_texts(sample("agency/x.py", "f\"{_('none')} of {n}\"\n")))) == 1
    assert list(hidden_texts(sample("agency/x.py", "none = _('none')\nf'{none} of {n}'\n"))) == []


def test_no_text_hides_in_an_f_string() -> None:
    assert violations(hidden_texts) == ""


def test_every_text_has_its_translation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = compiled(MESSAGES / "django.po", tmp_path / "django.mo")
    wanted = extracted(tmp_path, monkeypatch)
    assert sorted(wanted.keys() - said.keys()) == [], "run `make messages`, then translate what is new or marked fuzzy"
    assert sorted(said.keys() - wanted.keys()) == [], "no source says these any more: run `make messages`"


def test_words_of_the_admins_theme_are_said_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unfold = Path(unfold_package.__path__[0])
    parts = ("templates", "templatetags", "mixins", "contrib/filters", "contrib/forms")
    words = [key for key in extracted(tmp_path, monkeypatch, unfold, parts) if key and "\0" not in key]
    with override("pt-br"):
        silent = [key for key in words if gettext(key) == key]
    assert sorted(set(silent) - SAME) == [], "name these in agency/admin/borrowed_words.py"


def test_translations_keep_placeholders_and_tags(tmp_path: Path) -> None:
    said = compiled(MESSAGES / "django.po", tmp_path / "django.mo")
    assert {original: text for original, text in said.items() if original and changed_fields(original, text)} == {}


def test_the_compiled_catalogue_is_fresh(tmp_path: Path) -> None:
    assert catalog(MESSAGES / "django.mo") == compiled(MESSAGES / "django.po", tmp_path / "django.mo"), (
        "run `make messages`"
    )


def test_templates_hold_no_words_that_cannot_be_translated() -> None:
    templates = [path for path in sorted((ROOT / "templates").rglob("*")) if path.suffix in {".html", ".txt"}]
    found = [
        text for path in templates for text in untranslatable(path.read_text("utf-8"), str(path.relative_to(ROOT)))
    ]
    assert found == [], "wrap these in translate or blocktranslate"


@pytest.mark.parametrize(
    ("original", "translation"),
    [
        ("%(number)s people", "%(numero)s pessoas"),
        ("%(number)s people", "pessoas"),
        ("%(share).1f %%", "%(share)s %%"),
        ("who\4%(n)s person\0%(n)s people", "%(n)s pessoa\0pessoas"),
        ("<b>all</b>", "<strong>todos</strong>"),
        ("Hello {name}", "Olá {nome}"),
    ],
)
def test_a_lost_placeholder_is_noticed(original: str, translation: str) -> None:
    assert changed_fields(original, translation)
    assert not changed_fields(original, original.rpartition("\4")[2])


def test_fuzzy_and_empty_entries_count_as_missing(tmp_path: Path) -> None:
    po = tmp_path / "some.po"
    po.write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\nmsgid "day"\nmsgstr "dia"\n\n'
        '#, fuzzy\nmsgid "week"\nmsgstr "dia"\n\nmsgid "year"\nmsgstr ""\n\n'
        'msgctxt "calendar"\nmsgid "month"\nmsgid_plural "months"\nmsgstr[0] "mês"\nmsgstr[1] "meses"\n',
        "utf-8",
    )
    said = compiled(po, tmp_path / "some.mo")
    assert {key: text for key, text in said.items() if key} == {"day": "dia", "calendar\4month\0months": "mês\0meses"}


def test_a_wrong_format_is_refused(tmp_path: Path) -> None:
    po = tmp_path / "some.po"
    po.write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'
        '#, python-format\nmsgid "%(n)s days"\nmsgstr "%(n)d dias"\n',
        "utf-8",
    )
    with pytest.raises(subprocess.CalledProcessError):
        compiled(po, tmp_path / "some.mo")


@pytest.mark.parametrize(
    ("template", "found"),
    [
        ("<p>\n<b>Hello</b> {{ name }}</p>", ["page:2: Hello"]),
        ('<a title="{{ n }} people" href="/people/">›</a>', ["page:1: people"]),
        ('<input type="submit" value="Save">', ["page:1: Save"]),
        ('{% if who %}{{ who|default:"nobody" }}{% endif %}', ["page:1: nobody"]),
        ("{% blocktranslate %}One\nTwo{% endblocktranslate %}\n<i>Three</i>", ["page:3: Three"]),
        ("<br>Below<script>var word</script>", ["page:1: Below"]),
    ],
)
def test_words_outside_a_translation_are_noticed(template: str, found: list[str]) -> None:
    assert untranslatable(template, "page") == found


@pytest.mark.parametrize(
    "template",
    [
        '{% load i18n %}<p class="wide">{% translate "Hello" %}, {{ name }} <kbd>Esc</kbd></p>',
        "{% blocktranslate count n=n %}{{ n }} day{% plural %}{{ n }} days{% endblocktranslate %}",
        '<span class="material-symbols-outlined">person_off</span><input type="hidden" name="who" value="them">',
        "{# said to nobody #}{% comment %}nor is this{% endcomment %}<style nonce>.some { color: red }</style>",
        '<a aria-label="{% translate "Close" %}" class="{{ on|yesno:"lit,dark" }}">×</a> <b>Batuta</b> 12 s',
    ],
)
def test_translated_templates_pass(template: str) -> None:
    assert untranslatable(template, "page") == []
