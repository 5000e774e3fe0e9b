import json
from pathlib import Path

from tests.sandbox.conftest import Sandbox

OPERATIONS = json.loads(
    (Path(__file__).parents[2] / "contract" / "operations.json").read_text("utf-8")
)
AROUND = {
    ("GET", "/account"),
    ("GET", "/contacts"),
    ("POST", "/contacts"),
    ("GET", "/contacts/{identifier}"),
    ("DELETE", "/contacts/{identifier}"),
}
"""What goes with the Loyalty API: the account, and finding a member."""

DEFINITIONS = "/loyalty/config/programs/{pid}/balance-definitions"
GROUPS = "/loyalty/config/programs/{pid}/tier-groups"
GUIDE = {
    ("GET", DEFINITIONS),
    ("POST", DEFINITIONS),
    ("PUT", f"{DEFINITIONS}/{{bdid}}"),
    ("GET", GROUPS),
    ("POST", GROUPS),
}
"""The paths of the setup guide."""


async def test_all_operations_are_described(sandbox: Sandbox) -> None:
    """The document holds the 50 loyalty operations, the guide's paths and what goes with them."""
    document = await sandbox.get("/sandbox/openapi.json")
    described = {
        (method.upper(), path.removeprefix("/v3"))
        for path, methods in document["paths"].items()
        for method in methods
    }

    assert document["openapi"] == "3.1.0"
    assert described == {(each["method"], each["path"]) for each in OPERATIONS} | AROUND | GUIDE


async def test_references_lead_somewhere(sandbox: Sandbox) -> None:
    """Every reference of the document names a schema that is in it."""
    document = await sandbox.get("/sandbox/openapi.json")
    text = json.dumps(document)
    names = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}

    assert names <= document["components"]["schemas"].keys()
    assert "Problem" in names


async def test_operations_carry_ids_and_parameters(sandbox: Sandbox) -> None:
    """Operation ids are unique; path and query parameters are described with their bounds."""
    document = await sandbox.get("/sandbox/openapi.json")
    operations = [each for path in document["paths"].values() for each in path.values()]
    vouchers = document["paths"]["/v3/loyalty/offer/programs/{pid}/vouchers"]["get"]
    parameters = {each["name"]: each for each in vouchers["parameters"]}

    assert len({each["operationId"] for each in operations}) == len(operations)
    assert parameters["pid"]["in"] == "path"
    assert parameters["contactId"]["required"]
    assert parameters["limit"]["schema"] == {
        "default": 25,
        "maximum": 100,
        "minimum": 1,
        "type": "integer",
    }
