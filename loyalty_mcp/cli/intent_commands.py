"""Commands for operators: list, approve, decline, close and reconcile intents."""

import getpass
import json
import sys
from typing import TYPE_CHECKING, Any

import click

from loyalty_mcp.cli.help_pages import GroupWithSettings
from loyalty_mcp.cli.intent_ids import intent_named
from loyalty_mcp.cli.options import settings_options
from loyalty_mcp.cli.run_command import FOUND, as_json, run
from loyalty_mcp.errors import Refused
from loyalty_mcp.tools.progress import reporting_to

if TYPE_CHECKING:
    from loyalty_mcp.intents.lifecycle import Intent
    from loyalty_mcp.server.bootstrap import Runtime


@click.group(cls=GroupWithSettings, invoke_without_command=True)
@settings_options
@click.pass_context
def intents(context: click.Context, flags: dict[str, Any]) -> None:
    """List intents, show one, approve or decline it, or determine its outcome.

    ID is the id of an intent, or at least its first eight characters.

    Example: loyalty-mcp intents approve 5f0c8e1d
    """
    context.obj = flags
    if context.invoked_subcommand is None:
        context.invoke(list_intents, as_json=False, state=())


@intents.command("list")
@click.option("--state", multiple=True, help="Only this state; can be repeated.")
@as_json
@click.pass_obj
def list_intents(flags: dict[str, Any], state: tuple[str, ...], *, as_json: bool) -> None:
    """List intents, newest first.

    Example: loyalty-mcp intents list --state unknown
    """

    async def work(runtime: "Runtime") -> "list[Intent]":
        states: Any = state or None
        stored = await runtime.context.journal.open().find(states=states)
        seen = [await _as_it_stands(runtime, item) for item in stored]
        return [item for item in seen if not state or item.state in state]

    found = run(flags, work)
    if as_json:
        click.echo(json.dumps([_shown(item) for item in found], indent=2))
        return
    for item in found:
        summary = item.preview.summary
        click.echo(f"{item.id}  {item.created_at:%Y-%m-%d %H:%M}  {item.state:12} {summary}")
    if not found:
        click.echo("There are no intents.")


@intents.command()
@click.argument("intent_id", metavar="ID")
@as_json
@click.pass_obj
def show(flags: dict[str, Any], intent_id: str, *, as_json: bool) -> None:
    """Show one intent: preview, caller, state and outcome.

    Example: loyalty-mcp intents show 5f0c8e1d
    """

    async def work(runtime: "Runtime") -> "Intent":
        return await _existing(runtime, intent_id)

    _print(_shown(run(flags, work)), as_json=as_json)


@intents.command()
@click.argument("intent_id", metavar="ID")
@as_json
@click.pass_obj
def approve(flags: dict[str, Any], intent_id: str, *, as_json: bool) -> None:
    """Approve an intent that waits for an operator; the assistant's repeated call carries it out.

    Example: loyalty-mcp intents approve 5f0c8e1d
    """
    _decide(flags, intent_id, "approved", as_json=as_json)


@intents.command()
@click.argument("intent_id", metavar="ID")
@as_json
@click.pass_obj
def decline(flags: dict[str, Any], intent_id: str, *, as_json: bool) -> None:
    """Decline an intent that nobody has agreed to yet. It can then never be carried out.

    Example: loyalty-mcp intents decline 5f0c8e1d
    """
    _decide(flags, intent_id, "declined", as_json=as_json)


def _decide(flags: dict[str, Any], intent_id: str, target: Any, *, as_json: bool) -> None:
    from loyalty_mcp.guard.operator_approval import decide  # noqa: PLC0415 - only needed here

    async def work(runtime: "Runtime") -> "Intent":
        intent = await intent_named(runtime.context.journal.open(), intent_id)
        operator = f"operator:{getpass.getuser()}"
        return await decide(runtime.context, intent.id, target, operator)

    decided = run(flags, work)
    _print(_shown(decided), as_json=as_json)
    if not as_json:
        click.echo(_what_happens_next(decided))


