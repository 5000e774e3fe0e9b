"""A long storm: `python -m benchmarks.storm --intents 10000 [--postgres] [--processes 2]`.

Every kind of fault at random points, requests delivered late, servers killed, paused and started
again, clocks that are wrong, configuration that is published meanwhile, a hasty operator, and a
second account whose API hides `meta`; then everything is reconciled and compared with the ledger.
Exit code 1 if a promise was broken.
"""

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from time import monotonic

import anyio

from tests.storm.postgres import running_postgres
from tests.storm.storm import Plan, storm
from tests.storm.truth import Verdict
from tests.storm.weather import Climate

REPORTED = 100


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description="Break everything, and count what went wrong.")
    parser.add_argument("--intents", type=int, default=10_000, help="changes that are previewed")
    parser.add_argument("--processes", type=int, default=2, help="servers on one journal")
    parser.add_argument("--postgres", action="store_true", help="the journal on PostgreSQL")
    parser.add_argument("--seed", type=int, default=1, help="of everything that is drawn")
    parser.add_argument("--batches", type=float, default=0.1, help="share of the changes")
    parser.add_argument("--death-every", type=int, default=100, help="changes between two kills")
    return parser.parse_args()


@contextlib.contextmanager
def journal(*, postgres: bool) -> Iterator[str | None]:
    """The address of the journal; None for a file of its own."""
    if not postgres:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="storm") as folder, running_postgres(folder) as server:
        yield server.fresh()


def progress(intents: int, began: float, done: int) -> None:
    """Say how far it is, on standard error."""
    if done % REPORTED == 0:
        seconds = monotonic() - began
        sys.stderr.write(f"\r{done:,} of {intents:,} changes previewed, {seconds:,.0f} s ")
        sys.stderr.flush()


def main() -> int:
    """Run it and print the table."""
    asked = arguments()
    began = monotonic()
    with journal(postgres=asked.postgres) as address:
        plan = Plan(
            intents=asked.intents,
            processes=asked.processes,
            journal=address,
            agents=24,
            members=200,
            seed=asked.seed,
            batches=asked.batches,
            climate=Climate(death_every=asked.death_every),
            clocks=(120.0, -120.0, 0.0),
            moving=True,
            without_marks=True,
        )
        found: Verdict = anyio.run(storm, plan, partial(progress, asked.intents, began))
    sys.stderr.write("\n")
    print(found.table())
    for problem in found.problems:
        print(problem)
    return 0 if found.holds else 1


if __name__ == "__main__":
    sys.exit(main())
