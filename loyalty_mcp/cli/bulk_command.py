"""The command `bulk`: carry out a file of rows, with preview, typed total and result file."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from loyalty_mcp.cli.help_pages import CommandWithSettings
from loyalty_mcp.cli.options import settings_options
from loyalty_mcp.cli.run_command import FOUND, run

if TYPE_CHECKING:
    from loyalty_mcp.intents.lifecycle import Intent
    from loyalty_mcp.server.bootstrap import Runtime
    from loyalty_mcp.server.dispatcher import Answer

ACTIONS: Final = ("credit", "debit", "enroll", "assign_tier")
TOOL: Final = "bulk_change"


@click.command(cls=CommandWithSettings)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE")
@settings_options
@click.option(
    "--action", required=True, type=click.Choice(ACTIONS), help="The change to make for each row."
)
@click.option("--balance", default=None, help="The balance, if there are several.")
@click.option("--reason", default=None, help="The reason for rows without one.")
@click.option("--resume", is_flag=True, help="Continue this file where it stopped.")
def bulk(flags: dict[str, Any], file: Path, *, resume: bool, **arguments: Any) -> None:
    """Credit, debit, enrol or assign a tier to up to 500 members, from a CSV file.

    The first line names the columns: member, amount, tier, order_id, reason. A person agrees by
    typing the total. The outcome of each row is written to FILE.result.csv.

    Example: loyalty-mcp bulk gifts.csv --action credit --reason "Spring gift"
    """
    if flags.get("confirm") != "operator":
        flags["confirm"] = "dialog"
    # Someone at a terminal may take as long as the preview is valid.
    flags.setdefault("dialog_timeout", "600")

    async def work(runtime: "Runtime") -> bool:
        return await carry_out_file(runtime, file, arguments, resume=resume)

    if not run(flags, work):
        sys.exit(FOUND)


async def carry_out_file(
    runtime: "Runtime", file: Path, given: dict[str, Any], *, resume: bool
) -> bool:
    """Preview the rows of a file, ask the person, and carry out the rows that are left.

    Returns:
        whether every row was carried out.

    Raises:
        Refused: it was started before and not finished, or there is nothing to resume.
        InvalidArgument: a row cannot be read.
    """
    from loyalty_mcp.cli.bulk_file import check_rows, read_rows  # noqa: PLC0415 - only needed here
    from loyalty_mcp.errors import Refused  # noqa: PLC0415 - only needed here

    tool = runtime.dispatcher.tools.get(TOOL)
    if tool is None:
        raise Refused("The role of this server has no bulk_change; give --role support or full.")
    arguments = {name: value for name, value in given.items() if value is not None}
    arguments["rows"] = read_rows(file)
    check_rows(tool, arguments)
    begun = await _begun_before(runtime, arguments)
    if resume:
        if begun is None:
            raise Refused("This file with these options is not under way; leave out --resume.")
        return await _carry_out(runtime, file, {**arguments, "confirmation": begun.id})
    if begun is not None:
        raise Refused(
            f"This file was begun on {begun.created_at:%Y-%m-%d %H:%M} UTC and is not finished; "
            "give --resume to continue with what is left."
        )
    return await _carry_out(runtime, file, arguments)


async def _begun_before(runtime: "Runtime", arguments: dict[str, Any]) -> "Intent | None":
    """The unfinished batch with the same file and options, if there is one."""
    from loyalty_mcp.guard.confirmation import Call, Caller  # noqa: PLC0415 - only needed here

    context, tool = runtime.context, runtime.dispatcher.tools[TOOL]
    name = _caller_name(runtime)
    call = Call(tool, tool.validated(arguments), Caller(name, can_ask=True))
    digest, now = call.digest(context.account), context.now()
    found = await context.journal.open().find(states=("proposed", "approved"), limit=10_000)
    return next(
        (
            intent
            for intent in found
            if (intent.digest, intent.caller) == (digest, name)
            and now < intent.expires_at
            and (intent.state == "approved" or intent.route == "operator")
        ),
        None,
    )


def _caller_name(runtime: "Runtime") -> str:
    from loyalty_mcp.intents.principal import local  # noqa: PLC0415 - only needed here

    return local(runtime.settings).name


async def _carry_out(runtime: "Runtime", file: Path, arguments: dict[str, Any]) -> bool:
    """Carry out the batch, report to the person, and write the result file."""
    from loyalty_mcp.cli.bulk_file import result_file, write_results  # noqa: PLC0415 - only needed here
    from loyalty_mcp.tools.bulk.batch_result import BatchResult  # noqa: PLC0415 - only needed here

    answer = await _answer(runtime, arguments)
    click.echo(answer.text)
    found = answer.structured or {}
    if "result" not in found:
        waits = found.get("status") == "waiting_for_operator"
        if waits:
            click.echo("Once an operator has approved it, run this again with --resume.")
        return False
    result = BatchResult.model_validate(found["result"])
    results = result_file(file)
    write_results(results, result.rows)
    click.echo(f"What became of each row is in {results}.")
    if result.left:
        click.echo("Run this again with --resume to go on.")
    return result.done == len(result.rows)


async def _answer(runtime: "Runtime", arguments: dict[str, Any]) -> "Answer":
    """The answer of the tool after the person has typed the total."""
    from loyalty_mcp.cli.progress_bar import progress_bar  # noqa: PLC0415 - only needed here
    from loyalty_mcp.guard.confirmation import Caller, Reaction  # noqa: PLC0415 - only needed here
    from loyalty_mcp.server.dispatcher import Dialog  # noqa: PLC0415 - only needed here

    dispatcher = runtime.dispatcher
    caller = Caller(_caller_name(runtime), can_ask=True)
    with progress_bar():
        outcome = await dispatcher.call(TOOL, arguments, caller)
    while isinstance(outcome, Dialog):
        click.echo(outcome.message)
        expected = await _what_to_type(runtime, outcome.intent)
        typed = click.prompt(f"Type {expected} to agree", default="", show_default=False)
        reaction = Reaction(agreed=True, typed=typed)
        if not reaction.matches(expected):
            reaction = Reaction(agreed=False, why_not=f"{expected} was not typed")
        with progress_bar():
            outcome = await dispatcher.resume(TOOL, arguments, caller, outcome, reaction)
    return outcome


async def _what_to_type(runtime: "Runtime", intent_id: str) -> str:
    """The total of the batch, or its number of rows if no points move."""
    intent = await runtime.context.journal.open().get(intent_id)
    after: dict[str, Any] = {} if intent is None else dict(intent.preview.after)
    return f"{after.get('total') or after.get('rows')}"
