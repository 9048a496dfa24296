"""The agency's own records."""

from agency.models.alert import Alert
from agency.models.api_token import ApiToken
from agency.models.audit_entry import AuditEntry
from agency.models.client import Client
from agency.models.client_grant import ClientGrant
from agency.models.employee import Employee
from agency.models.freeze import Freeze
from agency.models.idempotency_record import IdempotencyRecord
from agency.models.user import User

__all__ = [
    "Alert",
    "ApiToken",
    "AuditEntry",
    "Client",
    "ClientGrant",
    "Employee",
    "Freeze",
    "IdempotencyRecord",
    "User",
]
