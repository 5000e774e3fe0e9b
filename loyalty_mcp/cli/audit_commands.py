"""The commands of the audit trail: show it, and verify its chain."""

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from loyalty_mcp.cli.help_pages import GroupWithSettings
from loyalty_mcp.cli.intent_ids import SHORTEST_PREFIX, intent_named
from loyalty_mcp.cli.options import settings_options
from loyalty_mcp.cli.run_command import FOUND, as_json, run

if TYPE_CHECKING:
    from loyalty_mcp.server.bootstrap import Runtime


@click.group(cls=GroupWithSettings, invoke_without_command=True)
@settings_options
@click.pass_context
def audit(context: click.Context, flags: dict[str, Any]) -> None:
    """Show the audit trail, or verify that nobody has altered it.

    Example: loyalty-mcp audit verify
    """
    context.obj = flags
    if context.invoked_subcommand is None:
        context.invoke(show_audit, as_json=False, intent=None, tool=None, since=None)


@audit.command("show")
@click.option("--intent", default=None, help="Only this intent, by its id or a prefix of it.")
@click.option("--tool", default=None, help="Only this tool.")
@click.option("--since", default=None, help="Only from this time on, in ISO 8601 and UTC.")
@as_json
@click.pass_obj
def show_audit(
    flags: dict[str, Any],
    intent: str | None,
    tool: str | None,
    since: str | None,
    *,
    as_json: bool,
) -> None:
    """Show every guarded call with its outcome, and who was shown personal data, oldest first.

    Example: loyalty-mcp audit show --tool debit_points --since 2026-11-01
    """

    async def work(runtime: "Runtime") -> Any:
        journal = runtime.context.journal.open()
        only = None if intent is None else (await intent_named(journal, intent)).id
        return (await journal.trail(intent=only, tool=tool, since=since)).entries

    found = run(flags, work)
    if as_json:
        shown = [{**_entry(item), "details": json.loads(item.details)} for item in found]
        click.echo(json.dumps(shown, indent=2))
        return
    for item in found:
        who = f"{item.caller}  {item.tool}"
        intent = f"{item.intent[:SHORTEST_PREFIX]:{SHORTEST_PREFIX}}"
        click.echo(f"{item.number:6} {item.at[:19]} {item.step:12} {intent} {who}")
        click.echo(f"       {item.details}")
    if not found:
        click.echo("There are no entries.")


def _entry(item: Any) -> dict[str, Any]:
    names = ("number", "at", "intent", "step", "caller", "tool", "previous", "fingerprint")
    return {name: getattr(item, name) for name in names}


@audit.command()
@as_json
@click.pass_obj
def verify(flags: dict[str, Any], *, as_json: bool) -> None:
    """Verify the chain of the audit trail; exit code 1 if an entry was altered, removed or moved.

    Example: loyalty-mcp audit verify
    """
    from loyalty_mcp.intents.audit_trail import broken  # noqa: PLC0415 - only needed here

    async def work(runtime: "Runtime") -> Any:
        return await runtime.context.journal.open().trail()

    trail = run(flags, work)
    entries, problems = trail.entries, broken(trail)
    if as_json:
        click.echo(json.dumps({"entries": len(entries), "problems": problems}, indent=2))
    elif problems:
        click.echo("\n".join(f"Broken: {problem}." for problem in problems))
    else:
        click.echo(f"{len(entries)} entries, whole.")
    if problems:
        sys.exit(FOUND)
