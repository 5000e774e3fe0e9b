"""The containers of compose.yaml: hardened, and without secrets in their variables."""

import re
from typing import Final

import pytest
import yaml

from loyalty_mcp.settings import Settings, variable_of
from tests.docs.documents import ROOT

COMPOSE: Final = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_every_container_is_hardened(name: str) -> None:
    """Each has a read-only file system, no capabilities, no new privileges, and limits."""
    service = COMPOSE["services"][name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert not {"privileged", "cap_add", "network_mode", "pid"} & set(service)
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_containers_get_secrets_as_files(name: str) -> None:
    """No variable of a container contains a secret; the files that it names are its secrets."""
    service = COMPOSE["services"][name]
    files = {
        value.removeprefix("/run/secrets/")
        for variable, value in service.get("environment", {}).items()
        if variable.endswith("_FILE")
    }

    assert files == set(service.get("secrets", ()))
    assert files <= set(COMPOSE["secrets"])
    variables = {name for name in service.get("environment", {}) if not name.endswith("_FILE")}
    assert not [name for name in variables if re.search("KEY|SECRET|PASSWORD|DATABASE", name)]


def test_the_settings_of_the_containers_are_known() -> None:
    """Every variable of the service is a setting; PostgreSQL has no internet access and no port."""
    known = {variable_of(field) for field in Settings.model_fields}
    services = COMPOSE["services"]

    assert set(services["one"]["environment"]) <= known
    assert services["postgres"]["networks"] == services["sandbox"]["networks"] == ["inside"]
    assert COMPOSE["networks"]["inside"]["internal"] is True
    assert [name for name, service in services.items() if "ports" in service] == ["balancer"]
