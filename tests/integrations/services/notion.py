"""Notion."""

from datetime import UTC, date, datetime

from integrations.errors import AuthenticationFailed, RateLimited, Refused, TemporaryFailure
from integrations.notion.client import NotionClient
from integrations.notion.contents import (
    Block,
    BlockKind,
    Column,
    Database,
    DataSource,
    Found,
    Page,
    Person,
    SourceName,
    StoredBlock,
    all_of,
    edited_since,
    text_is,
)
from integrations.notion.properties import (
    Checkbox,
    Date,
    Email,
    MultiSelect,
    Number,
    People,
    Phone,
    PropertyValue,
    Relation,
    RichText,
    Select,
    Status,
    Title,
    Unread,
    Url,
)
from integrations.notion.sandbox_contents import (
    BOT,
    CLIENT_PAGES,
    CLIENTS,
    CLIENTS_DATABASE,
    PARENT_PAGE,
    PEOPLE,
    TASK_COLUMNS,
    TASKS,
)
from tests.integrations.services.cases import Case, Contract, connection, equals

ANA = next(iter(PEOPLE))
TASK: dict[str, PropertyValue] = {
    "Nome": Title("Revisar anúncios"),
    "Notas": RichText("á" * 2_001),  # more than one piece
    "Valor": Number(1250.5),
    "Área": Select("Mídia"),  # an option that is not there yet
    "Etiquetas": MultiSelect(("urgente", "cliente")),
    "Situação": Status("A fazer"),
    "Prazo": Date(date(2026, 11, 23), date(2026, 11, 24)),
    "Responsável": People((ANA,)),
    "Aprovado": Checkbox(True),
    "Link": Url("https://example.com/a"),
    "E-mail": Email("ana@example.com"),
    "Telefone": Phone("+5511988887777"),
    "Cliente": Relation((CLIENT_PAGES[0],)),
    "Chave": RichText("task:41"),
}
PAGE_FIELDS = ("id", "url", "created_time", "last_edited_time", "in_trash", "parent", "properties")
COLUMN_KINDS = {name: Column(kind, options) for name, (kind, options) in TASK_COLUMNS.items()}


def in_rows(*names: str) -> tuple[str, ...]:
    """The fields of a list, and these of each of its rows."""
    return ("results", "has_more", "next_cursor", *(f"results[].{name}" for name in names))


def created(page: Page) -> None:
    assert page.properties == {**TASK, "Soma": Unread("formula")}
    assert (page.source, page.is_in_trash) == (TASKS, False)


def emptied(client: NotionClient) -> tuple[Page, Page]:
    """A page made, then each property set to nothing; and what is read afterwards."""
    page = client.create_page(TASKS, TASK)
    nothing: dict[str, PropertyValue] = {
        "Notas": RichText(""),
        "Valor": Number(None),
        "Área": Select(""),
        "Etiquetas": MultiSelect(()),
        "Prazo": Date(None),
        "Responsável": People(()),
        "Aprovado": Checkbox(False),
        "Link": Url(""),
        "E-mail": Email(""),
        "Telefone": Phone(""),
        "Cliente": Relation(()),
    }
    page = client.update_page(page.id, {**nothing, "Prazo": Date(datetime(2026, 11, 23, 9, 30, tzinfo=UTC))})
    assert page.properties["Prazo"] == Date(datetime(2026, 11, 23, 9, 30, tzinfo=UTC))
    return client.update_page(page.id, nothing), Page(
        page.id,
        page.url,
        page.created_at,
        page.edited_at,
        False,
        TASKS,
        {**TASK, **nothing, "Soma": Unread("formula")},
    )


def was_emptied(pages: tuple[Page, Page]) -> None:
    assert pages[0].properties == pages[1].properties


def thrown_away_and_back(client: NotionClient) -> tuple[bool, bool, bool]:
    gone = client.archive_page(CLIENT_PAGES[2])
    return (
        gone.is_in_trash,
        CLIENT_PAGES[2] in client_ids(client),
        client.archive_page(gone.id, restore=True).is_in_trash,
    )


def client_ids(client: NotionClient) -> list[str]:
    return [page.id for page in client.query(CLIENTS)]


def queried(client: NotionClient) -> tuple[list[str], list[str], list[str]]:
    """All, one by our key, and none edited since tomorrow."""
    by_key = text_is("Chave", "client:2")
    later = all_of([by_key, edited_since(datetime(2100, 1, 1, tzinfo=UTC))])
    return (
        client_ids(client),
        [page.id for page in client.query(CLIENTS, where=by_key)],
        [page.id for page in client.query(CLIENTS, where=later)],
    )


def appended(client: NotionClient) -> tuple[int, list[StoredBlock]]:
    """More blocks than go into one call; the last two as they are read."""
    blocks = [Block(BlockKind.PARAGRAPH, f"Linha {number}") for number in range(99)]
    blocks += [Block(BlockKind.TO_DO, "Conferir", is_checked=True), Block(BlockKind.DIVIDER)]
    ids = client.append_blocks(CLIENT_PAGES[0], blocks)
    return len(set(ids)), list(client.list_blocks(CLIENT_PAGES[0]))[-2:]


