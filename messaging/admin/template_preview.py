"""A template filled for one person, by the very code that fills it when it is sent; and what changed from version to version."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from agency.admin.base import PERSONAL
from agency.rules.masking import masked
from agency.selectors.access import Viewer
from messaging.models import Contact, Template, TemplateVersion
from messaging.rules.rendering import (
    Filling,
    Rendered,
    Source,
    TemplateInvalid,
    VariableMissing,
    compile_wording,
    nest,
    person_values,
)
from messaging.selectors.plans import wording_of
from messaging.selectors.visible import visible_contacts

OFFERED = 20
VERSIONS = 20
MAX_VALUES = 4_000  # characters of the campaign's values in the address
# WhatsApp's own marks, each around text that neither begins nor ends with a space.
_MARKS = re.compile(r"```(?P<code>.+?)```|(?<!\w)(?P<sign>[*_~])(?P<text>\S(?:[^\n]*?\S)?)(?P=sign)(?!\w)", re.S)
_TAGS = {"*": "strong", "_": "em", "~": "s"}


@dataclass(frozen=True, slots=True)
class Preview:
    """What one person would get. Where variables are missing they stand as ⟨name⟩, and the message would not be sent."""

    fillings: tuple[Filling, ...] = ()
    missing: tuple[str, ...] = ()
    rendered: Rendered | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class VersionLine:
    """One version and how it differs from the one before, as (tag, line)."""

    version: TemplateVersion
    current: bool
    changes: list[tuple[str, str]]


def preview_of(version: TemplateVersion, person: Contact, constants: dict[str, str], *, clear: bool) -> Preview:
    """Fill a version for a person. `constants` are what a campaign would fill in; `clear` shows personal data."""
    values: dict[str, Any] = {
        "contact": _person(person, clear=clear),
        **nest(constants),
    }
    try:
        compiled = compile_wording(wording_of(version))
        fillings = compiled.fillings(values)
        missing = tuple(filling.name for filling in fillings if filling.source is Source.MISSING)
        if missing:
            values = nest({each.name: f"⟨{each.name}⟩" if each.name in missing else each.text for each in fillings})
        return Preview(fillings, missing, compiled.fill(values))
    except (TemplateInvalid, VariableMissing) as error:
        return Preview(error=str(error))


def _person(person: Contact, *, clear: bool) -> dict[str, Any]:
    def show(value: Any) -> Any:
        return value if clear else masked(value)

    return person_values(
        name=show(person.name),
        phone=show(person.phone),
        email=show(person.email),
        language=person.language,
        attributes=show(person.attributes),
    )


def chosen_person(request: HttpRequest, template: Template) -> tuple[Contact | None, str]:
    """The contact that the address names by number, phone or e-mail, among those of the client that the reader sees; else the newest one."""
    people = visible_contacts(request.user).filter(client_id=template.client_id)
    asked = request.GET.get("find", "").strip()[:254] or request.GET.get("contact", "").strip()[:20]
    if not asked:
        return people.order_by("-pk").first(), ""
    if asked.isascii() and asked.isdecimal() and len(asked) < 11:
        found = people.filter(pk=int(asked)).first()
    elif "@" in asked:
        found = people.filter(email=asked.lower()).first()
    else:
        found = people.filter(phone=f"+{''.join(filter(str.isdigit, asked))}").first()
    return found, "" if found else _("Nobody of this client has this number, phone or e-mail.")


def offered_people(viewer: Viewer, template: Template, *, clear: bool) -> list[tuple[int, str]]:
    """The client's newest contacts, to choose from."""
    people = visible_contacts(viewer).filter(client_id=template.client_id).order_by("-pk")[:OFFERED]
    return [(person.pk, str(person) if clear else str(masked(str(person)))) for person in people]


def _with(person: Contact | None, people: list[tuple[int, str]], *, clear: bool) -> list[tuple[int, str]]:
    if person is None or any(key == person.pk for key, _name in people):
        return people
    return [(person.pk, str(person) if clear else str(masked(str(person)))), *people]


