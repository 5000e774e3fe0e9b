"""Every read answers in words that stand alone: one reviewed text for each tool."""

import asyncio
import os
import re
from collections.abc import Callable
from typing import Any, Final

import pytest

from loyalty_mcp.guard.confirmation import Caller
from loyalty_mcp.intents.principal import LOCAL
from loyalty_mcp.server.bootstrap import Runtime
from loyalty_mcp.server.dispatcher import Answer
from loyalty_mcp.tools.registry import TOOLS
from tests.conftest import SandboxControl
from tests.tools.answers.samples import TEXTS, Beginning, beginning_of_samples, sample_of, text_file

UPDATE: Final = "UPDATE_SNAPSHOTS"
WITH_A_SPEC: Final = {"export_program", "plan_program", "apply_program"}
"""What they say holds a program spec, or an example of one."""

Call = Callable[..., Any]


@pytest.fixture
def call(make_runtime: Callable[..., Runtime]) -> Call:
    """Calls a tool on one server that stays."""
    made: dict[str, Runtime] = {}

    async def called(tool: str, role: str = "full", **arguments: Any) -> Answer:
        flags = {"role": role, **({"member": "103"} if role == "member" else {})}
        runtime = made.setdefault(role, make_runtime(**flags))
        answer = await runtime.dispatcher.call(tool, arguments, Caller(LOCAL, can_ask=False))
        assert isinstance(answer, Answer)
        return answer

    return called


@pytest.fixture(scope="session")
def beginning_of_all() -> Beginning:
    """The sandbox of all samples, made once."""
    return asyncio.run(beginning_of_samples())


@pytest.mark.parametrize("name", TOOLS)
async def test_text(beginning_of_all: Beginning, name: str) -> None:
    """What a tool says is as it was reviewed; UPDATE_SNAPSHOTS=1 writes it anew."""
    found = (await sample_of(name, beginning_of_all)).text
    file = text_file(name)
    if os.environ.get(UPDATE):
        file.parent.mkdir(exist_ok=True)
        file.write_text(found, encoding="utf-8")

    assert found == file.read_text(encoding="utf-8")


def test_no_text_is_left_over() -> None:
    """Every text belongs to a tool."""
    assert sorted(file.stem for file in TEXTS.iterdir()) == sorted(TOOLS)


@pytest.mark.parametrize("name", TOOLS)
def test_no_text_is_a_dump(name: str) -> None:
    """A text has words: no field names, no raw objects, nothing that stays as it is."""
    text = text_file(name).read_text(encoding="utf-8")

    if name not in WITH_A_SPEC:
        assert re.findall(r"\b[a-z]+_[a-z_]+: ", text) == []
        assert "{" not in text
    assert re.findall(r"(\S+) → \1[ .;]", text) == []


# Vouchers


@pytest.fixture
async def code(control: SandboxControl) -> str:
    """The code of the voucher that member 103 has used."""
    program = await control.program()
    found = await control.get(f"/v3/loyalty/offer/programs/{program}/vouchers?contactId=103")
    return str(next(v["code"] for v in found["contactRewards"] if v.get("consumedAt")))


async def test_a_used_voucher_says_when_it_was_used(call: Call, code: str) -> None:
    """A voucher that cannot be redeemed is told with its code and the reason."""
    answer = await call("validate_voucher", code=code, member="103")

    assert not answer.failed
    assert re.search(rf'Cannot be redeemed: "{code}" was used on \d{{4}}-\d\d-\d\d\.$', answer.text)


@pytest.mark.parametrize("spelled", ["{}", " {} ", "{lower}", "{dashed}"])
async def test_a_code_is_found_however_it_is_spelled(call: Call, code: str, spelled: str) -> None:
    """Blanks, dashes and case do not matter among the member's own vouchers."""
    given = spelled.format(code, lower=code.lower(), dashed=f"{code[:2]}-{code[2:]}")

    answer = await call("validate_voucher", code=given, member="103")

    assert answer.structured["code"] == code
    assert "was used on" in answer.text


async def test_an_unknown_code_is_no_voucher(call: Call) -> None:
    """A code that nobody has is answered in one sentence."""
    answer = await call("validate_voucher", code="NONE", member="103")

    assert answer.failed
    assert answer.text == (
        "[sandbox] No voucher has that code. list_vouchers shows what a member holds."
    )


async def test_a_member_is_shown_no_ids(call: Call) -> None:
    """Ids of transactions and vouchers are for those who can do something with them."""
    uuid = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}")
    for name in ("list_vouchers", "list_transaction_history"):
        assert uuid.search((await call(name, role="support", member="103")).text), name
        assert not uuid.search((await call(name, role="member")).text), name


async def test_a_long_list_says_how_to_go_on(call: Call) -> None:
    """A page that is not the last says where the next begins."""
    answer = await call("list_contact_balances", limit=3, offset=3)

    assert answer.text.endswith("2 more: call again with offset 6.")


async def test_an_answer_does_not_need_its_names(call: Call, control: SandboxControl) -> None:
    """Where names cannot be read now, the facts are told all the same."""
    program = await control.program()
    path = f"/v3/loyalty/offer/programs/{program}/offers"
    fault = {"path": path, "kind": "refuse_before", "status": 403, "times": 9}
    await control.post("/sandbox/faults", {"faults": [fault]})

    answer = await call("list_vouchers", member="103")

    assert not answer.failed
    assert "TEN-C45CC7" in answer.text
