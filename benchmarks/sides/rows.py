"""The table that the other sides work on: as narrow as ours, without our states, reasons and leases."""

TABLE = """
DROP TABLE IF EXISTS bench_message;
CREATE TABLE bench_message (
    id bigint PRIMARY KEY, name text NOT NULL, phone text NOT NULL, state smallint NOT NULL DEFAULT 0,
    provider_id text, sent_at timestamptz
) WITH (fillfactor = 70);
INSERT INTO bench_message (id, name, phone)
SELECT row_number() OVER (ORDER BY id), name, phone FROM messaging_contact ORDER BY id LIMIT %(people)s;
CREATE INDEX bench_message_open ON bench_message (id) WHERE state = 0;
ANALYZE bench_message
"""
COUNT = "SELECT count(*) FROM bench_message WHERE state = 2"


def body_for(name: str, phone: str, reference: int) -> dict[str, object]:
    """The request every side posts: the same template message as the product's."""
    parameters = [{"type": "text", "text": name.split(" ")[0]}, {"type": "text", "text": "novidade"}]
    return {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": phone,
        "type": "template",
        "template": {
            "name": "novidade",
            "language": {"code": "pt_BR"},
            "components": [{"type": "body", "parameters": parameters}],
        },
        "biz_opaque_callback_data": str(reference),
    }
