"""Files as people export them, and files made to harm: what is read of each."""

import csv
import datetime
import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from messaging.imports import text_files
from messaging.imports.opening import open_rows
from messaging.imports.rows import UnreadableFile
from messaging.states import RejectReason


def read(path: Path) -> tuple[list[str], list[tuple[int, tuple[str, ...]]], list[tuple[int, RejectReason]]]:
    """Header, rows with their numbers, refused rows."""
    source = open_rows(path)
    try:
        rows: list[tuple[int, tuple[str, ...]]] = []
        refused = []
        for batch in source.batches():
            rows += zip(batch.numbers.to_list(), batch.cells.rows(), strict=True)
            refused += [(row.number, row.reason) for row in batch.refused]
        return source.header, rows, refused
    finally:
        source.close()


def read_bytes(
    folder: Path, content: bytes
) -> tuple[list[str], list[tuple[int, tuple[str, ...]]], list[tuple[int, RejectReason]]]:
    path = folder / "file.txt"
    path.write_bytes(content)
    return read(path)


TWO = [(2, ("José", "1")), (3, ("Ângela", "2"))]


@pytest.mark.parametrize(
    "content",
    [
        "nome,fone\nJosé,1\nÂngela,2\n".encode(),
        "nome;fone\r\nJosé;1\r\nÂngela;2".encode("cp1252"),
        "\ufeffnome\tfone\nJosé\t1\nÂngela\t2\n".encode(),
        "nome|fone\rJosé|1\rÂngela|2\r".encode(),
        "nome\tfone\r\nJosé\t1\r\nÂngela\t2\r\n".encode("utf-16"),
        '"nome","fone"\n"José","1"\n"Ângela","2"\n'.encode(),
    ],
    ids=["utf-8", "cp1252", "bom", "old mac", "utf-16", "quoted"],
)
def test_encodings_and_separators(tmp_path: Path, content: bytes) -> None:
    assert read_bytes(tmp_path, content) == (["nome", "fone"], TWO, [])


def test_excels_separator_hint(tmp_path: Path) -> None:
    header, rows, refused = read_bytes(tmp_path, b"sep=;\r\nnome;fone\r\nAna;1,5\r\n")
    assert (header, rows, refused) == (["nome", "fone"], [(3, ("Ana", "1,5"))], [])


def test_mixed_separators_stay_in_their_cells(tmp_path: Path) -> None:
    content = b"nome;fone;mail\n" + b"Ana;1;a@b\n" * 5 + b"Bia,2,b@c\n" + b"Caio\t3\tc@d\n"
    _header, rows, refused = read_bytes(tmp_path, content)
    assert rows[5:] == [(7, ("Bia,2,b@c", "", "")), (8, ("Caio\t3\tc@d", "", ""))]
    assert refused == []


def test_quotes_line_breaks_and_widths(tmp_path: Path) -> None:
    content = 'nome,fone\n"Ana\nMaria",1\n\n"Bia ""B""",2,,\nCaio\n"never closed,3\nDuda,4\nEva,5,6\nFabio 5" pipe,7\n"x"y,8\nGil,9\n'
    _header, rows, refused = read_bytes(tmp_path, content.encode())
    assert rows == [
        (2, ("Ana\nMaria", "1")),
        (4, ('Bia "B"', "2")),
        (5, ("Caio", "")),
        (7, ("Duda", "4")),
        (9, ('Fabio 5" pipe', "7")),
        (11, ("Gil", "9")),
    ]
    assert refused == [(6, RejectReason.BAD_QUOTES), (8, RejectReason.TOO_MANY_COLUMNS), (10, RejectReason.BAD_QUOTES)]


def test_formulas_and_nul_bytes_are_only_text(tmp_path: Path) -> None:
    _header, rows, _refused = read_bytes(tmp_path, b"nome,fone\n=1+1,@x\nA\0na,1\n")
    assert rows == [(2, ("=1+1", "@x")), (3, ("A\0na", "1"))]


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_cell_of_ten_megabytes(tmp_path: Path, quote: str) -> None:
    content = f"nome,fone\n{quote}{'x' * 10_000_000}{quote},1\nBia,2\n".encode()
    _header, rows, refused = read_bytes(tmp_path, content)
    # Without quotes the cell is given shortened, and refused for its length by whoever normalises it.
    assert rows[-1] == (3, ("Bia", "2"))
    assert refused == ([(2, RejectReason.CELL_TOO_LONG)] if quote else [])
    assert sum(len(cells[0]) for _number, cells in rows) < 2_000_000


