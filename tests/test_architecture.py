"""Who may import whom: dependencies point one way, and slow ones are not loaded for nothing."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import loyalty_mcp

PACKAGE = Path(loyalty_mcp.__file__).parent
MODULES = {
    ".".join(("loyalty_mcp", *file.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): file
    for file in sorted(PACKAGE.rglob("*.py"))
}


def typing_only(node: ast.AST) -> bool:
    """Whether an `if` is there for the type checker alone."""
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def nodes(tree: ast.AST, *, deferred: bool) -> Iterator[ast.AST]:
    """Every node that is run some day, or already on import; nothing for the type checker alone."""
    for child in ast.iter_child_nodes(tree):
        later = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
        if not typing_only(child) and (deferred or not later):
            yield child
            yield from nodes(child, deferred=deferred)


def imports(module: str, *, deferred: bool = True) -> set[str]:
    """What a module imports, by full names: anywhere in it, or only when it is imported itself."""
    found: set[str] = set()
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    for node in nodes(tree, deferred=deferred):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            assert node.module is not None
            named = {f"{node.module}.{alias.name}" for alias in node.names}
            # A module is meant by its own name, not by that of the package it is in.
            found |= named if named <= set(MODULES) else named | {node.module}
    return found


IMPORTS = {module: imports(module) for module in MODULES}


def inside(name: str, package: str) -> bool:
    """Whether a name is a package or something in it."""
    return name == package or name.startswith(f"{package}.")


def importers(package: str, *, but: tuple[str, ...] = ()) -> set[str]:
    """The modules that import a package, those inside `but` left out."""
    return {
        module
        for module, names in IMPORTS.items()
        if any(inside(name, package) for name in names)
        and not any(inside(module, left) for left in but)
    }


SANDBOX = "loyalty_mcp.sandbox"


def test_sandbox_imports_nothing_of_the_rest() -> None:
    """The engine shares no code with what it checks, or a wrong name would agree with itself."""
    for module, names in IMPORTS.items():
        if inside(module, SANDBOX):
            ours = {name for name in names if inside(name, "loyalty_mcp")}
            assert {name for name in ours if not inside(name, SANDBOX)} == set(), module


def test_sandbox_is_imported_where_things_are_put_together() -> None:
    """Only the composition root and the commands know the engine; all else meets it over HTTP."""
    assert importers(SANDBOX, but=(SANDBOX,)) <= {"loyalty_mcp.composition", "loyalty_mcp.cli"}


def test_protocol_is_known_in_one_place() -> None:
    """The server and its dialogs know the MCP library, and the demonstration, which is a client."""
    known = {"loyalty_mcp.server", "loyalty_mcp.dialogs", "loyalty_mcp.demo"}

    for library in ("mcp", "mcp_types"):
        assert importers(library, but=("loyalty_mcp.web",)) <= known


def test_http_is_spoken_in_one_place() -> None:
    """Only the client speaks HTTP to Brevo, over an exchange."""
    assert importers("httpx2", but=(SANDBOX, "loyalty_mcp.web")) <= {
        "loyalty_mcp.client",
        "loyalty_mcp.composition",
        "loyalty_mcp.exchange",
        "loyalty_mcp.lanes",
    }


def test_sql_is_written_in_one_place() -> None:
    """Only the journal writes SQL, outside the sandbox."""
    assert importers("sqlalchemy", but=("loyalty_mcp.journal",)) == set()
    assert importers("sqlite3", but=(SANDBOX, "loyalty_mcp.journal")) == set()


def test_journal_is_opened_in_one_place() -> None:
    """The rest reaches the journal through its gate; it is slow to load."""
    found = importers("loyalty_mcp.journal", but=("loyalty_mcp.journal",))

    assert found <= {"loyalty_mcp.journal_gate"}


PURE = ("operation", "request", "wire", "errors", "operations")
"""What can be read on paper: neither HTTP nor MCP, neither SQL nor files."""

OUTSIDE = {
    *("mcp", "mcp_types", "httpx2", "sqlalchemy", "starlette", "uvicorn", "click", "rich"),
    *("anyio", "asyncio", "socket", "os", "pathlib", "pydantic_settings", "logging"),
}
BELOW = tuple(f"loyalty_mcp.{name}" for name in PURE)


@pytest.mark.parametrize("name", PURE)
def test_operations_are_pure(name: str) -> None:
    """An operation describes a request; it knows neither who sends it nor who asked."""
    for module, names in IMPORTS.items():
        if inside(module, f"loyalty_mcp.{name}"):
            assert {name.split(".")[0] for name in names} & OUTSIDE == set(), module
            ours = {
                name for name in names if inside(name, "loyalty_mcp.") or "loyalty_mcp." in name
            }
            above = {name for name in ours if not any(inside(name, low) for low in BELOW)}
            assert above == set(), module


@pytest.mark.parametrize("name", ["intents", "audit", "standing", "schema", "render"])
def test_rules_do_no_input_or_output(name: str) -> None:
    """What decides takes values and gives values."""
    names = IMPORTS[f"loyalty_mcp.{name}"]

    assert {name.split(".")[0] for name in names} & OUTSIDE == set()


ABOVE = {
    "tasks": ("dispatch", "guard", "server", "composition", "cli", "menu", "web"),
    "guard": ("dispatch", "server", "composition", "cli", "menu", "tasks", "web"),
    "dispatch": ("server", "composition", "cli", "menu", "tasks", "web"),
    "client": ("references", "guard", "dispatch", "server", "composition", "tasks", "tool"),
    "references": ("guard", "dispatch", "server", "composition", "tasks", "tool"),
    "render": ("client", "references", "guard", "dispatch", "server", "tasks"),
    "journal": ("guard", "dispatch", "server", "composition", "tasks", "client"),
    "server": ("composition", "cli", "tasks"),
    "config": ("composition", "cli", "server", "client"),
}


@pytest.mark.parametrize("name", ABOVE)
def test_dependencies_point_one_way(name: str) -> None:
    """No module imports what is built upon it."""
    for module, names in IMPORTS.items():
        if inside(module, f"loyalty_mcp.{name}"):
            for above in ABOVE[name]:
                reached = {found for found in names if inside(found, f"loyalty_mcp.{above}")}
                assert reached == set(), module


def test_no_module_is_in_a_circle() -> None:
    """Whoever follows what is imported on import never comes back."""
    ours = {
        module: {name for name in imports(module, deferred=False) if name in MODULES} - {module}
        for module in MODULES
    }
    done: set[str] = set()

    def follow(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " → ".join((*path, module))
        if module not in done:
            for name in sorted(ours[module]):
                follow(name, (*path, module))
            done.add(module)

    for module in ours:
        follow(module, ())


@pytest.mark.parametrize("module", MODULES)
def test_every_module_says_what_it_is(module: str) -> None:
    """A module opens with one line that says what it is."""
    text = ast.get_docstring(ast.parse(MODULES[module].read_text(encoding="utf-8"))) or ""
    first = text.split("\n", 1)[0]

    assert 10 <= len(first) <= 100
    assert first[-1] in ".:"


def test_no_module_has_a_name_that_says_nothing() -> None:
    """Every module is one thing, and is called that."""
    nameless = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}

    assert {module for module in MODULES if set(module.split(".")) & nameless} == set()


def test_nothing_is_printed() -> None:
    """Standard output is the protocol; what a command shows, it shows through `click` or `rich`."""
    for module, file in MODULES.items():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id != "print", module


STARTS = {
    "the server": (
        "import loyalty_mcp.server",
        {"sqlalchemy", "rich", "loyalty_mcp.sandbox"},
    ),
    "a server that serves": (
        """
from loyalty_mcp.composition import compose
from loyalty_mcp.config import read_settings
compose(read_settings()).server()
""",
        {"sqlalchemy", "rich"},
    ),
    "the commands": (
        "import loyalty_mcp.cli",
        {"mcp", "httpx2", "sqlalchemy", "rich", "uvicorn", "loyalty_mcp.sandbox"},
    ),
    "the menu": (
        """
from loyalty_mcp.cli import main
main(["tools", "--json"], standalone_mode=False)
""",
        {"mcp", "sqlalchemy", "rich", "uvicorn", "loyalty_mcp.sandbox"},
    ),
}
"""What is started, and what it must not load; the MCP library loads uvicorn by itself."""


@pytest.mark.parametrize("start", STARTS)
def test_what_is_slow_is_loaded_when_it_is_needed(start: str) -> None:
    """Starting costs no library that the start does not use."""
    statement, unloaded = STARTS[start]
    code = f"{statement}\nimport sys\nprint('\\nLOADED', *sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(run.stdout.rsplit("LOADED", 1)[1].split())

    assert loaded & unloaded == set()