def _what_happens_next(intent: "Intent") -> str:
    """What the operator should know after a decision."""
    if intent.state == "approved":
        return (
            "Nothing has been sent yet. The assistant carries it out by repeating the same call "
            f"with this intent's id as confirmation, before {intent.expires_at:%Y-%m-%d %H:%M} UTC."
        )
    return "It can never be carried out. A new call of the assistant would be a new intent."


@intents.command()
@click.argument("intent_id", metavar="ID")
@click.option(
    "--as",
    "outcome",
    required=True,
    type=click.Choice(["applied", "not_applied"]),
    help="The outcome that you found out.",
)
@click.option("--why", required=True, help="How you know; recorded in the audit trail.")
@as_json
@click.pass_obj
def close(flags: dict[str, Any], intent_id: str, outcome: Any, why: str, *, as_json: bool) -> None:
    """Close an intent whose outcome no read can determine, with the outcome that you found out.

    Example: loyalty-mcp intents close 5f0c8e1d --as applied --why "Seen in Brevo's app"
    """
    from loyalty_mcp.guard.operator_approval import close_unknown  # noqa: PLC0415 - only needed here

    async def work(runtime: "Runtime") -> "Intent":
        intent = await _existing(runtime, intent_id)
        operator = f"operator:{getpass.getuser()}"
        return await close_unknown(runtime.context, intent.id, outcome, why, operator)

    _print(_shown(run(flags, work)), as_json=as_json)


@intents.command()
@as_json
@click.pass_obj
def reconcile(flags: dict[str, Any], *, as_json: bool) -> None:
    """Determine the outcome of every open change; exit code 1 if some stay unknown.

    Example: loyalty-mcp intents reconcile --json
    """

    async def work(runtime: "Runtime") -> "list[Intent]":
        if runtime.settings.sandbox:
            raise Refused(
                "An embedded sandbox lives only inside its server; set BREVO_API_KEY, and "
                "LOYALTY_MCP_BASE_URL for a sandbox of its own."
            )
        with reporting_to(_show_progress):
            return await runtime.context.reconciler.reconcile_all(runtime.context)

    found = run(flags, work)
    unknown = [item for item in found if item.state in {"sent", "unknown", "approved"}]
    if as_json:
        click.echo(json.dumps([_shown(item) for item in found], indent=2))
    else:
        for item in found:
            click.echo(f"{item.id}  {item.state:12} {item.preview.summary}")
        click.echo(f"{len(found) - len(unknown)} reconciled, {len(unknown)} still unknown.")
    if unknown:
        sys.exit(FOUND)


async def _show_progress(done: int, total: int, now: str) -> None:
    """Show progress on one line of the terminal; without a terminal, show nothing."""
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{done} of {total}: {now}", err=True, nl=False)
        if done + 1 >= total:
            click.echo("\r\x1b[K", err=True, nl=False)


async def _as_it_stands(runtime: "Runtime", intent: "Intent") -> "Intent":
    """The intent, expired first if its time is over and nothing was sent."""
    from loyalty_mcp.intents.lifecycle import lapsed  # noqa: PLC0415 - only needed here

    late = lapsed(intent, runtime.context.now())
    return await runtime.context.reconciler.reconcile(runtime.context, intent) if late else intent


async def _existing(runtime: "Runtime", intent_id: str) -> "Intent":
    found = await intent_named(runtime.context.journal.open(), intent_id)
    return await _as_it_stands(runtime, found)


def _shown(intent: "Intent") -> dict[str, Any]:
    from loyalty_mcp.tools.reports.check_intent import intent_view  # noqa: PLC0415 - only needed here

    view = intent_view(intent).model_dump(mode="json", exclude_none=True)
    return {**view, "state": intent.state, "route": intent.route, "caller": intent.caller}


def _print(facts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    for name, value in facts.items():
        click.echo(f"{name}: {value if isinstance(value, str) else json.dumps(value)}")
