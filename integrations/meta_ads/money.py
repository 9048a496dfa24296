"""Money between us and Meta: budgets and balances travel as whole numbers of the currency's smallest unit, insights as decimals.

Meta's own table decides what the smallest unit is, not ISO 4217: the peso of Chile and the forint have none there.
"""

from decimal import Decimal

# developers.facebook.com, Currency codes: those with offset 1. All others have offset 100, Bahrain's dinar too.
WITHOUT_CENTS = frozenset({"CLP", "COP", "CRC", "HUF", "IDR", "ISK", "JPY", "KRW", "PYG", "TWD", "VND"})


def exponent(currency: str) -> int:
    """How many decimal places a currency has at Meta: 0 or 2."""
    return 0 if currency in WITHOUT_CENTS else 2


def to_units(amount: Decimal, currency: str) -> int:
    """The amount in the currency's smallest unit. Raises ValueError for a fraction of it, or for less than nothing."""
    units = amount.scaleb(exponent(currency))
    if units != units.to_integral_value() or units < 0:
        raise ValueError(f"{amount} is no amount of {currency} that Meta takes")
    return int(units)


def from_units(units: int, currency: str) -> Decimal:
    """The amount in the currency itself, with its decimal places."""
    return Decimal(units).scaleb(-exponent(currency))