def test_only_a_header(tmp_path: Path) -> None:
    assert read_bytes(tmp_path, b"nome,fone\n") == (["nome", "fone"], [], [])


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"\n\n \n", "empty"),
        (b"%PDF-1.7 ...", "not_a_table"),
        (bytes(range(32)) * 9, "not_a_table"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "not_a_table"),
        (b"a,b\n" + b'"open,1\n' * 300, "bad_quotes"),
    ],
)
def test_unreadable_files(tmp_path: Path, content: bytes, code: str) -> None:
    with pytest.raises(UnreadableFile) as error:
        read_bytes(tmp_path, content)
    assert error.value.code == code


plain_cells = st.text(
    st.characters(codec="utf-8", exclude_characters='";', exclude_categories=["Cs", "Cc"]), max_size=6
)


@given(st.lists(st.lists(plain_cells, min_size=1, max_size=4), max_size=30), st.sampled_from(["\n", "\r\n"]))
def test_reading_at_once_is_reading_row_by_row(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], end: str
) -> None:
    text = end.join(";".join(cells) for cells in [["a", "b", "c"], *rows])
    path = tmp_path_factory.mktemp("plain") / "file.csv"
    path.write_bytes(text.encode())
    expected = [
        (number, tuple((cells + ["", ""])[:3]))
        for number, cells in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=";"), start=1)
        if number > 1 and any(cells) and not any(cells[3:])
    ]
    assert read(path)[1] == expected


def test_blocks_are_cut_between_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("messaging.imports.blocks.BLOCK", 64)
    text = "nome,fone\n" + "".join(f'"Ana\n{n}",{n}\nBia,{n}\n' for n in range(200))
    _header, rows, refused = read_bytes(tmp_path, text.encode())
    assert [cells[0] for _number, cells in rows] == [name for n in range(200) for name in (f"Ana\n{n}", "Bia")]
    assert [number for number, _cells in rows] == list(range(2, 402))
    assert refused == []
    assert text_files.MAX_UNCLOSED_QUOTES == 200


def test_a_workbook(tmp_path: Path) -> None:
    path = tmp_path / "any name at all"
    book = Workbook()
    sheet = book.active
    sheet.append(["Nome", "Fone", "Nascimento", "Ativo", None])
    sheet.append(["Ana", 11987654321, datetime.date(1990, 2, 28), True])
    sheet.append([])
    sheet.append(["Bia", 11987654321.0, datetime.datetime.fromisoformat("1990-02-28T10:30"), "#N/A"])
    sheet.append(["=1+1", 1.5])
    book.save(path)
    header, rows, refused = read(path)
    assert header == ["Nome", "Fone", "Nascimento", "Ativo"]
    assert rows == [
        (2, ("Ana", "11987654321", "1990-02-28", "true")),
        (4, ("Bia", "11987654321", "1990-02-28 10:30:00", "")),
        (5, ("", "1.5", "", "")),
    ]
    assert refused == []


def test_bombs_and_other_archives(tmp_path: Path) -> None:
    bomb, entities, other = tmp_path / "bomb.xlsx", tmp_path / "entities.xlsx", tmp_path / "other.xlsx"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 50_000_000)
    with zipfile.ZipFile(entities, "w") as archive:
        archive.writestr("xl/workbook.xml", '<!DOCTYPE x [<!ENTITY a "aaaa">]><workbook>&a;</workbook>')
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("hello.txt", "hello")
    broken = tmp_path / "broken.xlsx"
    with zipfile.ZipFile(broken, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook")
    for path, code in ((bomb, "too_large"), (entities, "too_large"), (other, "not_a_table"), (broken, "bad_workbook")):
        with pytest.raises(UnreadableFile) as error:
            read(path)
        assert error.value.code == code
