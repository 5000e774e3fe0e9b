"""The bundle and the registry entry are valid and correct, and the packed bundle runs."""

import json
import re
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from mcp import Client, StdioServerParameters

from loyalty_mcp.settings import Settings, read_settings, variable_of
from tests.conftest import Connect
from tests.docs.documents import ROOT
from tests.docs.packages import clone, uv
from tests.node_tools import run

MANIFEST: Final = json.loads((ROOT / "manifest.json").read_text(encoding="utf-8"))
ENTRY: Final = json.loads((ROOT / "server.json").read_text(encoding="utf-8"))
PLACE: Final = re.compile(r"\$\{user_config\.(\w+)\}")


async def test_the_manifest_lists_the_tools(connect: Connect) -> None:
    """The tools and their texts are those of tools/list, in both eras."""
    async with connect() as client:
        listed = (await client.list_tools()).tools

    assert MANIFEST["tools"] == [
        {"name": tool.name, "description": tool.description} for tool in listed
    ]


async def test_the_manifest_lists_the_prompts(connect: Connect) -> None:
    """The prompts are those of prompts/list, and each text has a place for each argument."""
    async with connect() as client:
        listed = (await client.list_prompts()).prompts

    assert [
        (item["name"], item["description"], item["arguments"]) for item in MANIFEST["prompts"]
    ] == [
        (prompt.name, prompt.description, [argument.name for argument in prompt.arguments or ()])
        for prompt in listed
    ]
    for item in MANIFEST["prompts"]:
        assert set(re.findall(r"\$\{arguments\.(\w+)\}", item["text"])) == set(item["arguments"])


def test_the_manifest_is_of_its_version() -> None:
    """Manifest 0.4, started by uv, for all platforms."""
    assert MANIFEST["manifest_version"] == "0.4"
    assert MANIFEST["server"]["type"] == "uv"
    assert (ROOT / MANIFEST["server"]["entry_point"]).exists()
    assert MANIFEST["compatibility"]["platforms"] == ["darwin", "win32", "linux"]


