"""The demo's people: valid, each different, the same every time; purchases as in the data set."""

import csv
import datetime
from pathlib import Path

import phonenumbers
import pytest
from django.core.management import CommandError, call_command

from messaging.demo.people import HEADER, load_purchases, people_rows
from messaging.rules.addresses import normalize_email, normalize_phone

DAY = datetime.date(2026, 3, 2)


def test_people_are_valid_different_and_the_same_every_time() -> None:
    people = list(people_rows(5_000, DAY))
    phones = {normalize_phone(cells[1], "BR") for cells in people}
    assert len(phones) == len({normalize_email(cells[2]) for cells in people}) == 5_000
    kinds = {phonenumbers.number_type(phonenumbers.parse(phone, None)) for phone in phones}
    assert kinds == {phonenumbers.PhoneNumberType.MOBILE}
    assert people == list(people_rows(5_000, DAY))
    assert people[:100] == list(people_rows(100, DAY))
    assert {len(cells) for cells in people} == {len(HEADER)}


def test_purchases_are_those_of_the_data_set() -> None:
    purchases = load_purchases()
    assert (len(purchases), sum(bought.count for bought in purchases)) == (23_570, 69_659)
    assert round(sum(bought.total for bought in purchases), 2) == 2_500_315.63
    first = next(people_rows(1, DAY))
    assert first[7:11] == ("1", "11,77", "2024-09-03", "2024-09-03")  # bought on 1997-01-01, 545 days before the end


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "people.csv"
    call_command("make_people", rows=3, out=out, until=DAY)
    assert capsys.readouterr().out == f"3 people written to {out}\n"
    with out.open(encoding="utf-8", newline="") as file:
        assert [tuple(cells) for cells in csv.reader(file, delimiter=";")] == [HEADER, *people_rows(3, DAY)]
    with pytest.raises(CommandError):
        call_command("make_people", rows=0, out=out)
    with pytest.raises(CommandError):
        call_command("make_people", rows=1, out=tmp_path / "no such folder" / "people.csv")
