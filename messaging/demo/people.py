"""Invented Brazilians with the purchase behaviour of real customers, the same ones every time.

Names and cities come from Faker (pt_BR) with a fixed seed; what they bought comes from the CDNOW data set
(see NOTICE-cdnow.txt), moved in time so that it ends on a given day. E-mails are in domains reserved for examples.
"""

import csv
import dataclasses
import datetime
import lzma
import random
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from faker import Faker
from openpyxl import Workbook

SEED = 20_260_302
HEADER = (
    "Nome", "Telefone", "E-mail", "Cidade", "Estado", "Especialidade", "Nascimento", "Compras", "Gasto total", "Primeira compra", "Última compra",
    "Etiquetas", "Aceita WhatsApp",
)  # fmt: skip
_DATA = Path(__file__).with_name("cdnow.csv.xz")
_LAST_DAY_OF_DATA = datetime.date(1998, 6, 30)
_POOL = 3_000  # names drawn from Faker; people are combinations of them
_SUBSCRIBERS = 40_000_000  # mobiles 9 6000-0000 to 9 9999-9999 of one area code
_STRIDE = 24_999_997  # coprime to it: consecutive people get numbers far apart, and none twice
_AREAS = {
    "SP": (11, 19), "RJ": (21,), "MG": (31, 34), "RS": (51, 55), "PR": (41,), "SC": (48,), "BA": (71,), "PE": (81,), "CE": (85,), "DF": (61,),
    "GO": (62,), "AM": (92,),
}  # fmt: skip
_CITIES = {
    "SP": ("São Paulo", "Campinas"), "RJ": ("Rio de Janeiro", "Niterói"), "MG": ("Belo Horizonte", "Uberlândia"), "RS": ("Porto Alegre", "Santa Maria"),
    "PR": ("Curitiba",), "SC": ("Florianópolis",), "BA": ("Salvador",), "PE": ("Recife", "Olinda"), "CE": ("Fortaleza",), "DF": ("Brasília",),
    "GO": ("Goiânia",), "AM": ("Manaus",),
}  # fmt: skip
_SPECIALITIES = ("Cardiologia", "Dermatologia", "Odontologia", "Ortopedia", "Pediatria", "Nutrição", "Psicologia")
_CONSENT_SHARE = 0.97


@dataclasses.dataclass(frozen=True, slots=True)
class Purchases:
    """What one customer bought: how often, for how much, when first and last (days before the end of the data)."""

    count: int
    total: float
    first_days_ago: int
    last_days_ago: int


def load_purchases() -> list[Purchases]:
    """The customers of the data set, in its order."""
    found: dict[str, list[tuple[datetime.date, float]]] = {}
    with lzma.open(_DATA, "rt", encoding="ascii", newline="") as file:
        for customer, day, _cds, dollars in list(csv.reader(file))[1:]:
            when = datetime.date(int(day[:4]), int(day[4:6]), int(day[6:]))
            found.setdefault(customer, []).append((when, float(dollars)))
    return [
        Purchases(
            count=len(purchases),
            total=round(sum(dollars for _, dollars in purchases), 2),
            first_days_ago=(_LAST_DAY_OF_DATA - min(purchases)[0]).days,
            last_days_ago=(_LAST_DAY_OF_DATA - max(purchases)[0]).days,
        )
        for purchases in found.values()
    ]


def people_rows(rows: int, until: datetime.date) -> Iterator[tuple[str, ...]]:
    """The first `rows` people as cells in the order of HEADER. until: the day the purchases end."""
    purchases = load_purchases()
    fake = Faker("pt_BR")
    fake.seed_instance(SEED)
    first_names = [fake.first_name() for _ in range(_POOL)]
    last_names = [fake.last_name() for _ in range(_POOL)]
    plain_first = [_plain(name) for name in first_names]
    plain_last = [_plain(name) for name in last_names]
    days = [(until - datetime.timedelta(days=ago)).isoformat() for ago in range(600)]
    chance = random.Random(SEED)
    states = tuple(_AREAS)
    domains = ("example.com", "example.org", "example.net")
    for number in range(rows):
        draw = chance.getrandbits(62)
        first, last, state = draw % _POOL, draw // _POOL % _POOL, states[draw // _POOL**2 % len(states)]
        draw //= _POOL**2 * len(states)
        bought = purchases[number % len(purchases)]
        area = _AREAS[state][draw % len(_AREAS[state])]
        born = datetime.date.fromordinal(716_000 + draw % 16_000)  # 1961 to 2004
        yield (
            f"{first_names[first]} {last_names[last]}",
            _written_phone(area, 60_000_000 + number * _STRIDE % _SUBSCRIBERS, draw % 20),
            f"{plain_first[first]}.{plain_last[last]}{number}@{domains[draw % 3]}",
            _CITIES[state][draw % len(_CITIES[state])],
            state,
            _SPECIALITIES[draw % len(_SPECIALITIES)],
            f"{born.day:02}/{born.month:02}/{born.year}",
            str(bought.count),
            f"{bought.total:.2f}".replace(".", ","),
            days[bought.first_days_ago],
            days[bought.last_days_ago],
            _tags(bought),
            "sim" if chance.random() < _CONSENT_SHARE else "não",
        )


def _written_phone(area: int, subscriber: int, way: int) -> str:
    """One number the way people write it; one in twenty without the ninth digit, as before 2016."""
    start, end = f"{subscriber:08}"[:4], f"{subscriber:08}"[4:]
    if way == 0:
        return f"({area}) {start}-{end}"
    if way < 4:
        return f"+55 {area} 9{start}-{end}"
    if way < 8:
        return f"{area}9{start}{end}"
    return f"({area}) 9{start}-{end}"


def _tags(bought: Purchases) -> str:
    """Labels an agency would give: by frequency and recency."""
    tags = []
    if bought.count >= 10:
        tags.append("vip")
    if bought.count == 1:
        tags.append("uma compra")
    if bought.last_days_ago <= 90:
        tags.append("recente")
    return ", ".join(tags)


def _plain(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name.lower())
    return "".join(character for character in decomposed if "a" <= character <= "z")


def write_people(path: Path, rows: int, until: datetime.date) -> None:
    """Write the people as XLSX if the name ends so, else as CSV (UTF-8, semicolon)."""
    if path.suffix.lower() == ".xlsx":
        book = Workbook(write_only=True)
        sheet = book.create_sheet("Contatos")
        sheet.append(HEADER)
        for cells in people_rows(rows, until):
            sheet.append(cells)
        book.save(path)
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(HEADER)
        writer.writerows(people_rows(rows, until))
