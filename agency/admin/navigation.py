"""The sidebar and the keys that lead to its pages, as `agency.settings.navigation` arranges them and the reader may see them."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse


@dataclass(frozen=True, slots=True)
class GoKey:
    """`g` and then this key leads to the page."""

    key: str
    title: str
    url: str


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Unfold's navigation: the groups with the pages that exist and that the reader may see."""
    groups = []
    for title, pages in settings.NAVIGATION:
        items = [item for page in pages if (item := _item(page, request))]
        if items:
            groups.append({"title": title, "separator": bool(title), "items": items})
    return groups


def go_keys(request: HttpRequest) -> list[GoKey]:
    """The keys of the pages in the reader's sidebar."""
    found = []
    for _title, pages in settings.NAVIGATION:
        for page in pages:
            item = _item(page, request) if page.key else None
            if item:
                found.append(GoKey(page.key, item["title"], item["link"]))
    return found


def _item(page: Any, request: HttpRequest) -> dict[str, Any] | None:
    if page.label == "index":
        return {"title": str(page.title), "icon": page.icon, "link": reverse("admin:index")}
    models = {model._meta.label_lower: model_admin for model, model_admin in admin.site._registry.items()}
    model_admin = models.get(page.label)
    if model_admin is None or not model_admin.has_view_permission(request):
        return None
    options = model_admin.opts
    title = str(page.title or options.verbose_name_plural)
    parts = {other.part for _title, pages in settings.NAVIGATION for other in pages if other.label == page.label}
    links = {part: reverse(f"admin:{options.app_label}_{options.model_name}_{part}") for part in parts}
    item = {"title": title[:1].upper() + title[1:], "icon": page.icon, "link": links[page.part]}
    if len(parts) > 1:  # the list's address begins those of the others: the longest that fits is where the reader is
        here = [link for link in links.values() if request.path.startswith(link)]
        is_here = bool(here) and max(here, key=len) == item["link"]
        item["active"] = lambda _request: is_here
    return item
