"""Errors of the API: RFC 9457 problem documents, always."""

import json
from http import HTTPStatus
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI, Schema
from ninja.errors import HttpError, ValidationError

from agency.kit.errors import InvalidInput, OperationRefused

CONTENT_TYPE = "application/problem+json"


class FieldProblem(Schema):
    """One part of the request that is wrong; `field` is a path such as `body.contacts.3.phone`."""

    field: str
    message: str


class Problem(Schema):
    """RFC 9457. `code` is stable for programs, `detail` is for people and may be translated."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[FieldProblem] = []


class ApiProblem(Exception):
    """An error that an API operation answers with; `headers` go with it."""

    def __init__(self, status: int, code: str, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.headers = status, code, detail, headers or {}


def problem_response(
    status: int,
    code: str,
    detail: str,
    errors: list[dict[str, str]] | None = None,
    headers: dict[str, str] | None = None,
) -> HttpResponse:
    """The document as an answer. Its `type` is about:blank: `code` says which problem it is."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "errors": errors or [],
    }
    return HttpResponse(json.dumps(body), status=status, content_type=CONTENT_TYPE, headers=headers)


def _http_error(request: HttpRequest, error: Any) -> HttpResponse:
    codes = {400: "bad_request", 401: "not_authenticated", 403: "forbidden"}
    headers = {"WWW-Authenticate": "Bearer"} if error.status_code == 401 else None
    return problem_response(error.status_code, codes.get(error.status_code, "error"), str(error), headers=headers)


def _invalid_request(request: HttpRequest, error: Any) -> HttpResponse:
    errors = [
        {"field": ".".join(str(part) for part in item["loc"]), "message": str(item["msg"])} for item in error.errors
    ]
    return problem_response(422, "invalid_request", "Some parts of the request are wrong.", errors)


def _invalid_input(request: HttpRequest, error: Any) -> HttpResponse:
    errors = [{"field": error.field, "message": error.text}] if error.field else []
    return problem_response(422, error.code, error.text, errors)


def _refused(request: HttpRequest, error: Any) -> HttpResponse:
    return problem_response(409, error.code, error.text)


def _not_found(request: HttpRequest, error: Any) -> HttpResponse:
    return problem_response(404, "not_found", "There is no such record, or you may not see it.")


def _api_problem(request: HttpRequest, error: Any) -> HttpResponse:
    return problem_response(error.status, error.code, error.detail, headers=error.headers)


def install(api: NinjaAPI) -> None:
    """Answer every exception with a problem document; an unexpected one stays Django's (logged, 500) and gets its document below."""
    api.add_exception_handler(HttpError, _http_error)
    api.add_exception_handler(ValidationError, _invalid_request)
    api.add_exception_handler(OperationRefused, _refused)
    api.add_exception_handler(InvalidInput, _invalid_input)
    api.add_exception_handler(Http404, _not_found)
    api.add_exception_handler(ApiProblem, _api_problem)


GENERAL = {
    400: ("bad_request", "The request could not be read."),
    404: ("not_found", "There is no such address."),
    405: ("method_not_allowed", "This address does not know that method."),
    413: ("too_large", "The request is too large."),
    500: ("internal_error", "Something broke here. It was logged; try again later."),
}


def as_problem(response: HttpResponse) -> HttpResponse:
    """An error answer of another part (URL map, middleware, a crash) as a problem document, with its headers."""
    if response.status_code < 400 or response.headers.get("Content-Type") == CONTENT_TYPE:
        return response
    code, detail = GENERAL.get(response.status_code, ("error", response.reason_phrase))
    answer = problem_response(response.status_code, code, detail)
    for name in ("Allow", "Retry-After", "WWW-Authenticate"):
        if name in response.headers:
            answer.headers[name] = response.headers[name]
    return answer
