"""The digest of the state: equal for equal loyalty data and contacts."""

import hashlib
import sqlite3
from typing import Final

_NOT_COUNTED: Final = frozenset({"settings", "open_lots", "due", "events"})
"""Tables that are not loyalty data: derived, or about the engine itself."""

_PROGRAMS: Final = "SELECT id FROM programs WHERE deleted_at IS NULL"
_MEMBERS: Final = f"SELECT seq FROM subscriptions WHERE program IN ({_PROGRAMS})"  # noqa: S608 - our own names
_MOVED: Final = f"SELECT seq FROM transactions WHERE program IN ({_PROGRAMS})"  # noqa: S608 - same reason
_VOUCHERS: Final = f"SELECT seq FROM vouchers WHERE program IN ({_PROGRAMS})"  # noqa: S608 - same reason
_REDEEMED: Final = f"SELECT seq FROM redemptions WHERE voucher_seq IN ({_VOUCHERS})"  # noqa: S608 - same reason
_BY_PROGRAM: Final = f"program IN ({_PROGRAMS})"
_BY_MEMBER: Final = f"member IN ({_MEMBERS})"
_BY_TRANSACTION: Final = f"transaction_seq IN ({_MOVED})"
_BY_VOUCHER: Final = f"voucher_seq IN ({_VOUCHERS})"
_COUNTED_ROWS: Final = {
    "programs": "deleted_at IS NULL",
    "configuration": _BY_PROGRAM,
    "subscriptions": _BY_PROGRAM,
    "attached_contacts": _BY_PROGRAM,
    "transactions": _BY_PROGRAM,
    "codes": _BY_PROGRAM,
    "vouchers": _BY_PROGRAM,
    "balances": _BY_MEMBER,
    "tier_moves": _BY_MEMBER,
    "orders": _BY_TRANSACTION,
    "resolutions": _BY_TRANSACTION,
    "lots": _BY_TRANSACTION,
    "entries": _BY_TRANSACTION,
    "code_uses": _BY_VOUCHER,
    "voucher_ends": _BY_VOUCHER,
    "redemptions": _BY_VOUCHER,
    "redemption_ends": f"redemption_seq IN ({_REDEEMED})",
}
"""By table: rows of deleted programs are unreachable, so they do not count."""


def state_digest(connection: sqlite3.Connection) -> str:
    """Return the digest, in hexadecimal."""
    digest = hashlib.sha256()
    for table in tables_of(connection):
        if table in _NOT_COUNTED:
            continue
        digest.update(f"{table}\n".encode())
        rows = _COUNTED_ROWS.get(table, "TRUE")
        sql = f'SELECT * FROM "{table}" WHERE {rows} ORDER BY 1, 2'  # noqa: S608 - the schema's own names
        for row in connection.execute(sql):
            digest.update(repr(tuple(row)).encode())
    return digest.hexdigest()


def tables_of(connection: sqlite3.Connection) -> list[str]:
    """Return the names of all tables, in order."""
    rows = connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        " ORDER BY name"
    )
    return [row[0] for row in rows]
