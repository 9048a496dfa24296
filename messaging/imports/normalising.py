"""A batch of rows of text becomes rows for the staging table, column by column; what cannot be used is named with its reason."""

import dataclasses
import json
import zoneinfo
from collections.abc import Mapping, Sequence

import polars as pl

from messaging.imports.address_columns import PROBLEM, VALUE, normalize_emails, normalize_phones
from messaging.imports.rows import MAX_CELL, RefusedRow, RowBatch, column_name
from messaging.rules.addresses import AddressProblem
from messaging.rules.attributes import (
    DATE_FORMATS,
    MAX_ATTRIBUTE_TEXT,
    PATTERNS,
    SAMPLE,
    TRUE_WORDS,
    AttributeKind,
    infer_kind,
)
from messaging.rules.columns import Column, ColumnField
from messaging.states import ChannelKind, ConsentState, RejectReason

TAG_SEPARATOR = "\x1f"
MAX_NAME = 200
MAX_TAG = 60
MAX_WHATSAPP_ID = 64
# The columns of the staging table, in order.
STAGED = (
    "row_no", "phone", "email", "whatsapp_id", "name", "language", "time_zone", "tags", "attributes",
    "consent_whatsapp", "consent_email", "consent_sms",
)  # fmt: skip
CONSENT_COLUMNS = {
    ChannelKind.WHATSAPP: "consent_whatsapp",
    ChannelKind.EMAIL: "consent_email",
    ChannelKind.SMS: "consent_sms",
}
_NOTHING = ("", "-", "--", "—", ".", "0", "n/a", "na", "#n/a", "null", "none", "nan", "nil", "s/n", "sem")
_GRANTED = (
    "1", "sim", "s", "yes", "y", "true", "verdadeiro", "x", "ok", "aceito", "aceita", "aceitou", "autorizo", "autorizado", "autoriza", "granted",
    "opt-in", "optin", "opt in", "subscribed", "ativo", "active", "on", "si", "sí", "concedido", "✓", "✔",
)  # fmt: skip
_WITHDRAWN = (
    "0", "não", "nao", "n", "no", "false", "falso", "recusado", "recusou", "negado", "withdrawn", "opt-out", "optout", "opt out", "unsubscribed",
    "inativo", "off", "revogado", "descadastrado", "cancelado",
)  # fmt: skip
_CONSENT_STATES = dict.fromkeys(_GRANTED, ConsentState.GRANTED.value) | dict.fromkeys(
    _WITHDRAWN, ConsentState.WITHDRAWN.value
)
_LANGUAGES = {
    "portugues": "pt-br", "português": "pt-br", "portuguese": "pt-br", "pt": "pt-br", "english": "en", "ingles": "en", "inglês": "en",
    "espanhol": "es", "español": "es", "spanish": "es",
}  # fmt: skip
# Where year, month and day stand in a written date: (start, length).
_DATE_PARTS = {
    AttributeKind.DATE_ISO: ((0, 4), (5, 2), (8, 2)),
    AttributeKind.DATE_DAY_FIRST: ((6, 4), (3, 2), (0, 2)),
    AttributeKind.DATE_MONTH_FIRST: ((6, 4), (0, 2), (3, 2)),
}
_TO_ESCAPE = r'["\\\x00-\x1f]'
_PHONE_REASONS = {str(AddressProblem.LOST_DIGITS): RejectReason.LOST_DIGITS.value}


@dataclasses.dataclass(frozen=True, slots=True)
class StagedBatch:
    """`frame` has the columns of STAGED; `refused` the other rows of the batch."""

    frame: pl.DataFrame
    refused: list[RefusedRow]


