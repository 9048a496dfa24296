"""The API itself: its routers are named in the settings, its OpenAPI document lists every answer."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema

from agency.api.problems import CONTENT_TYPE, GENERAL, Problem, install, problem_response

ERRORS = {
    400: "The request could not be read",
    401: "No token, or one that has ended",
    403: "The token lacks the scope, or its person the permission",
    404: "No such record, or not visible",
    409: "Not possible now; nothing was changed",
    413: "Too large",
    422: "Some part of the request is wrong",
    429: "Too many requests; see Retry-After",
}
DESCRIPTION = """Programs act through tokens (`Authorization: Bearer …`), issued in the admin, each with scopes and clients.
Every error is a problem document (RFC 9457). Lists are paged by cursor. Every POST that creates or starts something needs an
`Idempotency-Key`: repeating it within seven days is safe."""


class Api(NinjaAPI):
    """Ninja's API with problem documents in its schema."""

    def get_openapi_schema(self, *, path_prefix: str | None = None, path_params: Any = None) -> OpenAPISchema:
        schema = super().get_openapi_schema(path_prefix=path_prefix, path_params=path_params)
        schema["components"].setdefault("schemas", {})["Problem"] = _inlined(Problem.model_json_schema())
        reference = {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        for path in schema["paths"].values():
            for operation in path.values():
                for status, text in ERRORS.items():
                    operation["responses"].setdefault(status, {"description": text, "content": reference})
        return schema


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    field = schema.pop("$defs")["FieldProblem"]
    schema["properties"]["errors"]["items"] = field
    return schema


api = Api(
    title="Batuta",
    version="1",
    description=DESCRIPTION,
    urls_namespace="api",
    openapi_url=None,
    docs_url=None,
    servers=[],
)
install(api)
for _tag, _router in settings.API_ROUTERS.items():
    api.add_router("", _router, tags=[_tag])


def openapi(request: HttpRequest) -> JsonResponse:
    """The OpenAPI document."""
    return JsonResponse(api.get_openapi_schema(path_prefix="/api/v1/"))


def unknown(request: HttpRequest, rest: str) -> Any:
    """Any other address below /api/."""
    return problem_response(404, *GENERAL[404])
