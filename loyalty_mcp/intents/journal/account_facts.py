"""Facts about an account: how the API behaves for it, and which organization it belongs to."""

from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from loyalty_mcp.intents.journal.database import Database
from loyalty_mcp.intents.journal.rows import stored
from loyalty_mcp.intents.journal.tables import account_facts, accounts


class AccountFacts:
    """Facts by account and name, each with its latest value.

    Args:
        database: where they are stored.

    Every method raises JournalUnavailable if the database cannot be used.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self, account: str) -> dict[str, str]:
        """The facts of an account, by name."""
        query = select(account_facts.c.name, account_facts.c.value).where(
            account_facts.c.account == account
        )
        return await self._database.read(
            lambda connection: {str(name): str(value) for name, value in connection.execute(query)}
        )

    async def remember(self, account: str, name: str, value: str, at: datetime) -> None:
        """Store a fact, replacing its earlier value."""

        def work(connection: Connection) -> None:
            place = (account_facts.c.account == account) & (account_facts.c.name == name)
            connection.execute(delete(account_facts).where(place))
            connection.execute(
                insert(account_facts).values(account=account, name=name, value=value, at=stored(at))
            )

        await self._database.write(work)

    async def set_organization(self, account: str, organization: str) -> None:
        """Store the Brevo organization of a key."""

        def work(connection: Connection) -> None:
            connection.execute(delete(accounts).where(accounts.c.account == account))
            connection.execute(insert(accounts).values(account=account, organization=organization))

        await self._database.write(work)

    async def same_organization(self, account: str) -> frozenset[str]:
        """The accounts of the same organization, including this one."""
        mine = select(accounts.c.organization).where(accounts.c.account == account)
        query = select(accounts.c.account).where(accounts.c.organization.in_(mine))
        found = await self._database.read(
            lambda connection: [str(row[0]) for row in connection.execute(query)]
        )
        return frozenset((account, *found))
