"""Requests made up from the OpenAPI document: whatever it allows is answered properly."""

import asyncio
from collections.abc import Iterator
from functools import partial
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loyalty_mcp.sandbox.api import openapi
from loyalty_mcp.sandbox.api.routes import ENDPOINTS
from loyalty_mcp.sandbox.app import create_app
from loyalty_mcp.sandbox.settings import SandboxSettings
from tests.sandbox.conftest import CONFIG, Json, StillClock

DOCUMENT = openapi.document(ENDPOINTS)
OPERATIONS = [
    (method.upper(), path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]
MOMENTS = ["2026-03-10T12:00:00Z", "2026-12-31T23:59:59.999+14:00", "1901-01-01T00:00:00Z"]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


class World:
    """A seeded engine, a loop to speak to it, and the ids that its objects have."""

    def __init__(self) -> None:
        self.app = create_app(SandboxSettings(rate_limit=0), clock=StillClock())
        self.runner = asyncio.Runner()
        self.http = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=self.app),
            base_url="http://sandbox",
            headers={"api-key": "any"},
        )
        pid = self.send("GET", CONFIG).json()["items"][0]["id"]
        offer = f"/v3/loyalty/offer/programs/{pid}"
        found = [
            self.send("GET", f"/v3/loyalty/balance/programs/{pid}/balance-definitions"),
            self.send("GET", f"/v3/loyalty/tier/programs/{pid}/tier-groups"),
            self.send("GET", f"/v3/loyalty/tier/programs/{pid}/tiers"),
            self.send("GET", f"{offer}/offers"),
            self.send("GET", f"{offer}/vouchers", params={"contactId": 103}),
        ]
        self.pid = pid
        self.ids = sorted({pid, *(each for answer in found for each in _ids(answer.json()))})

    def send(self, method: str, path: str, **parts: Any) -> httpx2.Response:
        """Send a request."""
        return self.runner.run(self.http.request(method, path, **parts))

    def close(self) -> None:
        """Let everything go."""
        self.runner.run(self.http.aclose())
        self.runner.close()
        self.app.state.store.close()


def _ids(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("id", "tierId") and isinstance(inner, str):
                yield inner
            yield from _ids(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _ids(inner)


def allowed(schema: Json, ids: list[str]) -> st.SearchStrategy[Any]:
    """Values that a schema allows, with ids that exist among them."""
    make = partial(allowed, ids=ids)
    if "$ref" in schema:
        return make(DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    if "anyOf" in schema:
        return st.one_of([make(each) for each in schema["anyOf"]])
    if "enum" in schema or "const" in schema:
        return st.sampled_from(schema.get("enum") or [schema["const"]])
    kind = schema.get("type")
    if kind == "object" and "properties" in schema:
        required = set(schema.get("required", ()))
        fields = {name: make(each) for name, each in schema["properties"].items()}
        return st.fixed_dictionaries(
            {name: each for name, each in fields.items() if name in required},
            optional={name: each for name, each in fields.items() if name not in required},
        )
    if kind == "array":
        return st.lists(make(schema["items"]), min_size=schema.get("minItems", 0), max_size=3)
    if kind == "integer":
        low: int = schema["minimum"] if "minimum" in schema else schema.get("exclusiveMinimum", -5)
        high: int = schema.get("maximum", 10**20)
        near = st.integers(low, min(low + 120, high))
        return near | st.integers(max(low, 0), high) | st.sampled_from([101, 103, 108])
    simple: dict[str | None, st.SearchStrategy[Any]] = {
        "number": st.integers(-500, 500) | st.floats(-1e6, 1e6).map(lambda each: round(each, 2)),
        "boolean": st.booleans(),
        "null": st.none(),
        "object": st.dictionaries(st.text(max_size=5), ANYTHING, max_size=3),
        "string": _texts(schema, ids),
    }
    return simple.get(kind, ANYTHING)


def _texts(schema: Json, ids: list[str]) -> st.SearchStrategy[str]:
    if schema.get("format") == "uuid":
        return st.sampled_from(ids) | st.uuids().map(str)
    if schema.get("format") == "date-time":
        return st.sampled_from(MOMENTS)
    return st.text(max_size=min(schema.get("maxLength", 40), 40)) | st.sampled_from(
        ["coffee", "31/12", "31/12/2026", "https://img.example/x.png", *MOMENTS]
    )


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    OPERATIONS,
    ids=[operation["operationId"] for _, _, operation in OPERATIONS],
)
def test_whatever_is_allowed_is_answered(method: str, path: str, operation: Json) -> None:
    """No 500, every error in one shape, every success with a declared status."""
    world = World()
    schemas = {each["name"]: each for each in operation["parameters"]}
    places = {
        name: st.just(world.pid) if name == "pid" else allowed(each["schema"], world.ids)
        for name, each in schemas.items()
        if each["in"] == "path"
    }
    words = {
        name: allowed(each["schema"], world.ids)
        for name, each in schemas.items()
        if each["in"] == "query"
    }
    needed = {name for name in words if schemas[name]["required"]}
    query = st.fixed_dictionaries(
        {name: words[name] for name in needed},
        optional={name: each for name, each in words.items() if name not in needed},
    )
    body: st.SearchStrategy[Any] = st.none()
    if "requestBody" in operation:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        body = allowed(schema, world.ids)

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.fixed_dictionaries(places), query, body)
    def answered(place: dict[str, Any], asked: dict[str, Any], sent: Any) -> None:
        url = path
        for name, value in place.items():
            url = url.replace(f"{{{name}}}", quote(str(value), safe=""))
        spelled = {
            name: str(value).lower() if isinstance(value, bool) else value
            for name, value in asked.items()
        }
        answer = world.send(method, url, json=sent, params=spelled)

        assert answer.status_code < 500, answer.text
        if answer.is_success:
            assert str(answer.status_code) in operation["responses"]
        else:
            assert answer.json().keys() == {"code", "message"}

    answered()
    world.close()
