"""Phones and e-mails of a whole column at once: the usual shapes by one expression, everything else by the judge.

A property test proves that both ways give what `messaging.rules.addresses.normalize_phone` gives.
"""

from collections.abc import Callable

import polars as pl

from messaging.rules.addresses import AddressProblem, email_or_problem, phone_or_problem

# Area codes in use, then a mobile of nine digits, a mobile of eight (6–9 first) or a landline (2–5 first).
_AREA = r"[14689][1-9]|2[12478]|3[1-578]|5[13-5]|7[13-579]"
_USUAL = rf"^(?:\+?55)?({_AREA})(9[0-9]{{8}}|[6-9][0-9]{{7}}|[2-5][0-9]{{7}})$"
_SEPARATORS = r"[ ()\-.\x{a0}]+"
_USUAL_EMAIL = r"^[a-z0-9]+(?:[._+-][a-z0-9]+)*@(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z]{2,24}$"
_USUAL_EMAIL_LENGTH = 64

VALUE = "value"
PROBLEM = "problem"


def normalize_phones(column: pl.Series, country: str) -> pl.DataFrame:
    """`value` (E.164 or null) and `problem` (a code or null) for each text of the column. Null stays null."""
    usual = _usual_phones(column) if country == "BR" else pl.Series(VALUE, [None] * len(column), dtype=pl.String)
    return _judge_the_rest(column, usual, lambda text: phone_or_problem(text, country))


def normalize_emails(column: pl.Series) -> pl.DataFrame:
    """`value` (the e-mail or null) and `problem` (a code or null) for each text of the column. Null stays null."""
    lower = column.str.strip_chars().str.to_lowercase()
    is_usual = (lower.str.len_bytes() <= _USUAL_EMAIL_LENGTH) & lower.str.contains(_USUAL_EMAIL)
    usual = pl.DataFrame({"lower": lower, "usual": is_usual}).select(
        pl.when(pl.col("usual")).then(pl.col("lower")).alias(VALUE)
    )
    return _judge_the_rest(column, usual.to_series(), email_or_problem)


def _usual_phones(column: pl.Series) -> pl.Series:
    digits = pl.col("text").str.replace_all(_SEPARATORS, "")
    rest = pl.col("digits").str.extract(_USUAL, 2)
    ninth = pl.when((rest.str.len_bytes() == 8) & (rest.str.slice(0, 1) >= "6")).then(pl.lit("9")).otherwise(pl.lit(""))
    return (
        pl.DataFrame({"text": column})
        .with_columns(digits.alias("digits"))
        .select(pl.concat_str(pl.lit("+55"), pl.col("digits").str.extract(_USUAL, 1), ninth, rest).alias(VALUE))
        .to_series()
    )


def _judge_the_rest(
    column: pl.Series, usual: pl.Series, judge: Callable[[str], tuple[str, AddressProblem | None]]
) -> pl.DataFrame:
    """Fill what the fast way left open, asking the judge once per distinct text. An address of nothing stays null."""
    frame = pl.DataFrame({"text": column, VALUE: usual})
    open_texts = frame.filter(pl.col("text").is_not_null() & pl.col(VALUE).is_null())["text"].unique().to_list()
    if not open_texts:
        return frame.select(VALUE, pl.lit(None, pl.String).alias(PROBLEM))
    judged = [judge(text) for text in open_texts]
    verdicts = pl.DataFrame(
        {
            "text": open_texts,
            "judged": [value or None for value, _ in judged],
            PROBLEM: [None if problem in {None, AddressProblem.EMPTY} else str(problem) for _, problem in judged],
        },
        schema={"text": pl.String, "judged": pl.String, PROBLEM: pl.String},
    )
    return frame.join(verdicts, on="text", how="left", maintain_order="left").select(
        pl.coalesce(VALUE, "judged").alias(VALUE), PROBLEM
    )