class Normaliser:
    """Knows the columns of one file. The kinds of further columns are inferred from the first batch it sees."""

    def __init__(self, columns: Sequence[Column], country: str, *, check_characters: bool) -> None:
        self._columns = columns
        self._country = country
        self._check_characters = check_characters
        self._kinds: dict[int, AttributeKind] | None = None
        self._time_zones = sorted(zoneinfo.available_timezones())

    @property
    def kinds(self) -> Mapping[str, AttributeKind]:
        """The inferred kind per attribute key, once a batch was seen."""
        kinds = self._kinds or {}
        return {column.key: kinds[column.position] for column in self._columns if column.position in kinds}

    def normalise(self, batch: RowBatch) -> StagedBatch:
        """Bring a batch into the form of the staging table."""
        if not len(batch.numbers):
            return StagedBatch(frame=pl.DataFrame(schema=dict.fromkeys(STAGED, pl.String)), refused=batch.refused)
        cells = batch.cells
        longest = cells.select(pl.max_horizontal(pl.all().str.len_bytes())).to_series()
        stripped = cells.with_columns(pl.all().str.strip_chars())
        if self._kinds is None:
            self._kinds = self._infer_kinds(stripped)
        fields, reasons = self._fields(stripped)
        frame = pl.DataFrame({"row_no": batch.numbers, **fields})
        first_reason = pl.coalesce(
            self._unreadable(cells),
            pl.when(longest > MAX_CELL).then(pl.lit(RejectReason.CELL_TOO_LONG.value)),
            *reasons,
            _reason_if(
                frame["phone"].is_null() & frame["email"].is_null() & frame["whatsapp_id"].is_null(),
                RejectReason.NO_ADDRESS,
            ),
        )
        verdict = pl.DataFrame({"n": pl.int_range(len(frame), eager=True)}).select(first_reason.alias("reason"))
        usable = verdict["reason"].is_null()
        refused = list(batch.refused)
        if not usable.all():
            for index, reason in verdict.with_row_index().filter(~usable).iter_rows():
                refused.append(RefusedRow(batch.numbers[index], RejectReason(reason), cells.row(index)))
        return StagedBatch(frame=frame.filter(usable).select(STAGED), refused=refused)

    def _infer_kinds(self, cells: pl.DataFrame) -> dict[int, AttributeKind]:
        return {
            column.position: infer_kind(column.key, cells[column_name(column.position)].head(SAMPLE).to_list())
            for column in self._columns
            if column.field is ColumnField.ATTRIBUTE
        }

    def _unreadable(self, cells: pl.DataFrame) -> pl.Series:
        if not self._check_characters:
            return pl.Series([None] * len(cells), dtype=pl.String)
        bad = cells.select(pl.any_horizontal(pl.all().str.contains("[\\x00\\x{fffd}]"))).to_series()
        return _reason_if(bad, RejectReason.UNREADABLE_CHARACTERS)

    def _fields(self, cells: pl.DataFrame) -> tuple[dict[str, pl.Series], list[pl.Series]]:
        """The staged columns but the row number, and the reasons against rows, most telling first."""
        empty = pl.Series([None] * len(cells), dtype=pl.String)
        reasons: list[pl.Series] = []
        phones = normalize_phones(self._address(cells, ColumnField.PHONE), self._country)
        reasons.append(
            phones.select(
                pl.when(pl.col(PROBLEM).is_not_null()).then(
                    pl.col(PROBLEM).replace_strict(_PHONE_REASONS, default=RejectReason.INVALID_PHONE.value)
                )
            ).to_series()
        )
        emails = normalize_emails(self._address(cells, ColumnField.EMAIL))
        reasons.append(_reason_if(emails[PROBLEM].is_not_null(), RejectReason.INVALID_EMAIL))
        whatsapp_ids = self._address(cells, ColumnField.WHATSAPP_ID)
        is_bad = whatsapp_ids.is_not_null() & ~whatsapp_ids.str.contains(rf"^[!-~]{{1,{MAX_WHATSAPP_ID}}}$")
        reasons.append(_reason_if(is_bad, RejectReason.INVALID_WHATSAPP_ID))
        addresses = {"phone": phones[VALUE], "email": emails[VALUE], "whatsapp_id": whatsapp_ids}
        consents, unclear = self._consents(cells, addresses)
        reasons.append(unclear)
        fields = {
            **addresses,
            "name": self._names(cells),
            "language": self._languages(cells),
            "time_zone": self._zones(cells),
            "tags": self._tags(cells),
            "attributes": self._attributes(cells),
            **consents,
        }
        return {key: empty if series is None else series for key, series in fields.items()}, reasons

    def _column(self, cells: pl.DataFrame, field: ColumnField) -> pl.Series | None:
        name = next((column_name(column.position) for column in self._columns if column.field is field), None)
        return None if name is None else cells.select(_filled(pl.col(name))).to_series()

    def _address(self, cells: pl.DataFrame, field: ColumnField) -> pl.Series:
        column = self._column(cells, field)
        if column is None:
            return pl.Series([None] * len(cells), dtype=pl.String)
        return pl.select(pl.when(~column.str.to_lowercase().is_in(_NOTHING)).then(column)).to_series()

    def _names(self, cells: pl.DataFrame) -> pl.Series | None:
        parts = [self._column(cells, field) for field in (ColumnField.FIRST_NAME, ColumnField.LAST_NAME)]
        named = [part for part in parts if part is not None]
        whole = self._column(cells, ColumnField.NAME)
        candidates = [] if whole is None else [whole]
        if named:
            candidates.append(pl.select(_filled(pl.concat_str(*named, separator=" ", ignore_nulls=True))).to_series())
        if not candidates:
            return None
        name = pl.coalesce(*candidates).str.replace_all(r"\s+", " ").str.slice(0, MAX_NAME)
        return pl.select(name).to_series()

    def _languages(self, cells: pl.DataFrame) -> pl.Series | None:
        column = self._column(cells, ColumnField.LANGUAGE)
        if column is None:
            return None
        tag = column.str.to_lowercase().str.replace_all("_", "-").replace(_LANGUAGES)
        return pl.select(pl.when(tag.str.contains(r"^[a-z]{2,3}(-[a-z0-9]{2,6})?$")).then(tag)).to_series()

    def _zones(self, cells: pl.DataFrame) -> pl.Series | None:
        column = self._column(cells, ColumnField.TIME_ZONE)
        if column is None:
            return None
        return pl.select(pl.when(column.is_in(self._time_zones)).then(column)).to_series()

    def _tags(self, cells: pl.DataFrame) -> pl.Series | None:
        column = self._column(cells, ColumnField.TAGS)
        if column is None:
            return None
        element = pl.element().str.strip_chars().str.replace_all(r"\s+", " ").str.slice(0, MAX_TAG)
        names = (
            pl.col("tags")
            .str.replace_all(r"[;,|\x1f]", TAG_SEPARATOR)
            .str.split(TAG_SEPARATOR)
            .list.eval(element.filter(element != ""))
            .list.unique(maintain_order=True)
            .list.join(TAG_SEPARATOR)
        )
        return pl.DataFrame({"tags": column}).select(_filled(names)).to_series()

    def _consents(
        self, cells: pl.DataFrame, addresses: Mapping[str, pl.Series]
    ) -> tuple[dict[str, pl.Series | None], pl.Series]:
        """A consent per channel: its own column, else the general one where the row has an address for the channel."""
        general, unclear = self._consent(cells, ColumnField.CONSENT_ALL)
        has_phone = addresses["phone"].is_not_null()
        reachable = {
            ChannelKind.WHATSAPP: has_phone | addresses["whatsapp_id"].is_not_null(),
            ChannelKind.SMS: has_phone,
            ChannelKind.EMAIL: addresses["email"].is_not_null(),
        }
        consents: dict[str, pl.Series | None] = {}
        for channel, name in CONSENT_COLUMNS.items():
            own, own_unclear = self._consent(cells, ColumnField(name))
            unclear = unclear | own_unclear
            choices = [own] if own is not None else []
            if general is not None:
                choices.append(pl.select(pl.when(reachable[channel]).then(general)).to_series())
            consents[name] = pl.select(pl.coalesce(*choices)).to_series() if choices else None
        return consents, _reason_if(unclear, RejectReason.UNCLEAR_CONSENT)

    def _consent(self, cells: pl.DataFrame, field: ColumnField) -> tuple[pl.Series | None, pl.Series]:
        column = self._column(cells, field)
        if column is None:
            return None, pl.Series([False] * len(cells), dtype=pl.Boolean)
        states = column.str.to_lowercase().replace_strict(_CONSENT_STATES, default=None, return_dtype=pl.Int16)
        return states, states.is_null() & column.is_not_null() & ~column.is_in(("-", "—"))

    def _attributes(self, cells: pl.DataFrame) -> pl.Series | None:
        """One JSON object per row, without the keys whose cell is empty."""
        kinds = self._kinds or {}
        pairs = [
            attribute_pair(column_name(column.position), column.key, kinds[column.position])
            for column in self._columns
            if column.field is ColumnField.ATTRIBUTE
        ]
        if not pairs:
            return None
        inner = pl.concat_str(*pairs, separator=",", ignore_nulls=True)
        return cells.select(pl.when(inner != "").then(pl.concat_str(pl.lit("{"), inner, pl.lit("}")))).to_series()


