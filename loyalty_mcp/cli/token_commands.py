"""The commands for tokens: create, list and revoke."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from loyalty_mcp.cli.help_pages import GroupWithSettings
from loyalty_mcp.cli.options import settings_options
from loyalty_mcp.cli.run_command import as_json, run
from loyalty_mcp.errors import UnknownReference
from loyalty_mcp.intents.roles import Role, is_known

if TYPE_CHECKING:
    from loyalty_mcp.intents.access_token import Token
    from loyalty_mcp.server.bootstrap import Runtime

ROLES = [role.value for role in Role]


class Moment(click.ParamType[datetime]):
    """A date and time in ISO 8601; UTC if it has no time zone."""

    name = "ISO"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:
        """The date and time that a text denotes."""
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            self.fail("give a moment such as 2027-01-31 or 2027-01-31T12:00:00Z", param, ctx)
        return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


@click.group(cls=GroupWithSettings, invoke_without_command=True)
@settings_options
@click.pass_context
def token(context: click.Context, flags: dict[str, Any]) -> None:
    """Create, list and revoke the tokens of HTTP callers.

    Example: loyalty-mcp token create --name shop --role support
    """
    context.obj = flags
    if context.invoked_subcommand is None:
        context.invoke(list_tokens, as_json=False)


@token.command()
@click.option("--name", required=True, help="The holder, as named in the audit trail.")
@click.option("--role", required=True, type=click.Choice(ROLES), help="The role of its holder.")
@click.option("--member", default=None, help="The only member its holder can reach.")
@click.option("--expires", default=None, type=Moment(), help="When it expires.")
@click.option("--operator", is_flag=True, help="Let its holder approve others' intents.")
@click.pass_obj
def create(
    flags: dict[str, Any],
    name: str,
    role: str,
    member: str | None,
    expires: datetime | None,
    *,
    operator: bool,
) -> None:
    """Create a token and print it once; only its digest is stored.

    Example: loyalty-mcp token create --name till-3 --role support --expires 2027-01-31
    """
    from loyalty_mcp.intents.access_token import Token, digest_of, new_secret, validate_token  # noqa: PLC0415 - only needed here

    secret = new_secret()

    async def work(runtime: "Runtime") -> None:
        now = runtime.context.now()
        made = Token(name, digest_of(secret), role, member or None, operator, now, expires)
        await runtime.context.journal.open().tokens.add(validate_token(made, now))

    run(flags, work)
    click.echo(secret)


@token.command("list")
@as_json
@click.pass_obj
def list_tokens(flags: dict[str, Any], *, as_json: bool) -> None:
    """List the tokens, without their secrets.

    Example: loyalty-mcp token list --json
    """

    async def work(runtime: "Runtime") -> "list[dict[str, Any]]":
        now = runtime.context.now()
        return [_shown(item, now) for item in await runtime.context.journal.open().tokens.all()]

    found = run(flags, work)
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for item in found:
        member = f" member {item['member']}" if item["member"] else ""
        operator = " operator" if item["operator"] else ""
        until = f" until {item['expires_at']}" if item["expires_at"] else ""
        click.echo(f"{item['name']:24} {item['state']:8} {item['role']}{member}{operator}{until}")
    if not found:
        click.echo("There are no tokens.")


@token.command()
@click.argument("name")
@click.pass_obj
def revoke(flags: dict[str, Any], name: str) -> None:
    """Revoke a token permanently; every replica refuses it within a second.

    Example: loyalty-mcp token revoke till-3
    """

    async def work(runtime: "Runtime") -> None:
        if not await runtime.context.journal.open().tokens.revoke(name, runtime.context.now()):
            raise UnknownReference("No token of that name holds; `token list` names them.")

    run(flags, work)
    click.echo(f"Revoked {name}.", err=True)


def _shown(item: "Token", now: datetime) -> dict[str, Any]:
    expired = item.expires_at is not None and now >= item.expires_at
    state = "revoked" if item.revoked_at is not None else "expired" if expired else "holds"
    if not is_known(item.role):
        state = "unknown role"
    return {
        "name": item.name,
        "role": item.role,
        "member": item.member,
        "operator": item.operator,
        "state": state,
        "created_at": item.created_at.isoformat(),
        "expires_at": None if item.expires_at is None else item.expires_at.isoformat(),
    }
