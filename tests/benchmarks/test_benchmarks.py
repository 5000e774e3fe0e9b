"""The benchmarks: their data files are correct, and their table is written between its marks."""

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from loyalty_mcp.intents.audit_trail import broken
from loyalty_mcp.sandbox.settings import SandboxSettings
from loyalty_mcp.sandbox.store import Store
from tests.docs.documents import ROOT

SCRIPTS = ROOT / "benchmarks"


@pytest.fixture(autouse=True)
def scripts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The benchmarks are scripts: they are imported from their own folder."""
    monkeypatch.syspath_prepend(SCRIPTS)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(str(SCRIPTS)):
            del sys.modules[name]


def measured(page: Any) -> list[Any]:
    """A figure for each line that a document needs."""
    make = import_module("figure").Figure
    return [make(what, "1 ms", against, "2 ms", 0.5, 1.0) for what, against in page.TELLING]


@pytest.mark.parametrize(
    ("name", "kind"), [("README.md", "telling"), ("docs/benchmarks.md", "all")]
)
def test_only_what_is_between_the_marks_is_replaced(tmp_path: Path, name: str, kind: str) -> None:
    """The marks occur once, and the text around them stays unchanged."""
    page = import_module("page")
    begin, end = page.MARKS[kind]
    text = (ROOT / name).read_text(encoding="utf-8")
    copy = tmp_path / "copy.md"
    copy.write_text(text, encoding="utf-8")
    page.write(copy, measured(page))

    before, after = text.partition(begin)[0], text.partition(end)[2]
    written = copy.read_text(encoding="utf-8")
    assert written.startswith(f"{before}{begin}\n\n| figure |")
    assert written.endswith(f"\n\n{end}{after}")
    assert written.count(" | 0.50 | <= 1 | yes |") == len(page.TELLING)
    assert (page.machine() in written) == (kind == "all")


def test_a_document_without_marks_is_a_mistake(tmp_path: Path) -> None:
    """A missing mark is an error, and nothing is omitted silently."""
    page = import_module("page")
    document = tmp_path / "page.md"
    document.write_text("<!-- benchmarks -->", encoding="utf-8")

    with pytest.raises(ValueError, match="no marks"):
        page.write(document, measured(page))


def test_a_figure_that_was_not_measured_is_a_mistake(tmp_path: Path) -> None:
    """The README gets the complete table or none."""
    page = import_module("page")
    document = tmp_path / "page.md"
    document.write_text("\n".join(page.MARKS["telling"]), encoding="utf-8")

    with pytest.raises(ValueError, match="nothing was measured"):
        page.write(document, measured(page)[1:])


def test_half_a_table_is_not_written() -> None:
    """A subset of the figures can be printed, but not written."""
    command = [sys.executable, str(SCRIPTS / "run.py"), "start", "--write", "README.md"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "all figures" in done.stderr


def test_a_good_client_is_answered_under_a_hostile_load() -> None:
    """With a twentieth of the load, all answers come, memory is limited, attackers are refused."""
    command = [sys.executable, str(SCRIPTS / "hostile.py"), "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    got, of = re.findall(r"The good client got ([\d,]+) of ([\d,]+) answers", done.stdout)[0]
    assert got == of
    tried = dict(line.split(": ", 1) for line in done.stderr.strip().splitlines())
    assert set(tried) == {*import_module("attackers").ATTACKS, "everything at once"}
    assert "'431'" in tried["huge headers"]
    assert "'401'" in tried["a flood of bad tokens"]
    assert "'200'" in tried["one greedy caller"]


def test_the_figures_of_the_hostile_load_are_between_their_marks(tmp_path: Path) -> None:
    """The marks occur once, and only the text between them is replaced."""
    hostile = import_module("hostile")
    begin, end = hostile.MARKS
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    copy = tmp_path / "copy.md"
    copy.write_text(text, encoding="utf-8")
    hostile.write(copy, "figures")

    before, after = text.split(begin)[0], text.split(end)[1]
    assert text.count(begin) == text.count(end) == 1
    assert copy.read_text(encoding="utf-8") == f"{before}{begin}\n\nfigures\n\n{end}{after}"
    assert "resident memory at the peak" in text


def test_every_figure_has_a_module() -> None:
    """Each figure can be reproduced by its name."""
    for name in import_module("run").FIGURES:
        assert callable(import_module(name).figures)


def test_the_documents_show_the_figures() -> None:
    """Both documents contain the table of a run."""
    for name in ("README.md", "docs/benchmarks.md"):
        assert "| figure | result | compared with |" in (ROOT / name).read_text(encoding="utf-8")


def test_a_crowd_is_what_the_engine_says(tmp_path: Path) -> None:
    """Copies of members have the same data as their originals, and all sums are right."""
    crowd = import_module("crowd")
    made, same, file = (tmp_path / name for name in ("made.db", "same.db", "crowd.db"))
    crowd.founded(made)
    crowd.multiplied(made, same, 1)
    crowd.multiplied(made, file, 3)
    crowd.check(made, file, 3)

    assert state(made) == state(same)
    assert len(crowd.contacts_of(3)) == 3 * crowd.MEMBERS


def state(file: Path) -> str:
    """The digest of everything in a sandbox file."""
    store = Store(SandboxSettings(database=file))
    try:
        return store.state_hash()
    finally:
        store.close()


async def test_an_archive_is_what_the_journal_would_have_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its audit trail is intact and in chronological order, and a copy equals its original."""
    archive = import_module("archive")
    monkeypatch.setattr(archive, "INTENTS", 40)
    made, same, file = (tmp_path / name for name in ("made.db", "same.db", "archive.db"))
    await archive.founded(made)
    archive.multiplied(made, same, 1)
    archive.multiplied(made, file, 3)
    first, copied, many = (archive.opened(each) for each in (made, same, file))
    trail = await many.trail()

    assert await copied.find() == await first.find()
    assert await copied.trail() == await first.trail()
    assert broken(trail) == []
    assert [entry.at for entry in trail.entries] == sorted(entry.at for entry in trail.entries)
    assert len(await many.find(limit=1_000)) == 3 * archive.INTENTS
    for journal in (first, copied, many):
        await journal.close()
