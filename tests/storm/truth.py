"""The truth after a storm: what the ledger did, beside what the journal and the answers say."""

import json
import sqlite3
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loyalty_mcp.intents.audit_trail import broken
from loyalty_mcp.intents.journal import Journal
from loyalty_mcp.intents.lifecycle import MARKER, Intent, is_batch
from tests.storm.agent import Agreed, Diary

EVERY: Final = 10_000_000
MOVED: Final = """
SELECT t.id, t.meta, r.applied, s.contact, r.balance FROM transactions t
JOIN resolutions r ON r.transaction_seq = t.seq AND r.status = 'completed'
JOIN subscriptions s ON s.seq = t.member WHERE t.seq > ?
"""
ISSUED: Final = """
SELECT v.id, v.meta, 0, s.contact, 0 FROM vouchers v
JOIN subscriptions s ON s.seq = v.member WHERE v.seq > ?
"""
REDEEMED: Final = """
SELECT d.id, d.meta, 0, s.contact, 0 FROM redemptions d
JOIN redemption_ends e ON e.redemption_seq = d.seq AND e.status = 'completed'
JOIN vouchers v ON v.seq = d.voucher_seq JOIN subscriptions s ON s.seq = v.member
WHERE d.seq > ?
"""
PAID: Final = "SELECT debit FROM redemptions WHERE debit IS NOT NULL"
PARTS: Final = {"transactions": MOVED, "vouchers": ISSUED, "redemptions": REDEEMED}
MILLIONTHS: Final = 1_000_000


@dataclass(frozen=True)
class Effect:
    """Something that happened in the ledger.

    Args:
        kind: the table it stands in.
        intent: whose marker it carries; None for none.
        amount: signed, in points.
        member: contact id.
        balance: what the member had afterwards, in points.
    """

    kind: str
    intent: str | None
    amount: float
    member: int
    balance: float


def marks(database: Path) -> dict[str, int]:
    """How far each part of the history goes; what comes later is the storm's."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        return {
            part: connection.execute(f"SELECT COALESCE(MAX(seq), 0) FROM {part}").fetchone()[0]  # noqa: S608 - our own names
            for part in PARTS
        }


def effects(database: Path, since: Mapping[str, int]) -> list[Effect]:
    """Everything that took effect after the marks; what a redemption took is part of it."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        paid = {row[0] for row in connection.execute(PAID)}
        return [
            Effect(
                part,
                json.loads(meta).get(MARKER),
                amount / MILLIONTHS,
                member,
                balance / MILLIONTHS,
            )
            for part, query in PARTS.items()
            for found, meta, amount, member, balance in connection.execute(query, (since[part],))
            if found not in paid
        ]


@dataclass(frozen=True)
class Verdict:
    """What must be zero, and what shows that it was a storm.

    Args:
        sums: what happened, by name.
        wrongs: what must not happen, by name.
        problems: what is wrong with the audit trail.
    """

    sums: Mapping[str, int]
    wrongs: Mapping[str, int]
    problems: Sequence[str]

    @property
    def holds(self) -> bool:
        """Whether the promise was kept."""
        return not any(self.wrongs.values()) and not self.problems

    def table(self) -> str:
        """The verdict as text."""
        rows = [*self.sums.items(), *self.wrongs.items()]
        rows.append(("broken entries in the audit trail", len(self.problems)))
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}}  {count:>7,}" for name, count in rows)


