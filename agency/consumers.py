"""WebSocket addresses that do not exist."""

from channels.generic.websocket import AsyncWebsocketConsumer


class NowhereConsumer(AsyncWebsocketConsumer):
    """Refuses whoever asks for an address nobody serves, without an error in the log."""

    async def connect(self) -> None:
        """Close with 4404."""
        await self.close(4404)
