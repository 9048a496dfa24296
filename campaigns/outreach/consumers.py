"""Live pages: one WebSocket per open page of a run, which gets the fragment whenever it has changed."""

import asyncio
import zoneinfo
from typing import Any
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.utils import timezone, translation

from agency.models import User
from campaigns.outreach.admin.live import live_fragment
from campaigns.outreach.models import Execution
from campaigns.outreach.selectors.visible import visible_executions

EVERY = 1.0  # seconds between two looks; the totals themselves are read once a second for everybody together
RECHECK = 15  # looks between two checks that the reader may still see it
REFUSED = 4403


class ExecutionConsumer(AsyncWebsocketConsumer):
    """`/live/executions/<id>/?language=pt-br`: sends HTML, receives nothing. Closes when the run has ended or may no longer be seen."""

    sending: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        """Let in whoever sees the run; everybody else gets the same answer as for a run that does not exist."""
        self.execution_id = int(self.scope["url_route"]["kwargs"]["execution_id"])
        if not await self.allowed():
            await self.close(REFUSED)
            return
        await self.accept()
        self.sending = asyncio.create_task(self.send_changes())

    async def disconnect(self, code: int) -> None:
        """Stop looking."""
        if self.sending is not None:
            self.sending.cancel()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Nothing is expected from a page."""

    @database_sync_to_async
    def allowed(self) -> bool:
        """Whether the person, as stored now, may see this run."""
        known = self.scope.get("user")
        user = User.objects.filter(pk=getattr(known, "pk", None) or 0, is_active=True, is_staff=True).first()
        if user is None or not user.has_perm("outreach.view_execution"):
            return False
        return visible_executions(user).filter(pk=self.execution_id).exists()

    async def send_changes(self) -> None:
        """Look once a second; send what has changed."""
        shown, looks = "", 0
        while True:
            looks += 1
            if looks % RECHECK == 0 and not await self.allowed():
                await self.close(REFUSED)
                return
            try:
                fragment, ended = await self.look()
            except Execution.DoesNotExist:
                await self.close(REFUSED)
                return
            if fragment != shown:
                await self.send(text_data=fragment)
                shown = fragment
            if ended:
                await self.close(1000)
                return
            await asyncio.sleep(EVERY)

    @database_sync_to_async
    def look(self) -> tuple[str, bool]:
        """The fragment in the reader's language and time zone, and whether the run has ended."""
        with translation.override(self.language()), timezone.override(self.zone()):
            return live_fragment(self.execution_id)

    def language(self) -> str:
        """The page's language, if it is one of ours."""
        query: dict[str, Any] = parse_qs(self.scope.get("query_string", b"").decode("ascii", "replace"))
        wanted = str(query.get("language", [""])[0])
        return wanted if wanted in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE

    def zone(self) -> zoneinfo.ZoneInfo:
        """The reader's own zone, else the agency's."""
        name = getattr(self.scope.get("user"), "time_zone", "")
        return zoneinfo.ZoneInfo(name if name in zoneinfo.available_timezones() else settings.TIME_ZONE)