async def verdict(
    journal: Journal,
    happened: Sequence[Effect],
    diary: Diary,
    sums: Mapping[str, int],
    without_marks: Collection[str] = (),
) -> Verdict:
    """Compare the ledger with the journal, and with what the assistant agreed to and was told.

    Args:
        journal: what became of each intent.
        happened: what the ledgers say.
        diary: what the assistant agreed to and was told.
        sums: what went on meanwhile.
        without_marks: accounts whose history hides `meta`; there no read tells some outcomes.
    """
    intents = {intent.id: intent for intent in await journal.find(limit=EVERY)}
    trail = await journal.trail()
    effects_found = Counter(effect.intent for effect in happened)
    states = Counter(intent.state for intent in intents.values())
    untold = Counter(
        intent.tool
        for intent in intents.values()
        if intent.state == "unknown" and intent.account in without_marks
    )
    acted = {intent for intent in effects_found if intent is not None}
    others = [
        intents[str(effect.intent)]
        for effect in happened
        if (effect.intent in diary.agreed and not _as_agreed(effect, diary.agreed[effect.intent]))
        or (
            _in_agreed_batch(effect, intents, diary)
            and not _row_as_shown(effect, intents[str(effect.intent)])
        )
    ]
    undone = Counter(
        intents[str(effect.intent)].kept["transaction"]
        for effect in happened
        if effect.intent in intents and "transaction" in intents[str(effect.intent)].kept
    )
    admitted = [intent for intent in others if _says_otherwise(intent)]
    wrongs = {
        "duplicate effects": sum(
            n - 1 for intent, n in effects_found.items() if intent is not None
        ),
        "effects without agreement": sum(
            effect.intent not in diary.agreed and not _in_agreed_batch(effect, intents, diary)
            for effect in happened
        ),
        "effects other than agreed": len(others) - len(admitted),
        "movements undone twice": sum(undone.values()) - len(undone),
        "applied without effect": sum(
            intent.state == "applied" and intent.id not in acted and not is_batch(intent)
            for intent in intents.values()
        ),
        "not applied with effect": sum(
            intent.state not in {"applied", "unknown"} and intent.id in acted
            for intent in intents.values()
        ),
        "effects without an intent": sum(effect.intent not in intents for effect in happened),
        "unknown": states["unknown"] - sum(untold.values()),
        "still under way": states["sent"],
        "answers that were not true": sum(
            _untrue(status, intent, intents, acted) for intent, status in diary.answers
        ),
        "rows that were not told truly": sum(
            {"done": intent not in acted, "refused": intent in acted}.get(status, False)
            for intent, status in diary.rows
        ),
    }
    answers = Counter(status for _, status in diary.answers)
    totals = {
        **sums,
        "intents": len(intents),
        "agreed to": len(diary.agreed),
        "applied": states["applied"],
        "rows of batches applied": sum(
            intent.batch is not None and intent.state == "applied" for intent in intents.values()
        ),
        "movements of batches undone": len(undone),
        "not applied": states["not_applied"],
        "effects in the ledger": len(happened),
        "answered unknown at first": answers["unknown"],
        "answers lost with their server": diary.lost,
        "moved otherwise in the last moment, and told so": len(admitted),
        "audit entries": len(trail.entries),
        **{f"unknown without marks, {tool}": count for tool, count in untold.items()},
    }
    return Verdict(totals, wrongs, broken(trail))


def _in_agreed_batch(effect: Effect, intents: Mapping[str, Intent], diary: Diary) -> bool:
    """Whether an effect is a row of an agreed batch, or of the agreed reversal of one."""
    row = intents.get(effect.intent or "")
    if row is None or row.batch not in diary.agreed:
        return False
    given = diary.agreed[row.batch].arguments
    if "batch" in given:
        agreed = diary.agreed.get(given["batch"])
        given = {} if agreed is None else agreed.arguments
    return str(effect.member) in {item["member"] for item in given.get("rows", ())}


def _row_as_shown(effect: Effect, row: Intent) -> bool:
    """Whether what happened is what the preview of the row showed."""
    before, after = row.preview.before["balance"], row.preview.after["balance"]
    return (effect.balance - effect.amount, effect.balance) == (before, after)


def _as_agreed(effect: Effect, agreed: Agreed) -> bool:
    """Whether what happened is what the person had been shown."""
    given = agreed.arguments
    if str(effect.member) != given["member"]:
        return False
    match agreed.tool:
        case "credit_points" | "debit_points":
            before, after = agreed.preview["before"]["balance"], agreed.preview["after"]["balance"]
            as_shown = (effect.balance - effect.amount, effect.balance) == (before, after)
            return effect.kind == "transactions" and as_shown
        case "create_voucher":
            return effect.kind == "vouchers"
        case _:
            return effect.kind == "redemptions"


def _says_otherwise(intent: Intent) -> bool:
    """Whether the outcome says that another amount was moved than agreed, or claims nothing.

    Between the last look at the rules and the movement somebody can publish others; the API has no
    way to make a movement depend on them.
    """
    return intent.state == "unknown" or (intent.result or {}).get("agreed_amount") is not None


def _untrue(status: str, intent: str, intents: Mapping[str, Intent], acted: set[str]) -> bool:
    """Whether an answer said of an effect what is not so."""
    if status == "unknown":
        return False
    return (status == "applied") != (intent in acted) or intent not in intents
