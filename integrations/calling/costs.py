"""What a call costs by the manifest's price list."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from integrations.manifest import Cost


def cost_of(prices: Sequence[Cost], units: Mapping[str, int]) -> tuple[Decimal, str]:
    """The price of so many units, and its currency ("" when nothing is paid for). A service bills in one currency."""
    found = Decimal(0)
    currency = ""
    for price in prices:
        count = units.get(price.unit, 0)
        if count and Decimal(price.amount):
            found += Decimal(price.amount) * count / price.per
            currency = price.currency
    return found.quantize(Decimal("0.000001")), currency
