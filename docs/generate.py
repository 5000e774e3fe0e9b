"""Write the generated files: manifests, tool reference, client guides, tables.

`python -m docs.generate` from the root writes them; a test compares them.
"""

import asyncio
import json
import re
from pathlib import Path
from typing import Any, Final

from docs.client_guides import CLIENTS, guide, overview
from docs.manifests import manifest, server_json
from docs.menu_costs import menu_costs_table
from docs.schemas import schema_cache
from docs.tool_reference import tools_page
from docs.transcript import demo_output, says_the_same, transcript
from loyalty_mcp.cli.options import choices_of
from loyalty_mcp.sandbox.differences import DIFFERENCES
from loyalty_mcp.settings import Settings, meaning_of, variable_of
from loyalty_mcp.tools.schema_cache import FILE, cached_schemas
from tests.sandbox.page_lines import LINES
from tests.tools.answers.samples import write_samples

ROOT: Final = Path(__file__).parent.parent
SHOWN_DEFAULTS: Final = {
    "tools": "all tools of the role",
    "exclude_tools": "none",
    "database_url": "SQLite in the user's state folder",
    "secret": "random per process",
}
MARK: Final = "<!-- generated: {name} -->\n\n{text}\n\n<!-- end of {name} -->"


def settings_table() -> str:
    """Every setting with its meaning and default."""
    lines = ["| environment variable | meaning | default |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        choices = choices_of(field.annotation)
        meaning = meaning_of(name) + (
            f": {', '.join(f'`{c}`' for c in choices)}" if choices else ""
        )
        lines.append(f"| `{variable_of(name)}` | {meaning} | {_default(name, field.default)} |")
    return "\n".join(lines)


def _default(name: str, value: Any) -> str:
    if name in SHOWN_DEFAULTS:
        return SHOWN_DEFAULTS[name]
    if value is None or value == ():
        return "none"
    return f"`{json.dumps(value)}`" if isinstance(value, bool | int | float) else f"`{value}`"


def page_lines_table() -> str:
    """Each line of the pages, where it is enforced, and the tests that show it."""
    lines = ["| page | line | enforced in | shown by |", "| --- | --- | --- | --- |"]
    for page, line, enforced, tests in LINES:
        shown_by = "<br>".join(f"`tests/{test.replace('::', '.py::')}`" for test in tests)
        lines.append(f"| {page} | {line} | `{enforced}` | {shown_by} |")
    return "\n".join(lines)


def differences_table() -> str:
    """The sandbox's choices."""
    lines = ["| subject | choice | why | switch |", "| --- | --- | --- | --- |"]
    for item in DIFFERENCES:
        switch = f"`{item.switch}`" if item.switch else ""
        lines.append(f"| {item.subject} | {item.choice} | {item.why} | {switch} |")
    return "\n".join(lines)


FILES: Final = {
    "loyalty_mcp/tools/schema_cache.json": schema_cache,
    "manifest.json": manifest,
    "server.json": server_json,
    "docs/tools.md": tools_page,
}
SECTIONS: Final = {
    ("README.md", "settings"): settings_table,
    ("README.md", "menu costs"): menu_costs_table,
    ("docs/sandbox.md", "differences"): differences_table,
    ("docs/sandbox.md", "page lines"): page_lines_table,
    ("docs/clients/README.md", "clients"): overview,
}


def generated() -> dict[str, str]:
    """Every generated file, whole; a file with a generated section keeps what is around it."""
    found = {path: make() for path, make in FILES.items()}
    found |= {f"docs/clients/{client.slug}.md": guide(client) for client in CLIENTS}
    for (path, name), make in SECTIONS.items():
        text = found.get(path) or (ROOT / path).read_text(encoding="utf-8")
        found[path] = replaced(text, name, make())
    return found


def replaced(text: str, name: str, section: str) -> str:
    """A text with one generated section anew.

    Raises:
        ValueError: the text has no marks for it.
    """
    begin, end = re.escape(f"<!-- generated: {name} -->"), re.escape(f"<!-- end of {name} -->")
    pattern = re.compile(f"{begin}.*?{end}", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"there is no generated section {name}")
    return pattern.sub(lambda _: MARK.format(name=name, text=section), text, count=1)


def write() -> None:
    """Write everything that is generated: first what the rest is made of."""
    asyncio.run(write_samples())
    FILE.write_text(schema_cache(), encoding="utf-8")
    cached_schemas.cache_clear()
    found = generated()
    readme = replaced(found["README.md"], "transcript", transcript(demo_output()))
    if not says_the_same(readme, found["README.md"]):
        found["README.md"] = readme
    for path, text in found.items():
        (ROOT / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
