"""Thirty jobs done through our tools and through an automatic wrapping: calls, requests, tokens.

No language model takes part: each job has two scripts (`jobs.py`). Both sides speak to the same
kind of sandbox; both have to obtain the same facts, and to leave the same state behind. Each job is
a conversation of its own, so each pays for its menu once. Our servers stay as long as nobody resets
the configuration under them, as a client keeps them; the first job of each finds nothing cached. A
change is agreed to in a dialog, which is no tool call; its upstream requests count.

The goal of 0.6 for upstream requests is not reached: ours sends more of them. Where they go:

- What a person agreed to is read again, whole, before it is carried out: balance, tier, caps,
  drafts, terms, vouchers. The wrapping does not know whether anything moved in between.
- A change looks whether it was made before: the same order, an earlier reversal, a namesake.
- Where our menu takes names, a list is read to know what they mean and to refuse a wrong one; an
  email is looked up each time, for it may belong to somebody else by now.
- What the API lists nowhere, the ids of limits, is written down before and after: two requests.

In our favour counts that configuration is kept for a minute, in which the jobs of one user follow
each other; `--cold` starts a server for each job instead.

    python benchmarks/tasks.py            every job, each group and the sum
    python benchmarks/tasks.py --cold     the same, nothing kept from one job to the next
"""

import argparse
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from contenders import BUILD, PEERS, Contender, folder, peers_python, product
from conversation import Conversation
from figure import Figure
from jobs import JOBS, Job, Json
from side import COMPACT, Side, Spent
from upstream import Upstream

from loyalty_mcp.cli.menu_size import count_tokens

CALLS_GOAL: Final = 0.25
REQUESTS_GOAL: Final = 0.6
TOKENS_GOAL: Final = 0.25


def menu_tokens(server: Conversation) -> int:
    """What a model pays for a menu: name, description and input schema of every tool."""
    return sum(
        count_tokens(
            json.dumps(
                {
                    "name": tool["name"],
                    "description": tool.get("description", ""),
                    "input_schema": tool["inputSchema"],
                },
                separators=COMPACT,
                ensure_ascii=False,
            )
        )
        for tool in server.ask("tools/list")["tools"]
    )


def wrapping(upstream: Upstream) -> Contender:
    """The automatic wrapping of the document that the sandbox serves."""
    BUILD.mkdir(exist_ok=True)
    document = BUILD / "tasks-openapi.json"
    served = upstream.get("/sandbox/openapi.json")
    document.write_text(json.dumps(served), encoding="utf-8")
    environment = {"UPSTREAM": upstream.url, "OPENAPI": str(document)}
    return Contender("wrapping", (peers_python(), str(PEERS / "wrapping.py")), environment)


def picture(upstream: Upstream) -> Json:
    """The state of a sandbox without ids, moments and notes, in which two runs always differ."""
    found: Json = {}
    for program in upstream.get("/v3/loyalty/config/programs?limit=100")["items"]:
        pid = program["id"]
        balance = f"/v3/loyalty/balance/programs/{pid}"
        definitions = upstream.get(f"{balance}/balance-definitions?version=draft")["items"]
        names = {item["id"]: item["name"] for item in definitions}
        live = upstream.get(f"{balance}/balance-definitions?version=active")["items"]
        tiers = upstream.get(f"/v3/loyalty/tier/programs/{pid}/tiers?version=draft")["items"]
        rewards = upstream.get(f"/v3/loyalty/offer/programs/{pid}/offers?version=draft")["items"]
        found[program["name"]] = {
            "state": program["state"],
            "description": program.get("description"),
            "balances": sorted(
                (item["name"], item["unit"], item.get("maxAmount")) for item in definitions
            ),
            "tiers": sorted(
                (tier["name"], names[part["balanceDefinitionId"]], part["minimumValue"])
                for tier in tiers
                for part in tier["accessConditions"]
            ),
            "rewards": sorted(item["name"] for item in rewards),
            "members": {
                item["contactId"]: (item["value"], *_holdings(upstream, pid, item["contactId"]))
                for definition in live
                for item in _holders(upstream, balance, definition["id"])
            },
        }
    return found


def _holders(upstream: Upstream, balance: str, definition: str) -> list[Json]:
    path = f"{balance}/contact-balances?balanceDefinitionId={definition}&limit=100"
    held: list[Json] = upstream.get(path)["balances"]
    return held


def _holdings(upstream: Upstream, pid: str, member: int) -> tuple[list[str], list[bool]]:
    """The tiers of a member, and of each voucher whether it is used."""
    info = upstream.get(f"/v3/loyalty/config/programs/{pid}/account-info?contactId={member}")
    held = upstream.get(f"/v3/loyalty/offer/programs/{pid}/vouchers?contactId={member}")
    return (
        [tier["tierName"] for tier in info["tier"]],
        sorted(bool(voucher.get("consumedAt")) for voucher in held["contactRewards"]),
    )


