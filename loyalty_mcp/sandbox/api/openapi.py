"""The engine's OpenAPI document, generated from its routes."""

import re
from collections.abc import Sequence
from typing import Any, Final

from pydantic.json_schema import JsonSchemaMode, models_json_schema

from loyalty_mcp.sandbox.api.endpoint import Endpoint, Json
from loyalty_mcp.sandbox.api.fields import Fields, NoBody

_REFERENCE: Final = "#/components/schemas/{model}"
_MODE: Final[JsonSchemaMode] = "validation"
_BOUNDS: Final = {"ge": "minimum", "le": "maximum"}
_UUID: Final = {"type": "string", "format": "uuid"}
_PATH: Final = {
    "cid": {"type": "integer", "minimum": 1},
    "identifier": {"type": "string", "minLength": 1},
}
_PROBLEM: Final = {
    "type": "object",
    "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
    "required": ["code", "message"],
    "additionalProperties": False,
}


def document(endpoints: Sequence[Endpoint]) -> Json:
    """Describe the endpoints of the API, without those of the control API."""
    served = [endpoint for endpoint in endpoints if endpoint.path.startswith("/v3/")]
    models: set[type[Fields]] = {model for each in served for model in (each.query, each.body)}
    ordered = sorted(models, key=lambda model: (model.__module__, model.__name__))
    schemas, definitions = models_json_schema(
        [(model, _MODE) for model in ordered], ref_template=_REFERENCE
    )
    named = {model: schemas[(model, _MODE)] for model in ordered}
    components = dict(definitions.get("$defs", {}))
    paths: dict[str, Json] = {}
    for endpoint in served:
        operation = _operation(endpoint, named, components)
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Loyalty sandbox",
            "version": "1",
            "description": "A local engine that speaks the Brevo Loyalty API.",
        },
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": {**components, "Problem": _PROBLEM},
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "api-key"}},
        },
    }


def _operation(
    endpoint: Endpoint, named: dict[type[Fields], Json], components: dict[str, Any]
) -> Json:
    answer = endpoint.answer
    described: Json = {
        "operationId": answer.__name__,
        "summary": (answer.__doc__ or "").strip().splitlines()[0],
        "tags": [answer.__module__.rpartition(".")[2]],
        "parameters": [
            *_path_parameters(endpoint.path),
            *_query_parameters(_resolved(named[endpoint.query], components)),
        ],
        "responses": {
            **_successes(endpoint),
            "default": {
                "description": "Refused.",
                "content": _json({"$ref": _REFERENCE.format(model="Problem")}),
            },
        },
    }
    if endpoint.body is not NoBody:
        described["requestBody"] = {"required": True, "content": _json(named[endpoint.body])}
    return described


def _successes(endpoint: Endpoint) -> Json:
    empty = {"description": "Done."}
    filled = {"description": "Done.", "content": _json({"type": "object"})}
    if endpoint.answer.__annotations__["return"] is None:
        return {"204": empty}
    replies = {str(endpoint.status): filled}
    return {**replies, "204": empty} if endpoint.status == 201 else replies


def _path_parameters(path: str) -> list[Json]:
    return [
        {"name": name, "in": "path", "required": True, "schema": _PATH.get(name, _UUID)}
        for name in re.findall(r"{(\w+)}", path)
    ]


def _query_parameters(schema: Json) -> list[Json]:
    required = schema.get("required", ())
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "schema": _parameter(field),
        }
        for name, field in schema.get("properties", {}).items()
    ]


def _parameter(field: Json) -> Json:
    # A parameter that is not sent is absent, never null.
    kinds = [kind for kind in field.get("anyOf", ()) if kind != {"type": "null"}]
    field = kinds[0] if len(kinds) == 1 else field
    return {_BOUNDS.get(key, key): value for key, value in field.items() if key != "title"}


def _resolved(schema: Json, components: dict[str, Any]) -> Json:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: Json = components[reference.rpartition("/")[2]]
    return found


def _json(schema: Json) -> Json:
    return {"application/json": {"schema": schema}}
