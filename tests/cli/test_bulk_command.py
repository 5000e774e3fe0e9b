"""The bulk command: a file is understood as a whole, agreed to by its total, and resumed."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from loyalty_mcp.cli.bulk_file import read_rows
from loyalty_mcp.cli.commands import main
from loyalty_mcp.errors import InvalidArgument

Write = Callable[[str], Path]
Run = Callable[..., Result]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes the file of a batch."""

    def written(text: str) -> Path:
        file = tmp_path / "gifts.csv"
        file.write_text(text, encoding="utf-8")
        return file

    return written


@pytest.fixture
def run_bulk(tmp_path: Path) -> Run:
    """Runs the command on a sandbox that is kept in a file."""
    sandbox = ("--sandbox-file", str(tmp_path / "sandbox.db"))

    def run(file: Path, *more: str, typed: str = "") -> Result:
        given = ["bulk", str(file), "--action", "credit", *sandbox, *more]
        return CliRunner().invoke(main, given, input=typed)

    return run


def results(file: Path) -> list[dict[str, str]]:
    """The rows of the result file."""
    text = file.with_name("gifts.result.csv").read_text(encoding="utf-8-sig")
    return list(csv.DictReader(text.splitlines()))


def test_a_file_is_carried_out_once_its_total_is_typed(write: Write, run_bulk: Run) -> None:
    """Preview, typed total, and a result file beside the input."""
    file = write("member;amount;reason\n101;50;Spring\nanna@nowhere.example;50;Spring\n102;25;\n")

    run = run_bulk(file, "--reason", "Gift", typed="75\n")

    assert "2 rows, 75 points in all; 1 of 3 cannot be done" in run.output
    assert "Done. 2 of 3 rows done, 1 refused." in run.output
    assert [row["status"] for row in results(file)] == ["done", "refused", "done"]
    assert run.exit_code == 1


def test_another_number_agrees_to_nothing(write: Write, run_bulk: Run) -> None:
    """Nothing is done unless the total is typed as it is shown."""
    file = write("member,amount\n101,50\n")

    run = run_bulk(file, "--reason", "Gift", typed="51\n")

    assert "50 was not typed" in run.output
    assert run.exit_code == 1
    assert not file.with_name("gifts.result.csv").exists()


def test_a_file_that_stopped_is_gone_on_with(write: Write, run_bulk: Run, tmp_path: Path) -> None:
    """A cap stops it; the same command refuses to begin anew, and --resume goes on."""
    policy = tmp_path / "policy.toml"
    policy.write_text("[caps]\nchanges_per_hour = 1\n", encoding="utf-8")
    file = write("member,amount\n101,50\n102,50\n")
    gift = ("--reason", "Gift")

    first = run_bulk(file, *gift, "--policy", str(policy), typed="100\n")
    again = run_bulk(file, *gift)
    rest = run_bulk(file, *gift, "--resume")
    nothing = run_bulk(file, *gift, "--resume")

    assert "Run this again with --resume to go on." in first.output
    assert "give --resume" in again.output
    assert "Done. 2 of 2 rows done." in rest.output
    assert [row["status"] for row in results(file)] == ["done", "done"]
    assert rest.exit_code == 0
    assert "not under way" in nothing.output


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("member,points\n101,5\n", 'Column "points" is unknown'),
        ("amount\n5\n", "member is missing"),
        ("member,amount,amount\n101,5,5\n", "twice"),
        ('member,amount\n101,"5,00"\n102,5\n103,-1\n', "Row 3:"),
        ("member,amount\n101,5,7\n", "Row 1: has 3 cells"),
        ("member,amount,tier\n101,5,Gold\n", "Row 1: credit takes no tier"),
        ("member,amount\n101,\n", "Row 1: amount is missing"),
        ("member,amount\n", "has 0 rows"),
        ("", "member is missing"),
    ],
)
def test_a_file_that_is_not_understood_is_refused_before_anything_is_sent(
    write: Write, run_bulk: Run, text: str, problem: str
) -> None:
    """Row by row, with exit code 2."""
    run = run_bulk(write(text), "--reason", "Gift")

    assert problem in run.output
    assert run.exit_code == 2


def test_what_is_no_text_is_no_file_of_rows(tmp_path: Path) -> None:
    """A spreadsheet that was not exported, or another encoding, is refused."""
    file = tmp_path / "gifts.csv"
    file.write_bytes(b"member\n\xff\xfe\n")

    with pytest.raises(InvalidArgument, match="UTF-8"):
        read_rows(file)
