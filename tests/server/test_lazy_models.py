"""Models are built on first use, whether or not pydantic has its private switch."""

import pytest
from pydantic import BaseModel, TypeAdapter

from loyalty_mcp.server import lazy_models
from loyalty_mcp.server.lazy_models import built_on_first_use


@pytest.mark.parametrize("switch", [lazy_models.ADAPTER_SWITCH, "_renamed_by_pydantic"])
def test_models_are_built_on_first_use(monkeypatch: pytest.MonkeyPatch, switch: str) -> None:
    """What is defined inside works when it is used; what is defined after it is built at once."""
    monkeypatch.setattr(lazy_models, "ADAPTER_SWITCH", switch)
    before = dict(BaseModel.model_config), dict(vars(TypeAdapter))
    with built_on_first_use():

        class Inside(BaseModel):
            value: int

        adapter = TypeAdapter(list[Inside])

    class After(BaseModel):
        value: int

    assert not Inside.__pydantic_complete__
    assert After.__pydantic_complete__
    assert adapter.validate_python([{"value": 1}]) == [Inside(value=1)]
    assert (dict(BaseModel.model_config), dict(vars(TypeAdapter))) == before