def was_appended(found: tuple[int, list[StoredBlock]]) -> None:
    number, (to_do, divider) = found
    assert number == 101
    assert (to_do.kind, to_do.text, to_do.has_children) == ("to_do", "Conferir", False)
    assert '"checked":true' in to_do.source
    assert (divider.kind, divider.text) == ("divider", "")


def listed_blocks(client: NotionClient) -> list[str]:
    client.append_blocks(CLIENT_PAGES[1], [Block(BlockKind.HEADING_2, each) for each in ("A", "B", "C")])
    return [block.text for block in client.list_blocks(CLIENT_PAGES[1])][-3:]


def searched(client: NotionClient) -> tuple[list[Found], list[str]]:
    everything = [found.id for found in client.search()]
    sources = [found.id for found in client.search(kind="data_source")]
    assert {*CLIENT_PAGES, *sources} <= {*everything}
    return list(client.search("cliente 3")), sources


def was_found(found: tuple[list[Found], list[str]]) -> None:
    [hit], sources = found
    assert (hit.id, hit.kind) == (CLIENT_PAGES[2], "page")
    assert {TASKS, CLIENTS} <= {*sources}


def made(database: Database) -> None:
    assert database.title == "Incidentes"
    assert [source.name for source in database.sources] == ["Incidentes"]


CONTRACT = Contract(
    slug="notion",
    connect=lambda sandbox: connection("notion", sandbox, {"token": "ntn_sandbox"}),
    refused_operation="update_page",
    refusals={
        "unauthorized": AuthenticationFailed,
        "restricted_resource": AuthenticationFailed,
        "object_not_found": Refused,
        "validation_error": Refused,
        "conflict_error": TemporaryFailure,
        "gateway_timeout": TemporaryFailure,
        "service_unavailable": TemporaryFailure,
        "internal_server_error": TemporaryFailure,
        "service_overload": RateLimited,
        "rate_limited": RateLimited,
    },
    cases=(
        Case(
            "get_database",
            lambda client: client.get_database(CLIENTS_DATABASE),
            equals(Database(CLIENTS_DATABASE, "Clientes", (SourceName(CLIENTS, "Clientes"),))),
            required=("id", "title", "data_sources", "data_sources[].id"),
        ),
        Case(
            "create_database",
            lambda client: client.create_database(
                PARENT_PAGE, "Incidentes", {"Nome": Column("title"), "Nível": Column("select", ("P1", "P2"))}
            ),
            made,
            required=("id", "title", "data_sources", "data_sources[].id"),
        ),
        Case(
            "get_data_source",
            lambda client: client.get_data_source(TASKS),
            equals(DataSource(TASKS, "Tarefas", COLUMN_KINDS)),
            required=("id", "title", "properties", "properties.*.type"),
        ),
        Case(
            "query",
            queried,
            equals((list(CLIENT_PAGES), [CLIENT_PAGES[1]], [])),
            required=in_rows(*PAGE_FIELDS),
        ),
        Case(
            "get_page",
            lambda client: client.get_page(CLIENT_PAGES[1].replace("-", "")).properties,
            equals({"Nome": Title("Cliente 2"), "Chave": RichText("client:2")}),
            required=(*PAGE_FIELDS, "properties.*.type", "properties.*.title", "properties.*.title[].plain_text"),
        ),
        Case(
            "create_page",
            lambda client: client.create_page(TASKS, TASK, blocks=[Block(BlockKind.QUOTE, "Contexto")]),
            created,
            required=(*PAGE_FIELDS, "properties.*.number", "properties.*.date.start", "properties.*.relation[].id"),
        ),
        Case("update_page", emptied, was_emptied, required=PAGE_FIELDS, writes=3),
        Case(
            "archive_page",
            thrown_away_and_back,
            equals((True, False, False)),
            required=("in_trash",),
            wire="update_page",
            writes=2,
        ),
        Case("append_blocks", appended, was_appended, required=("results", "results[].id"), writes=2),
        Case(
            "list_blocks",
            listed_blocks,
            equals(["A", "B", "C"]),
            required=in_rows("id", "type", "has_children", "heading_2"),
            writes=1,
        ),
        Case(
            "list_users",
            lambda client: client.list_users(),
            equals(
                [
                    *(Person(key, name, email) for key, (name, email) in PEOPLE.items()),
                    Person(BOT, "Batuta", is_bot=True),
                ]
            ),
            required=in_rows("id", "type"),
            is_live=True,
        ),
        Case("search", searched, was_found, required=in_rows("id", "object", "url"), is_live=True),
        Case(
            "health",
            lambda client: client.identity(),
            equals("sandbox / Batuta"),
            required=("name", "bot", "bot.workspace_name"),
            is_live=True,
        ),
    ),
)
