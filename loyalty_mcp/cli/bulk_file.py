"""The file of a bulk change: rows with named columns, all validated before anything is sent."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.errors import InvalidArgument
from loyalty_mcp.tools.bulk.batch_result import RowOutcome
from loyalty_mcp.tools.bulk.bulk_request import MOST_ROWS, Action, BulkRequest, check_request
from loyalty_mcp.tools.tool import Tool

COLUMNS: Final = ("member", "amount", "tier", "order_id", "reason")
RESULT_COLUMNS: Final = ("row", "member", "status", "reason", "transaction_id", "new_balance")
SHOWN_PROBLEMS: Final = 20
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
"""Characters with which a spreadsheet formula can start."""


def read_rows(file: Path) -> list[dict[str, str]]:
    """The rows of a file with named columns, without empty cells.

    Args:
        file: in UTF-8, its columns separated by commas, semicolons or tabs.

    Raises:
        InvalidArgument: the file, a column or a line cannot be read.
    """
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError:
        raise InvalidArgument(f"The file {quoted(str(file))} cannot be read.") from None
    except UnicodeDecodeError:
        raise InvalidArgument("The file is not in UTF-8; save it as CSV UTF-8.") from None
    if "\0" in text:
        raise InvalidArgument("The file holds NUL characters, so it is no CSV file.")
    lines = text.splitlines()
    separator = max(",;\t", key=lines[0].count) if lines else ","
    try:
        table = list(csv.reader(io.StringIO(text), delimiter=separator, strict=True))
    except csv.Error as error:
        raise InvalidArgument(f"The file is no CSV: {error}.") from None
    names = [name.strip().lower() for name in table[0]] if table else []
    _check_columns(names)
    rows, problems = [], []
    for number, cells in enumerate(table[1:], 1):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(names):
            problems.append(f"Row {number}: has {len(cells)} cells, and there are {len(names)}.")
        rows.append(
            {name: cell.strip() for name, cell in zip(names, cells, strict=False) if cell.strip()}
        )
    _refuse(problems)
    if not 1 <= len(rows) <= MOST_ROWS:
        raise InvalidArgument(f"The file has {len(rows)} rows; a batch has 1 to {MOST_ROWS}.")
    return rows


def _check_columns(names: Sequence[str]) -> None:
    unknown = [name for name in names if name not in COLUMNS]
    if unknown:
        raise InvalidArgument(
            f"Column {quoted(unknown[0])} is unknown; the columns are {', '.join(COLUMNS)}."
        )
    if "member" not in names:
        raise InvalidArgument("The first line must name the columns; member is missing.")
    if len(set(names)) < len(names):
        raise InvalidArgument("A column is named twice.")


def check_rows(tool: Tool, arguments: Mapping[str, Any]) -> None:
    """Make sure that every row is valid.

    Args:
        tool: bulk_change, with the pins of the settings.
        arguments: of the whole call.

    Raises:
        InvalidArgument: one sentence for each invalid row.
    """
    problems = []
    action: Action = arguments["action"]
    for number, row in enumerate(arguments["rows"], 1):
        try:
            given: Any = tool.validated({**arguments, "rows": [row]})
            check_request(BulkRequest("", action, given.rows, reason=given.reason))
        except InvalidArgument as error:
            text = str(error).removeprefix("Row 1: ").replace("rows.0.", "")
            problems.append(f"Row {number}: {text}")
    _refuse(problems)


def _refuse(problems: Sequence[str]) -> None:
    if not problems:
        return
    more = len(problems) - SHOWN_PROBLEMS
    beyond = [f"{more} more rows are not understood."] if more > 0 else []
    listed = "\n".join([*problems[:SHOWN_PROBLEMS], *beyond])
    raise InvalidArgument(f"Nothing was sent, because not every row is understood:\n{listed}")


def result_file(file: Path) -> Path:
    """The path of the result file, next to the input file."""
    return file.with_name(f"{file.stem}.result.csv")


def write_results(file: Path, rows: Sequence[RowOutcome]) -> None:
    """Write the outcome of each row; an existing file is replaced.

    Raises:
        InvalidArgument: it cannot be written.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(RESULT_COLUMNS)
    for row in rows:
        values = row.model_dump(mode="json")
        writer.writerow([_cell(values[name]) for name in RESULT_COLUMNS])
    try:
        file.write_text(out.getvalue(), encoding="utf-8-sig")
    except OSError:
        raise InvalidArgument(f"The results cannot be written to {quoted(str(file))}.") from None


def _cell(value: Any) -> Any:
    """A value as a cell; text that a spreadsheet would treat as a formula is escaped."""
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return f"'{value}"
    return "" if value is None else value
