"""Nobody meets a sentence in the wrong language: templates translate what they say, the catalogue is complete, and its compiled form fresh."""

import ast
import gettext
import re
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from django.utils.text import smart_split
from django.utils.translation import trim_whitespace

from tests.house.source import ROOT, Module, called, calls, product_modules, sample, violations

LOCALE = ROOT / "locale" / "pt_BR" / "LC_MESSAGES"
SIMPLE = {"_", "gettext", "gettext_lazy", "gettext_noop"}
PLURAL = {"ngettext", "ngettext_lazy"}
SPOKEN_ATTRIBUTES = {"alt", "aria-label", "placeholder", "title"}
# Names and units are the same in every language; so is what a person copies into a program.
SAME_EVERYWHERE = re.compile(
    r"(?:\b(?:Batuta|WhatsApp|SMS|SPF|DKIM|DMARC|CSV|XLSX|API|URL|Beat|Celery|Redis|PostgreSQL|HTML|Liquid|JSON|ID|pt-BR|MB|kB)\b)"
)
SILENT = {"script", "style", "code", "kbd", "pre", "svg"}
VOID = {
    "area",
    "base",
    "br",
    "col",
    "embed",
    "hr",
    "img",
    "input",
    "link",
    "meta",
    "source",
    "track",
    "wbr",
    "path",
    "circle",
    "rect",
    "line",
}
# The sandbox is a program for developers with words of its own (integrations/sandbox/page_words.py); mails are built of translated parts.
# The button chooses its element by a tag within a tag, and holds only what it is given.
ELSEWHERE = ("templates/sandbox/", "templates/allauth/elements/button.html")

BLOCK = re.compile(
    r"{%-?\s*blocktrans(?:late)?\b(?P<head>.*?)%}(?P<body>.*?){%\s*endblocktrans(?:late)?\s*%}", re.DOTALL
)
SAID = re.compile(r"{%\s*trans(?:late)?\s+(?P<text>\"[^\"]*\"|'[^']*')(?P<rest>.*?)%}", re.DOTALL)
INLINE = re.compile(r"\b_\((?P<text>\"[^\"]*\"|'[^']*')\)")
COMMENT = re.compile(r"{#.*?#}|{%\s*comment\b.*?{%\s*endcomment\s*%}", re.DOTALL)
TAG = re.compile(r"{%.*?%}|{{.*?}}", re.DOTALL)


class Spoken(HTMLParser):
    """What a reader sees of a page: texts between tags, and attributes that are read out or shown."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[int, str]] = []
        self._silent = 0
        self._open: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in VOID:
            silent = False
        else:
            # The name of a symbol is a text only to the font that draws it.
            silent = tag in SILENT or "material-symbols" in str(dict(attrs).get("class", ""))
            self._open.append((tag, silent))
        self._silent += silent
        for name, value in attrs:
            if name in SPOKEN_ATTRIBUTES or (tag == "input" and name == "value" and ("type", "hidden") not in attrs):
                self.found.append((self.getpos()[0], value or ""))

    def handle_endtag(self, tag: str) -> None:
        while self._open:
            opened, silent = self._open.pop()
            self._silent -= silent
            if opened == tag:
                return

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.found.append((self.getpos()[0], data))


def leftovers(text: str) -> list[str]:
    """Words in a template that no tag translates, with their lines."""

    def blank(match: re.Match[str]) -> str:
        return "\n" * match[0].count("\n") or " "

    for pattern in (COMMENT, BLOCK, TAG):
        text = pattern.sub(blank, text)
    page = Spoken()
    page.feed(text)
    found = []
    page.close()
    for line, words in page.found:
        plain = SAME_EVERYWHERE.sub("", re.sub(r"&\w+;|\S+@\S+|https?://\S+|^\w+ = \w+$", "", words))
        if re.search(r"[^\W\d_]{2,}", plain):
            found.append(f"{line}: {' '.join(words.split())[:60]}")
    return found


def templates() -> Iterator[Path]:
    """Every template of ours."""
    for path in sorted(ROOT.rglob("templates/**/*")):
        inside = path.relative_to(ROOT)
        if (
            path.suffix in {".html", ".txt"}
            and not inside.parts[0].startswith(".")
            and not str(inside).startswith(ELSEWHERE)
        ):
            yield path


def template_messages(text: str) -> Iterator[str]:
    """Every text that a template asks the catalogue for."""
    text = COMMENT.sub("", text)
    for match in SAID.finditer(text):
        yield match["text"][1:-1].replace("%", "%%") if "%" in match["text"] else match["text"][1:-1]
    for match in INLINE.finditer(text):
        yield match["text"][1:-1]
    for match in BLOCK.finditer(text):
        trimmed = "trimmed" in list(smart_split(match["head"]))
        for part in re.split(r"{%\s*plural\s*%}", match["body"])[:1]:
            body = re.sub(r"{{\s*(\w+)\s*}}", r"%(\1)s", part.replace("%", "%%"))
            yield trim_whitespace(body) if trimmed else body


def code_messages(module: Module) -> Iterator[str]:
    """Every text that code asks the catalogue for."""
    for call in calls(module.tree):
        if called(call) in SIMPLE | PLURAL and call.args:
            first = call.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str) and first.value:
                yield first.value


def hidden_messages(module: Module) -> Iterator[str]:
    """Texts said inside an f-string: the program that collects them does not look there."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.JoinedStr):
            for call in calls(node):
                if called(call) in SIMPLE | PLURAL:
                    yield f"{module.at(call)}: say it before the f-string"


