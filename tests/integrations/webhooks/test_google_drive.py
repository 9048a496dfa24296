"""Drive's channels: what is told stands in headers over an empty body; a token of ours proves that it is Drive."""

import dataclasses
import re

import pytest

from integrations.calling import gate
from integrations.errors import NotConfigured, Refused
from integrations.events import UNDATED, ServiceEvent
from integrations.google.sandbox_tokens import KEY_FILE
from integrations.google_drive.client import build
from integrations.google_drive.sandbox import TEMPLATE
from integrations.google_drive.webhook import event_id, parse, verify
from integrations.sandbox.runner import RunningSandbox
from integrations.webhooks.request import BadSignature
from tests.integrations.sandbox.receiver import Receiver
from tests.integrations.services.cases import connection
from tests.integrations.webhooks.deliveries import as_delivery, delivery, facts

# developers.google.com/workspace/drive/api/guides/push
CHANGED = {
    "Content-Type": "application/json; utf-8",
    "X-Goog-Channel-ID": "4ba78bf0-6a47-11e2-bcfd-0800200c9a66",
    "X-Goog-Channel-Token": "398348u3tu83ut8uu38",
    "X-Goog-Channel-Expiration": "Tue, 19 Nov 2013 01:13:52 GMT",
    "X-Goog-Resource-ID": "ret08u3rv24htgh289g",
    "X-Goog-Resource-URI": "https://www.googleapis.com/drive/v3/files/ret08u3rv24htgh289g",
    "X-Goog-Resource-State": "update",
    "X-Goog-Changed": "content,properties",
    "X-Goog-Message-Number": "10",
}
OURS = facts("google_drive", channel_token="398348u3tu83ut8uu38")


def test_only_who_knows_our_token_is_drive() -> None:
    verify(delivery(b"", CHANGED), OURS)
    for token in ("", "398348u3tu83ut8uu3", "é"):
        with pytest.raises(BadSignature):
            verify(delivery(b"", {**CHANGED, "X-Goog-Channel-Token": token}), OURS)
    for header in ("X-Goog-Channel-ID", "X-Goog-Resource-State"):
        with pytest.raises(BadSignature):
            verify(delivery(b"", {**CHANGED, header: ""}), OURS)
    with pytest.raises(NotConfigured):
        verify(delivery(b"", {**CHANGED, "X-Goog-Channel-Token": ""}), facts("google_drive"))


def test_a_message_is_named_by_channel_and_number_and_is_about_the_file_of_the_address() -> None:
    assert event_id(delivery(b"", CHANGED)) == "4ba78bf0-6a47-11e2-bcfd-0800200c9a66:10"
    assert parse(b"", "", {"file": "1abc"}) == [
        ServiceEvent("google_drive.changed", UNDATED, "file:1abc", "1abc"),
    ]
    assert parse(b"", "", {}) == []


@pytest.mark.django_db
def test_a_watched_file_is_told_of_until_its_channel_ends(
    sandbox: RunningSandbox, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate.Gate, "admit", lambda own, operation, **rest: None)
    own = connection("google_drive", sandbox, {"service_account": KEY_FILE, "channel_token": "channel-1"})
    client = build(dataclasses.replace(own, webhook_url=f"{receiver.url}/webhooks/google_drive/key"))
    client.watch(TEMPLATE, "channel-a")
    with pytest.raises(Refused, match="channelIdNotUnique"):
        client.watch(TEMPLATE, "channel-a")
    sandbox.control.happen("google_drive", "changed", file=TEMPLATE)
    first, second = receiver.wait_for(2)
    assert re.fullmatch(rf"/webhooks/google_drive/key\?file={TEMPLATE}", second.target)
    verify(as_delivery(second), facts("google_drive", channel_token="channel-1"))
    assert {event_id(as_delivery(first)), event_id(as_delivery(second))} == {"channel-a:1", "channel-a:2"}
    client.close()