def filled(given: Mapping[str, Any]) -> dict[str, str]:
    """The environment that a host creates from a person's input."""
    defaults = {name: option["default"] for name, option in MANIFEST["user_config"].items()}
    values = {
        name: json.dumps(value) if isinstance(value, bool) else str(value)
        for name, value in {**defaults, **given}.items()
    }
    environment = MANIFEST["server"]["mcp_config"]["env"]
    return {
        variable: PLACE.sub(lambda found: values[found[1]], place)
        for variable, place in environment.items()
    }


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"api_key": "k", "program": "VIP Club", "read_only": True},
        {"role": "member", "member": "101", "confirm": "operator"},
    ],
)
def test_what_a_person_gives_is_read(
    given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without input, everything has its default; input is passed on."""
    for name, value in filled(given).items():
        monkeypatch.setenv(name, value)
    settings = read_settings()

    assert settings.sandbox == ("api_key" not in given)
    assert settings.role == given.get("role", "full")
    assert settings.program == given.get("program")
    assert settings.confirm == given.get("confirm", "ask")
    assert settings.read_only == given.get("read_only", False)


def test_the_key_alone_is_sensitive() -> None:
    """Hosts store it separately; each variable is one of our settings."""
    asked = MANIFEST["user_config"]

    assert [name for name, option in asked.items() if option.get("sensitive")] == ["api_key"]
    assert set(MANIFEST["server"]["mcp_config"]["env"]) == {variable_of(name) for name in asked}
    assert set(asked) <= set(Settings.model_fields)


def test_the_icon_is_a_square_of_512() -> None:
    """Hosts require this size."""
    content = (ROOT / MANIFEST["icon"]).read_bytes()

    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", content[16:24]) == (512, 512)


SERVER_FIELDS: Final = {
    *("$schema", "name", "title", "description", "version", "websiteUrl", "repository"),
    *("icons", "packages", "remotes", "_meta"),
}
PACKAGE_FIELDS: Final = {
    *("registryType", "registryBaseUrl", "identifier", "version", "fileSha256", "runtimeHint"),
    *("transport", "runtimeArguments", "packageArguments", "environmentVariables"),
}
VARIABLE_FIELDS: Final = {
    *("name", "description", "isRequired", "isSecret", "format", "default", "placeholder"),
    *("choices", "value", "variables"),
}
"""The fields in the schema of 2025-12-11."""


def test_the_entry_is_valid() -> None:
    """It follows the schema of 2025-12-11: fields, lengths, patterns, values."""
    assert ENTRY["$schema"].endswith("/schemas/2025-12-11/server.schema.json")
    assert set(ENTRY) <= SERVER_FIELDS
    assert {"name", "description", "version"} <= set(ENTRY)
    assert re.fullmatch(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+", ENTRY["name"])
    assert 3 <= len(ENTRY["name"]) <= 200
    assert 1 <= len(ENTRY["description"]) <= 100
    assert 1 <= len(ENTRY["title"]) <= 100
    assert len(ENTRY["version"]) <= 255
    for package in ENTRY["packages"]:
        assert set(package) <= PACKAGE_FIELDS
        assert {"registryType", "identifier", "transport"} <= set(package)
        assert package["registryType"] in {"npm", "pypi", "oci", "nuget", "mcpb", "maven"}
        assert package["transport"] == {"type": "stdio"}
        assert re.fullmatch(r"[0-9][^\s,<>=^~*]*", package["version"])
        for variable in package["environmentVariables"]:
            assert set(variable) <= VARIABLE_FIELDS
            assert "name" in variable
            assert variable["format"] in {"string", "number", "boolean", "filepath"}
            assert isinstance(variable.get("default", ""), str)
            assert variable.get("default", "") in variable.get(
                "choices", [variable.get("default", "")]
            )


def test_the_entry_names_our_settings() -> None:
    """Each variable is a setting, and the key is the only secret."""
    (package,) = ENTRY["packages"]
    variables = {item["name"]: item for item in package["environmentVariables"]}

    assert set(variables) <= {variable_of(name) for name in Settings.model_fields}
    assert [name for name, item in variables.items() if item.get("isSecret")] == ["BREVO_API_KEY"]


def test_the_readme_proves_the_entry() -> None:
    """The registry looks for the name in the package's description."""
    assert f"<!-- mcp-name: {ENTRY['name']} -->" in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.slow
def test_the_manifest_passes_the_official_check() -> None:
    """`mcpb validate` reports no problem."""
    done = run("mcpb", "validate", str(ROOT / "manifest.json"))

    assert done.returncode == 0, done.stdout
    assert "Manifest schema validation passes!" in done.stdout
    assert "ERROR" not in done.stdout


@pytest.mark.slow
async def test_the_packed_bundle_runs_elsewhere(tmp_path: Path) -> None:
    """Unpacked elsewhere and started as by a host, it answers tools/list."""
    bundle, place = tmp_path / "bundle.mcpb", tmp_path / "unpacked"
    done = run("mcpb", "pack", str(clone(tmp_path / "source")), str(bundle))
    assert done.returncode == 0, done.stdout
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(place)
        names = archive.namelist()

    assert {name.split("/")[0] for name in names} == {
        *("manifest.json", "icon.png", "pyproject.toml", "loyalty_mcp"),
        *("README.md", "LICENSE", "CHANGELOG.md"),
    }
    config = MANIFEST["server"]["mcp_config"]
    arguments = [part.replace("${__dirname}", str(place)) for part in config["args"]]
    uv(*arguments, "--version")
    environment = {**filled({"role": "support"}), "XDG_STATE_HOME": str(tmp_path / "state")}
    parameters = StdioServerParameters(
        command=config["command"], args=arguments, env={**environment, "UV_OFFLINE": "1"}
    )
    async with Client(parameters) as client:
        listed = [tool.name for tool in (await client.list_tools()).tools]
        assert "debit_points" in listed
        assert set(listed) <= {tool["name"] for tool in MANIFEST["tools"]}
