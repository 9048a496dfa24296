"""Forms with files, read back by the parser of the sandbox."""

from integrations.multipart import FilePart, multipart_form
from integrations.sandbox.multipart import parse_parts


def test_fields_and_files_arrive_as_they_were_given() -> None:
    content = bytes(range(256)) + b"\r\n--batuta\r\n"
    body, content_type = multipart_form(
        {"caption": "Relatório de março"}, [FilePart("document", "relatório.pdf", content, "application/pdf")]
    )
    caption, document = parse_parts(content_type, body)
    assert (caption.name, caption.body.decode(), caption.filename) == ("caption", "Relatório de março", "")
    assert (document.name, document.filename, document.content_type) == ("document", "relatório.pdf", "application/pdf")
    assert document.body == content


def test_a_filename_cannot_add_headers_or_parts() -> None:
    body, content_type = multipart_form({}, [FilePart("document", 'a"; name="chat_id"\r\nX-Evil: 1\r\n\r\nb', b"x")])
    [document] = parse_parts(content_type, body)
    assert document.name == "document"
    assert "x-evil" not in document.headers
    assert b'filename="a%22; name=%22chat_id%22%0D%0AX-Evil: 1%0D%0A%0D%0Ab"\r\n' in body
