"""Tax ids of companies and people, checked where the country's check digits are known to us. Pure."""

from stdnum.br import cnpj, cpf

MOST = 20  # characters, as the column holds


def tax_id_in_form(country: str, text: str) -> str | None:
    """The tax id as it is written in that country (CNPJ or CPF for "BR"); None when it cannot be one. Empty stays empty."""
    cleaned = " ".join(text.split())
    if not cleaned:
        return ""
    if country == "BR":
        for kind in (cnpj, cpf):
            if kind.is_valid(cleaned):
                return str(kind.format(cleaned))
        return None
    return cleaned if cleaned.isprintable() and len(cleaned) <= MOST else None