def attribute_pair(name: str, key: str, kind: AttributeKind) -> pl.Expr:
    """`"key": value` as JSON text for each cell of the column, null where the cell is empty.

    The vectorised form of `messaging.rules.attributes.store_value`.
    """
    text = pl.col(name)
    prefix = pl.lit(f"{json.dumps(key)}:")
    filled = pl.when(text != "").then(pl.concat_str(prefix, pl.coalesce(_typed(text, kind), _json_text(text))))
    return filled.alias(f"{name}_pair")


def _json_text(text: pl.Expr) -> pl.Expr:
    """The text as a JSON string. Only what needs escaping takes the slow way: a value nearly never does."""
    short = text.str.slice(0, MAX_ATTRIBUTE_TEXT)
    quote = pl.lit('"')
    return pl.concat_str(quote, short.map_batches(_escape, return_dtype=pl.String), quote)


def _escape(texts: pl.Series) -> pl.Series:
    needs = texts.str.contains(_TO_ESCAPE)
    if not needs.any():
        return texts
    encoded = pl.DataFrame({"v": texts}).select(pl.struct("v").struct.json_encode().str.slice(6)).to_series()
    return encoded.str.strip_suffix('"}')  # {"v":"…"} → …


def _typed(text: pl.Expr, kind: AttributeKind) -> pl.Expr:
    """The cell as JSON text of its kind, null where it does not fit."""
    if kind is AttributeKind.TEXT:
        return pl.lit(None, pl.String)
    fits = text.str.contains(PATTERNS[kind])
    match kind:
        case AttributeKind.INTEGER:
            value = text
        case AttributeKind.DECIMAL_POINT:
            value = text.str.replace_all(",", "", literal=True)
        case AttributeKind.DECIMAL_COMMA:
            value = text.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
        case AttributeKind.BOOLEAN:
            is_true = text.str.to_lowercase().is_in(sorted(TRUE_WORDS))
            value = pl.when(is_true).then(pl.lit("true")).otherwise(pl.lit("false"))
        case _:
            is_date = pl.when(fits).then(text).str.to_date(DATE_FORMATS[kind], strict=False).is_not_null()
            year, month, day = (text.str.slice(start, length) for start, length in _DATE_PARTS[kind])
            quote = pl.lit('"')
            return pl.when(is_date).then(pl.concat_str(quote, year, pl.lit("-"), month, pl.lit("-"), day, quote))
    return pl.when(fits).then(value)


def _filled(expression: pl.Expr) -> pl.Expr:
    """Null instead of an empty text."""
    return pl.when(expression != "").then(expression)


def _reason_if(condition: pl.Series, reason: RejectReason) -> pl.Series:
    return pl.select(pl.when(condition).then(pl.lit(reason.value))).to_series()
