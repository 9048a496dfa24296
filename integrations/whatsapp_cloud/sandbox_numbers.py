"""Business phone numbers of the imitated WhatsApp Cloud API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Number:
    """One business phone number with the app that it is connected to."""

    phone_number_id: str
    waba_id: str = "200000000000001"
    display_phone_number: str = "+55 11 4000-0001"
    verified_name: str = "Batuta Sandbox"
    token: str = "sandbox-token"  # noqa: S105 -- opens nothing
    app_secret: str = "sandbox-app-secret"  # noqa: S105 -- guards nothing
    webhook_url: str = ""
    messages_per_second: int = 80
    messaging_limit: str = "TIER_UNLIMITED"


def number_facts(number: Number) -> dict[str, Any]:
    """The number as GET /{phone_number_id} shows it."""
    return {
        "id": number.phone_number_id,
        "verified_name": number.verified_name,
        "display_phone_number": number.display_phone_number,
        "code_verification_status": "VERIFIED",
        "quality_rating": "GREEN",
        "platform_type": "CLOUD_API",
        "status": "CONNECTED",
        "name_status": "APPROVED",
        "throughput": {"level": "STANDARD" if number.messages_per_second <= 80 else "HIGH"},
        "whatsapp_business_manager_messaging_limit": number.messaging_limit,
        "webhook_configuration": {"application": number.webhook_url},
    }


def only(info: dict[str, Any], wanted: str) -> dict[str, Any]:
    """The fields asked for (`?fields=a,b`), and always the id."""
    names = {name.strip() for name in wanted.split(",") if name.strip()}
    default = {"verified_name", "code_verification_status", "display_phone_number", "quality_rating", "platform_type"}
    default |= {"throughput", "webhook_configuration"}
    return {name: value for name, value in info.items() if name in ((names or default) | {"id"})}