def constants_in(request: HttpRequest) -> dict[str, str]:
    """Lines `name = text` of the address: what a campaign would fill in."""
    found = {}
    for line in request.GET.get("values", "")[:MAX_VALUES].splitlines():
        name, sign, text = (part.strip() for part in line.partition("="))
        if sign and all(part.replace("-", "_").isidentifier() for part in name.split(".")):
            found[name] = text
    return {name: text for name, text in found.items() if not any(other.startswith(f"{name}.") for other in found)}


def preview_context(request: HttpRequest, template: Template) -> dict[str, Any]:
    """The preview part of a template's page."""
    clear = request.user.has_perm(PERSONAL)
    person, problem = chosen_person(request, template)
    shown: dict[str, Any] = {
        "person": person,
        "person_name": (str(person) if clear else masked(str(person))) if person else "",
        "person_problem": problem,
        "people": _with(person, offered_people(request.user, template, clear=clear), clear=clear),
        "values": request.GET.get("values", "")[:MAX_VALUES],
    }
    if template.current is None or person is None:
        return shown
    found = preview_of(template.current, person, constants_in(request), clear=clear)
    query = request.GET.copy()
    query["contact"] = str(person.pk)
    query.pop("find", None)
    return shown | {
        "preview": found,
        "bubble": bubble(found.rendered.body) if found.rendered else "",
        "html_query": query.urlencode(),
        "sources": {source.value: words for source, words in _source_words().items()},
        "lines": [(each.name, each.text, each.source.value, _source_words()[each.source]) for each in found.fillings],
    }


def _source_words() -> dict[Source, str]:
    return {
        Source.VALUE: _("own value"),
        Source.FALLBACK: _("stands in for an empty value"),
        Source.EMPTY: _("empty, which is allowed"),
        Source.MISSING: _("missing: this person would not be written to"),
    }


def bubble(text: str) -> SafeString:
    """A text as WhatsApp shows it: *bold*, _italic_, ~struck~, ```typed```."""
    pieces: list[SafeString] = []
    position = 0
    for mark in _MARKS.finditer(text):
        pieces.append(format_html("{}", text[position : mark.start()]))
        if mark["code"] is not None:
            pieces.append(format_html("<code>{}</code>", mark["code"]))
        else:
            tag = _TAGS[mark["sign"]]
            pieces.append(format_html("<{}>{}</{}>", SafeString(tag), mark["text"], SafeString(tag)))
        position = mark.end()
    pieces.append(format_html("{}", text[position:]))
    return format_html_join("", "{}", ((piece,) for piece in pieces))


def version_lines(template: Template) -> list[VersionLine]:
    """The latest versions, newest first, each with its differences from the one before."""
    versions: Sequence[TemplateVersion] = list(
        template.versions.select_related("created_by").order_by("-number")[: VERSIONS + 1]
    )
    texts = [_as_lines(version) for version in versions] + ([] if len(versions) > VERSIONS else [[]])
    return [
        VersionLine(version, version.pk == template.current_id, _changes(texts[place + 1], texts[place]))
        for place, version in enumerate(versions[:VERSIONS])
    ]


def _as_lines(version: TemplateVersion) -> list[str]:
    declared = [f"{item['name']} = {item.get('fallback', '')}" for item in version.variables]
    parts = (
        (_("Subject"), version.subject.splitlines()),
        (_("Text"), version.body.splitlines()),
        (_("HTML"), version.html.splitlines()),
        (_("When a value is missing"), declared),
        (_("Name at the provider"), version.provider_name.splitlines()),
        (_("Its parameters"), list(version.parameters)),
        (_("Picture or file"), version.media_url.splitlines()),
    )
    return [f"{label}: {line}" for label, lines in parts for line in lines]


def _changes(before: list[str], after: list[str]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for kind, a, b, c, d in difflib.SequenceMatcher(a=before, b=after, autojunk=False).get_opcodes():
        if kind == "equal":
            found += [("span", line) for line in before[a:b]]
        found += [("del", line) for line in before[a:b] if kind in ("replace", "delete")]
        found += [("ins", line) for line in after[c:d] if kind in ("replace", "insert")]
    return found[:400]
