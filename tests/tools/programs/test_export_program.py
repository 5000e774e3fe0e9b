"""export_program: an existing program as a spec."""

from tests.tools.programs.conftest import CallerSession


async def test_the_plan_of_an_export_is_empty(seeded: CallerSession) -> None:
    """A program is as its own export describes it."""
    spec = await seeded.exported("VIP Club")
    answer = await seeded.call("plan_program", spec=spec)

    assert answer["empty"] is True
    assert {change["action"] for change in answer["changes"]} == {"keep"}


async def test_an_unknown_program_cannot_be_exported(seeded: CallerSession) -> None:
    """The error names the nearest program."""
    answer = await seeded.answer("export_program", program="VIP Clubb")

    assert answer.failed
    assert '"VIP Club"' in answer.text


async def test_a_program_with_two_balances_of_one_name_cannot_be_exported(
    session: CallerSession,
) -> None:
    """Names identify the parts of a spec, so two of one name are refused."""
    made = await session.call("create_program", name="Twins")
    program = made["result"]["id"]
    for _ in range(2):
        await session.call("create_balance_definition", program=program, name="P", unit="POINTS")

    answer = await session.answer("export_program", program="Twins")

    assert answer.failed
    assert 'balance "P" is given twice' in answer.text
