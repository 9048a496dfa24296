"""Twilio's error codes that say that an address must not be tried again, from a refusal or from a status callback."""

from collections.abc import Mapping

from integrations.errors import SuppressReason

SUPPRESS: Mapping[int, SuppressReason] = {
    21211: SuppressReason.INVALID_ADDRESS,  # not a phone number
    21217: SuppressReason.INVALID_ADDRESS,
    21610: SuppressReason.OPTED_OUT,  # the person replied STOP
    21614: SuppressReason.INVALID_ADDRESS,  # not a mobile number
    63003: SuppressReason.UNREGISTERED,  # no such address on this channel
    63024: SuppressReason.UNREGISTERED,
}