def fingerprint(value: Any) -> str:
    """A short word for a value, equal for equal values."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]


def check_facts(job: Job, side: str, read: list[str]) -> None:
    """Every fact of a job has to be in what was read."""
    text = " ".join(read)
    text = text if side == "ours" else text.replace('": ', '":')
    for fact in job.facts:
        ours, theirs = (fact, (fact,)) if isinstance(fact, str) else fact
        for word in (ours,) if side == "ours" else theirs:
            assert word in text, f"{job.what} ({side}): {word!r} is not in {text}"


@dataclass
class Bench:
    """The servers on two sandboxes.

    Args:
        ours: the sandbox behind our servers.
        theirs: the one behind the wrapping.
        peer: the wrapping.
        serve: gives the server of a user, started when it is first needed.
    """

    ours: Upstream
    theirs: Upstream
    peer: Side
    serve: Callable[[Job], Side]

    def run(self, job: Job) -> tuple[Spent, Spent]:
        """Do a job both ways, and compare what was found and left behind."""
        side = self.serve(job)
        spent = []
        for name, talk, upstream, script in (
            ("ours", side, self.ours, job.ours),
            ("theirs", self.peer, self.theirs, job.theirs),
        ):
            upstream.post("/sandbox/reset", {})
            talk.begin()
            before, state = upstream.requests, upstream.get("/sandbox/state-hash")
            script(talk)
            talk.spent.requests = upstream.requests - before
            if not job.changes:
                assert upstream.get("/sandbox/state-hash") == state, job.what
            check_facts(job, name, talk.read)
            spent.append(talk.spent)
        left, right = picture(self.ours), picture(self.theirs)
        assert fingerprint(left) == fingerprint(right), (job.what, left, right)
        return spent[0], spent[1]


@contextmanager
def bench(*, cold: bool = False) -> Iterator[Bench]:
    """Two sandboxes and their servers, all ended with the block.

    Args:
        cold: whether each job has a server of its own.
    """
    with ExitStack() as stack:
        ours, theirs = Upstream(), Upstream()
        stack.callback(ours.close)
        stack.callback(theirs.close)
        state = stack.enter_context(folder())
        peer = stack.enter_context(Conversation(wrapping(theirs)))
        known: dict[tuple[str, str], Side] = {}

        def serve(job: Job) -> Side:
            # The reset after a change of configuration is none that a server could know of.
            anew = cold or (job.user == "manager" and job.changes)
            key = (job.user, job.what if anew else job.member)
            if key not in known:
                known[key] = started(stack, state, ours, job)
            return known[key]

        yield Bench(ours, theirs, Side(peer, menu_tokens(peer)), serve)


def started(stack: ExitStack, state: Path, upstream: Upstream, job: Job) -> Side:
    """Our server for a user, whose person agrees to every dialog."""
    settings = {"role": job.user, **({"member": job.member} if job.member else {})}
    contender = product(state, f"{upstream.url}/v3", **settings)
    server = stack.enter_context(Conversation(contender, agrees=True))
    return Side(server, menu_tokens(server))


MEASURES: Final = (
    ("tool calls", "calls", CALLS_GOAL),
    ("upstream requests", "requests", REQUESTS_GOAL),
    ("tokens", "tokens", TOKENS_GOAL),
)


def ratio(ours: Spent, theirs: Spent, measure: str) -> float:
    """Ours to theirs."""
    return float(getattr(ours, measure)) / float(getattr(theirs, measure))


def figures(*, quick: bool = False) -> list[Figure]:  # noqa: ARG001 - nothing is timed
    """The three sums over all jobs."""
    with bench() as found:
        spent = [found.run(job) for job in JOBS]
    ours = sum((pair[0] for pair in spent), Spent())
    theirs = sum((pair[1] for pair in spent), Spent())
    return [
        Figure(
            f"{what} of thirty jobs",
            f"{getattr(ours, measure):,}",
            "wrapping",
            f"{getattr(theirs, measure):,}",
            ratio(ours, theirs, measure),
            goal,
        )
        for what, measure, goal in MEASURES
    ]


def main() -> None:
    """Print every job, each group, and the sum."""
    parser = argparse.ArgumentParser(description="Thirty jobs, both ways.")
    parser.add_argument("--cold", action="store_true", help="a server of its own for each job")
    cold = parser.parse_args().cold
    print("| user | job | calls | requests | tokens: menu + said + answered | ratios |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    groups: dict[str, tuple[Spent, Spent]] = {}
    with bench(cold=cold) as found:
        for job in JOBS:
            pair = found.run(job)
            _print_line(job.user, job.what, *pair)
            for name in (job.user, "all"):
                ours, theirs = groups.get(name, (Spent(), Spent()))
                groups[name] = (ours + pair[0], theirs + pair[1])
    for name, pair in sorted(groups.items(), key=lambda item: item[0] == "all"):
        _print_line(name, "**together**", *pair)


def _print_line(user: str, what: str, ours: Spent, theirs: Spent) -> None:
    ratios = [f"{ratio(ours, theirs, measure):.2f}" for _, measure, _ in MEASURES]
    sums = [f"{s.tokens:,} = {s.menu:,} + {s.said:,} + {s.answered:,}" for s in (ours, theirs)]
    print(
        f"| {user} | {what} | {ours.calls} : {theirs.calls} | {ours.requests} : {theirs.requests} "
        f"| {sums[0]} : {sums[1]} | {' / '.join(ratios)} |"
    )


if __name__ == "__main__":
    main()
