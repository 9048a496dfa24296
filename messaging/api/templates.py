"""Templates, read only."""

from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Schema

from agency.api.access import caller, client_or_404, token, visible_or_404
from agency.api.pages import Page, PageQuery, page_of
from messaging.api.fields import Channel, RecordId, Slug
from messaging.models import Template
from messaging.selectors.visible import visible_templates

router = Router()
read = token("templates:read", "messaging.view_template")


class TemplateOut(Schema):
    """A template with its current wording; `variables` says what a sending has to give."""

    id: int
    client: str
    name: str
    channel: Channel
    language: str
    state: str
    version: int | None
    subject: str
    text: str
    variables: list[dict[str, Any]]


class TemplateQuery(PageQuery):
    """Which templates."""

    client: Slug | None = None
    channel: Channel | None = None


def template_out(template: Template) -> TemplateOut:
    """A template as the API shows it."""
    current = template.current
    return TemplateOut(
        id=template.pk,
        client=template.client.slug,
        name=template.name,
        channel=Channel.of(template.channel),
        language=template.language,
        state=template.state,
        version=current.number if current else None,
        subject=current.subject if current else "",
        text=current.body if current else "",
        variables=current.variables if current else [],
    )


@router.get("/templates", response=Page[TemplateOut], auth=read, summary="List templates")
def list_templates(request: HttpRequest, query: Query[TemplateQuery]) -> dict[str, Any]:
    """Newest first."""
    templates = visible_templates(caller(request))
    if query.client is not None:
        templates = templates.filter(client=client_or_404(request, query.client))
    if query.channel is not None:
        templates = templates.filter(channel=query.channel.kind)
    rows, cursor = page_of(templates, query)
    return {"items": [template_out(template) for template in rows], "next_cursor": cursor}


@router.get("/templates/{int:template_id}", response=TemplateOut, auth=read, summary="Read a template")
def read_template(request: HttpRequest, template_id: RecordId) -> TemplateOut:
    """One template."""
    return template_out(visible_or_404(visible_templates(caller(request)), template_id))
