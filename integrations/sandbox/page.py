"""The sandbox's page: phones and mailboxes with what arrived, and a switch for each fault."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from django.template import Context, Engine
from django.utils import translation
from django.utils.translation import gettext

from .control_api import require_support, same_origin
from .faults import DEFAULT_SECONDS, BadFault, FaultKind
from .imitation import ControlRefused, Imitation, MessagingImitation
from .page_rows import service_rows
from .page_words import FAULT_GROUPS, fault_rows, number_words, phone_row
from .wire import BadBody, Exchange, Request, Response
from .world import World

MAX_SHOWN_PHONES = 200
TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
SHARES = (1.0, 0.5, 0.1, 0.01)


class Page:
    """Renders the page and takes its forms; every change ends in a redirect back to the page."""

    def __init__(self, world: World, services: dict[str, Imitation]) -> None:
        self._world = world
        self._services = services
        self._engine = Engine(
            dirs=[str(TEMPLATES)], libraries={"i18n": "django.templatetags.i18n"}, builtins=[], debug=False
        )

    def receive(self, path: str, request: Request, exchange: Exchange) -> None:
        """Answer one request of a browser, in the language it prefers."""
        with translation.override(_language(request.headers.get("accept-language", ""))):
            exchange.answer(self._answer(path, request))

    def _answer(self, path: str, request: Request) -> Response:
        if request.method in ("GET", "HEAD"):
            if path == "/":
                return self._page(request)
            return self._render("sandbox/live.html", request) if path == "/live" else _not_found()
        if request.method != "POST" or not same_origin(request):
            return _not_found()
        try:
            problem = self._change(path, dict(request.form()))
        except (BadBody, BadFault, ControlRefused, ValueError) as error:
            problem = str(error)
        except KeyError:
            return _not_found()
        kept = {name: value for name, value in request.query.items() if name in ("q", "service", "open")}
        if problem:
            kept["problem"] = problem[:200]
        return Response(303, b"", "text/plain", (("location", f"/?{urlencode(kept)}" if kept else "/"),))

    def _change(self, path: str, form: Mapping[str, str]) -> str:
        """Do what a form asks. Returns what is wrong, in words, or nothing. Raises KeyError for an unknown path."""
        faults = self._world.faults
        match path:
            case "/faults/on":
                kind = FaultKind(form["kind"])
                fault: dict[str, Any] = {
                    "kind": kind.value,
                    "service": "evolution" if kind is FaultKind.INSTANCE_CLOSED else form.get("service") or "*",
                    "share": float(form.get("share") or 1.0),
                }
                if form.get("seconds") and kind in DEFAULT_SECONDS:
                    fault["seconds"] = float(form["seconds"])
                described = faults.described(fault)
                where = described.service
                require_support(described, list(self._services.values()) if where == "*" else [self._services[where]])
                faults.switch_on(described)
                self._tell_services()
            case "/faults/off":
                for each in [each for each in faults if each.kind.value == form["kind"]]:
                    faults.remove(each.id)
                self._tell_services()
            case "/faults/clear":
                faults.clear()
                self._world.postman.hold(False)
                self._tell_services()
            case "/hold":
                self._world.postman.hold(form.get("held") == "1")
            case "/say":
                if not form.get("text", "").strip():
                    return gettext("Write something first.")
                service = self._services[form["service"]]
                if not isinstance(service, MessagingImitation):
                    raise KeyError(path)
                service.write(form["account"], form["address"], form["text"].strip())
            case _:
                raise KeyError(path)
        return ""

    def _tell_services(self) -> None:
        for service in self._services.values():
            service.faults_changed()

    def _page(self, request: Request) -> Response:
        nonce = secrets.token_urlsafe(16)
        response = self._render("sandbox/page.html", request, nonce=nonce)
        policy = (
            f"default-src 'none'; img-src data:; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
        response.headers += (("content-security-policy", policy), ("x-content-type-options", "nosniff"))
        return response

    def _render(self, template: str, request: Request, **more: Any) -> Response:
        query = request.query
        opened = frozenset(query.get("open", "").split(","))
        facts = self._facts(query.get("q", ""), query.get("service", ""), opened, request.headers.get("host", ""))
        context = Context({**facts, **more}, use_l10n=False)
        context["problem"] = query.get("problem", "")
        body = self._engine.get_template(template).render(context)
        headers = (("cache-control", "no-store"),)
        return Response(200, body.encode(), "text/html; charset=utf-8", headers)

    def _facts(self, search: str, service: str, opened: frozenset[str], host: str) -> dict[str, Any]:
        """Everything that the templates show."""
        world, now = self._world, self._world.clock.now()
        titles = {slug: each.title for slug, each in self._services.items()}
        faults = list(world.faults)
        found = world.phones.latest(MAX_SHOWN_PHONES, search, service)
        counts = world.postman.counts
        return {
            "language": translation.get_language(),
            "search": search,
            "service": service,
            "kept": urlencode({name: value for name, value in (("q", search), ("service", service)) if value}),
            "services": [
                {
                    "slug": slug,
                    "title": title,
                    "accepted": number_words(world.counts.get(f"accepted.{slug}", 0)),
                    "address": self._services[slug].address(host),
                    "carries_messages": isinstance(self._services[slug], MessagingImitation),
                }
                for slug, title in titles.items()
            ],
            "service_rows": service_rows(world, self._services, host, opened),
            "services_open": "services" in opened,
            "asked": number_words(sum(n for what, n in world.counts.items() if what.startswith("asked."))),
            "written": number_words(sum(n for what, n in world.counts.items() if what.startswith("writes."))),
            "phones": [phone_row(phone, titles, now, is_open=phone.address in opened) for phone in found],
            "known_phones": number_words(len(world.phones)),
            "shown": number_words(len(found)),
            "groups": [
                {"title": group.title, "rows": rows, "is_open": group.is_usual or any(row.on for row in rows)}
                for group in FAULT_GROUPS
                for rows in [fault_rows(group, faults)]
            ],
            "faults_on": len(faults) + int(world.postman.held),
            "held": world.postman.held,
            "shares": [{"value": f"{share:g}", "words": f"{share * 100:g} %"} for share in SHARES],
            "accepted": number_words(sum(n for what, n in world.counts.items() if what.startswith("accepted."))),
            "delivered": number_words(counts.events_delivered),
            "scheduled": number_words(world.clock.pending),
            "waiting": number_words(world.postman.waiting),
            "failed_attempts": number_words(counts.failed_attempts) if counts.failed_attempts else "",
            "last_problem": counts.last_problem,
            "seed": world.settings.seed,
            "time_scale": f"{world.clock.scale:g}",
            "log": str(world.settings.log),
        }


def _language(accepted: str) -> str:
    """Portuguese if the browser names it before English, else English."""
    found = re.search(r"\b(pt|en)\b", accepted, re.IGNORECASE)
    return "pt-br" if found and found[1].lower() == "pt" else "en"


def _not_found() -> Response:
    return Response(404, b"There is nothing here.", "text/plain")
