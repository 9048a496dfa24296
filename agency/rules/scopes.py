"""What an API token may be issued for. Pure.

A scope opens a group of API operations; what its person may not do or see stays closed to the token too.
"""

SCOPES: dict[str, str] = {
    "contacts:read": "read contacts",
    "contacts:write": "create and change contacts",
    "imports:read": "read imports and their rejected rows",
    "imports:write": "import files of contacts",
    "templates:read": "read templates",
    "senders:read": "read senders and their limits",
    "messages:read": "read single messages and their delivery",
    "messages:send": "send single messages",
    "campaigns:read": "read campaigns, executions, recipients and reports",
    "campaigns:write": "create and change campaigns",
    "integrations:read": "read how connections to services are doing",
    "campaigns:run": "start, pause, resume and cancel campaigns",
    "freeze:switch": "freeze all sending, and let it go on",
}
