"""The texts of the product: those to be translated, those that are, and those in templates that nobody could translate."""

import io
import re
import shutil
import struct
import subprocess
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.core.management import call_command
from django.template.base import Lexer, TokenType
from django.test import override_settings

from tests.house.source import PACKAGES, ROOT

PARTS = (*PACKAGES, "templates")
MESSAGES = ROOT / "locale" / "pt_BR" / "LC_MESSAGES"
Catalog = dict[str, str]  # "context\4one\0many" → the translations, with \0 between them; "" → the header

_CLOSING = {name: f"end{name}" for name in ("blocktranslate", "blocktrans", "comment")}
_EMPTY = ("br", "col", "hr", "img", "input", "link", "meta", "path", "source", "wbr")  # elements without an end
_CODE = ("script", "style", "code", "kbd", "pre")
_READ_ALOUD = ("title", "alt", "placeholder", "aria-label", "aria-description")
_WORDS = re.compile(r"[^\W\d_]{2,}")
_NAMES = re.compile(r"\b(Batuta|WhatsApp|SHA-256)\b")  # the same in every language
_BUILT_IN = re.compile(r"\|(?:default|default_if_none|yesno|pluralize):([\"'])(.*?)\1")
_FIELDS = re.compile(r"%\(\w+\)[ #0+-]*\d*(?:\.\d+)?[a-zA-Z]|%[a-zA-Z]|\{\w*\}|</?[a-z]+[^>]*>")


def compiled(po: Path, destination: Path) -> Catalog:
    """What a program would read of a .po file: entries that are fuzzy or empty are missing in it."""
    subprocess.run(["msgfmt", "--check-format", "--check-domain", "-o", destination, po], check=True)
    return catalog(destination)


def catalog(mo: Path) -> Catalog:
    """The entries of a compiled file."""
    content = mo.read_bytes()
    assert content[:4] == b"\xde\x12\x04\x95", f"{mo} is not a compiled catalogue"
    count, originals, translations = struct.unpack_from("<3I", content, 8)

    def text(table: int, place: int) -> str:
        length, start = struct.unpack_from("<2I", content, table + 8 * place)
        return content[start : start + length].decode("utf-8")

    return {text(originals, place): text(translations, place) for place in range(count)}


def extracted(room: Path, patch: pytest.MonkeyPatch, root: Path = ROOT, parts: Sequence[str] = PARTS) -> Catalog:
    """What the source says today, each entry translated with itself. The source is copied, because makemessages writes beside it."""
    source, locale = room / "source", room / "locale"
    for part in parts:
        for path in (root / part).rglob("*"):
            if path.suffix in {".py", ".html", ".txt"} and "static" not in path.parts:
                copy = source / path.relative_to(root)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
    patch.chdir(source)
    with override_settings(LOCALE_PATHS=[str(locale)]):
        call_command("makemessages", locale=["pt_BR"], no_location=True, no_wrap=True, stdout=io.StringIO())
    itself = locale / "itself.po"
    subprocess.run(["msgen", "-o", itself, locale / "pt_BR/LC_MESSAGES/django.po"], check=True)
    return compiled(itself, locale / "itself.mo")


def changed_fields(original: str, translation: str) -> bool:
    """Whether a translation lost, invented or respelled a placeholder or an HTML tag; each plural form is looked at."""
    sources, targets = original.rpartition("\4")[2].split("\0"), translation.split("\0")
    return len(sources) != len(targets) or any(
        sorted(_FIELDS.findall(source)) != sorted(_FIELDS.findall(target))
        for source, target in zip(sources, targets, strict=False)
    )


def untranslatable(template: str, name: str) -> list[str]:
    """Words of a template that its reader sees in one language only: `name:line: words`."""
    reader = _Reader()
    reader.feed("".join(_visible(template)))
    reader.close()
    return [f"{name}:{line}: {words}" for line, words in reader.found]


def _visible(template: str) -> Iterator[str]:
    """The template without its tags and without what is translated; lines keep their numbers."""
    closing = ""
    for token in Lexer(template).tokenize():
        shown = ""
        if closing:
            closing = "" if token.token_type is TokenType.BLOCK and token.contents == closing else closing
        elif token.token_type is TokenType.BLOCK:
            closing = _CLOSING.get(token.contents.split()[0], "")
        elif token.token_type is TokenType.TEXT:
            yield token.contents
            continue
        elif token.token_type is TokenType.VAR:
            shown = " ".join(words for _, words in _BUILT_IN.findall(token.contents))
        yield shown + "\n" * token.contents.count("\n")


class _Reader(HTMLParser):
    """Collects what a person reads or hears: (line, words)."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[int, str]] = []
        self._around: list[tuple[str, bool]] = []  # (tag, whether its text is words)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = {name: value or "" for name, value in attrs}
        for name, value in facts.items():
            if name in _READ_ALOUD or (name == "value" and facts.get("type") in ("submit", "button")):
                self._look(value)
        if tag not in _EMPTY:
            picture = "material-symbols-outlined" in facts.get("class", "")  # its text is the name of a picture
            self._around.append((tag, tag not in _CODE and not picture))

    def handle_endtag(self, tag: str) -> None:
        if any(tag == open_tag for open_tag, _ in self._around):
            while self._around.pop()[0] != tag:
                pass

    def handle_data(self, data: str) -> None:
        if not self._around or self._around[-1][1]:
            self._look(data)

    def _look(self, text: str) -> None:
        text = _NAMES.sub("", text)
        if _WORDS.search(text):
            self.found.append((self.getpos()[0], " ".join(text.split())))