@cache
def catalogue() -> Catalog:
    """The Portuguese catalogue."""
    with (LOCALE / "django.po").open("rb") as file:
        return read_po(file, locale="pt_BR")


def translation(msgid: str) -> str:
    """The Portuguese of a text; empty when there is none, or one that nobody has confirmed."""
    message = catalogue().get(msgid)
    if message is None or message.fuzzy:
        return ""
    forms = message.string if isinstance(message.string, tuple) else (message.string,)
    return str(forms[0]) if all(forms) else ""


def placeholders(text: str) -> set[str]:
    """What is filled in: `%(name)s`, `{name}`."""
    return set(re.findall(r"%\(\w+\)[a-z]|{\w*}|%[sd]", text.replace("%%", "")))


@pytest.mark.parametrize(
    ("bad", "found"),
    [
        ("<p>Save the campaign</p>", ["1: Save the campaign"]),
        ('<button aria-label="Close">×</button>', ["1: Close"]),
        ("<p>{{ number }}\n people</p>", ["1: people"]),
        ("{% if x %}yes{% endif %}", ["1: yes"]),
    ],
)
def test_an_untranslated_word_is_found(bad: str, found: list[str]) -> None:
    assert leftovers(bad) == found


@pytest.mark.parametrize(
    "good",
    [
        '<p>{% translate "Save" %}: {{ name }} · 12 %</p>',
        "{% blocktranslate %}Save {{ name }}{% endblocktranslate %}",
        "{# a remark #}<script>const word = 1;</script><code>make demo</code> Batuta",
        '<input type="hidden" name="step" value="{{ step }}">',
    ],
)
def test_what_is_translated_is_left_alone(good: str) -> None:
    assert leftovers(good) == []


def test_the_texts_of_a_template_are_found() -> None:
    text = (
        '{% translate "Save" as word %}{% blocktranslate trimmed count n=1 %}\n  {{ n }} person\n{% plural %}\n  {{ n }} people\n'
        "{% endblocktranslate %}{{ x|default:_('none') }}"
    )
    assert sorted(template_messages(text)) == ["%(n)s person", "Save", "none"]
    assert list(code_messages(sample("agency/x.py", '_("Save " "it")\nngettext("a", "b", 2)\n_(name)\n'))) == [
        "Save it",
        "a",
    ]


def test_a_text_inside_an_f_string_is_found() -> None:
    assert len(list(hidden_messages(sample("agency/x.py", "f\"{_('none')} of {n}\"\n")))) == 1
    assert list(hidden_messages(sample("agency/x.py", "none = _('none')\nf'{none} of {n}'\n"))) == []


def test_no_text_hides_in_an_f_string() -> None:
    assert violations(hidden_messages) == ""


def test_templates_say_nothing_that_is_not_translated() -> None:
    found = [f"{path.relative_to(ROOT)}:{line}" for path in templates() for line in leftovers(path.read_text("utf-8"))]
    assert "\n".join(found) == ""


def test_everything_that_is_said_has_its_portuguese() -> None:
    asked = {text: str(module.path) for module in product_modules() for text in code_messages(module)}
    for path in templates():
        asked |= {text: str(path.relative_to(ROOT)) for text in template_messages(path.read_text("utf-8"))}
    assert len(asked) > 500
    missing = sorted(f"{place}: {text[:80]}" for text, place in asked.items() if not translation(text))
    assert "\n".join(missing) == ""


def test_translations_fill_in_what_their_texts_fill_in() -> None:
    wrong = [
        str(message.id)
        for message in catalogue()
        if message.id
        and isinstance(message.id, str)
        and message.string
        and not message.fuzzy
        and placeholders(message.id) != placeholders(str(message.string))
    ]
    assert wrong == []


def test_the_compiled_catalogue_is_fresh() -> None:
    with (LOCALE / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    stale = [
        str(message.id)
        for message in catalogue()
        if message.id
        and isinstance(message.id, str)
        and message.string
        and not message.fuzzy
        and (compiled.pgettext(message.context, message.id) if message.context else compiled.gettext(message.id))
        != message.string
    ]
    assert stale == []
