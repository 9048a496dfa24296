"""Message templates of one imitated WhatsApp Business Account."""

from __future__ import annotations

import base64
import itertools
import re
from collections.abc import Iterable, Mapping
from typing import Any

from integrations.sandbox.wire import BadBody, Request, Response, json_response

from .sandbox_errors import graph_error

CATEGORIES = frozenset({"MARKETING", "UTILITY", "AUTHENTICATION"})
_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")

DEFAULT_TEMPLATES: tuple[dict[str, Any], ...] = (
    {
        "name": "hello_world",
        "language": "en_US",
        "category": "UTILITY",
        "components": [{"type": "BODY", "text": "Welcome and congratulations!"}],
    },
    {
        "name": "novidade",
        "language": "pt_BR",
        "category": "MARKETING",
        "components": [
            {
                "type": "BODY",
                "text": "Olá {{1}}, temos uma novidade para você: {{2}}. Para não receber mais, responda SAIR.",
            }
        ],
    },
    {
        "name": "aviso",
        "language": "pt_BR",
        "category": "UTILITY",
        "components": [{"type": "BODY", "text": "Olá {{1}}, {{2}}"}],
    },
)


class TemplateShelf:
    """Templates by name and language, each approved as soon as it is created."""

    def __init__(self, templates: Iterable[Mapping[str, Any]]) -> None:
        self._templates: dict[tuple[str, str], dict[str, Any]] = {}
        self._ids = itertools.count()
        self._made: set[tuple[str, str]] = set()
        for template in templates:
            self.add(template)

    def add(self, template: Mapping[str, Any]) -> dict[str, Any]:
        """Put one on the shelf; the same name and language replaces. Raises KeyError without name or language."""
        kept = {
            "id": str(3_000_000_000_000_000 + next(self._ids)),
            "status": "APPROVED",
            "category": "MARKETING",
            "components": [],
            "quality_score": {"score": "GREEN"},
            **template,
        }
        self._templates[(kept["name"], kept["language"])] = kept
        return kept

    def clear(self) -> None:
        """Take away what clients have put here."""
        for key in self._made:
            self._templates.pop(key, None)
        self._made.clear()

    def listing(self, request: Request) -> Response:
        """GET /{waba_id}/message_templates, with cursors."""
        query = request.query
        limit = int(query.get("limit", "25")) if query.get("limit", "25").isdigit() else 25
        start = _position(query.get("after", ""))
        found = [
            template
            for template in self._templates.values()
            if all(
                template[name] == query[name] for name in ("name", "language", "category", "status") if name in query
            )
        ]
        page = found[start : start + limit]
        paging: dict[str, Any] = {}
        if page:
            end = start + len(page)
            paging["cursors"] = {"before": _cursor(start), "after": _cursor(end)}
            if end < len(found):
                host = request.headers.get("host", "")
                paging["next"] = f"http://{host}{request.path}?limit={limit}&after={_cursor(end)}"
        return json_response(200, {"data": page, "paging": paging})

    def create(self, request: Request) -> Response:
        """POST /{waba_id}/message_templates."""
        try:
            body = request.json()
        except BadBody:
            return graph_error("100", message="(#100) The body is not valid JSON.")
        for name in ("name", "language", "category", "components"):
            if not isinstance(body, dict) or not body.get(name):
                return graph_error("100", message=f"(#100) The parameter {name} is required.")
        if not re.fullmatch(r"[a-z0-9_]{1,512}", str(body["name"])) or body["category"] not in CATEGORIES:
            return graph_error("100", message="(#100) Invalid parameter")
        if (body["name"], body["language"]) in self._templates:
            return graph_error("100", message="Invalid parameter", subcode=2388024)
        kept = self.add({name: body[name] for name in ("name", "language", "category", "components")})
        self._made.add((kept["name"], kept["language"]))
        return json_response(200, {"id": kept["id"], "status": kept["status"], "category": kept["category"]})

    def use(self, part: Any) -> tuple[str, str, Response | None]:
        """Text and pricing category of a `template` message, or what is wrong with it."""
        if not isinstance(part, dict) or not part.get("name"):
            return "", "", graph_error("131008", details="Required parameter is missing: template.name")
        name, language = str(part["name"]), str((part.get("language") or {}).get("code", ""))
        if not language:
            return "", "", graph_error("131008", details="Required parameter is missing: template.language.code")
        template = self._templates.get((name, language))
        if template is None:
            return "", "", graph_error("132001", details=f"template name ({name}) does not exist in {language}")
        if template["status"] in ("PAUSED", "DISABLED"):
            return "", "", graph_error("132015" if template["status"] == "PAUSED" else "132016")
        body = _component(template["components"], "BODY")
        text = str(body.get("text", ""))
        wanted = list(dict.fromkeys(_VARIABLE.findall(text)))
        given = _component(part.get("components") or [], "BODY").get("parameters") or []
        if len(given) != len(wanted):
            return (
                "",
                "",
                graph_error(
                    "132000",
                    details=f"body: number of localizable_params ({len(given)}) does not match the expected number of "
                    f"params ({len(wanted)})",
                ),
            )
        values = {
            str(parameter.get("parameter_name") or wanted[index]): str(parameter.get("text", ""))
            for index, parameter in enumerate(given)
        }
        if any(not value for value in values.values()):
            return "", "", graph_error("131008", details="Parameter of type text is missing text value")
        filled = _VARIABLE.sub(lambda found: values.get(found[1], found[0]), text)
        return filled, str(template["category"]).lower(), None


def _component(components: Iterable[Mapping[str, Any]], kind: str) -> Mapping[str, Any]:
    for component in components:
        if str(component.get("type", "")).upper() == kind:
            return component
    return {}


def _cursor(position: int) -> str:
    return base64.urlsafe_b64encode(str(position).encode()).decode()


def _position(cursor: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(cursor.encode()))
    except ValueError:
        return 0
