"""Who may import whom: dependencies point one way, and slow ones are not loaded for nothing."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import loyalty_mcp

PACKAGE = Path(loyalty_mcp.__file__).parent
ROOT = PACKAGE.parent
LONG_DATA = {
    "loyalty_mcp.sandbox.differences",
}
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


def test_import_contracts_hold() -> None:
    """The rooms import one way only; the contracts stand in `pyproject.toml`."""
    run = subprocess.run(
        ["lint-imports", "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert run.returncode == 0, run.stdout


def test_the_top_folder_can_be_read_at_a_glance() -> None:
    """At most twelve names stand at the top of the package."""
    names = {path.name for path in PACKAGE.iterdir() if path.name != "__pycache__"}

    assert len(names) <= 12


def test_no_source_file_is_too_long() -> None:
    """A file holds one idea in at most 350 lines; plain data may take more."""
    lengths = {
        module: len(file.read_text(encoding="utf-8").splitlines())
        for module, file in MODULES.items()
    }

    assert {module for module, length in lengths.items() if length > 350} <= LONG_DATA


PRIVATE_NAMES = {
    *("desk", "lanes", "single", "standing", "counted"),
    *("sending", "evidence", "straight", "told", "beside"),
}


def names_in(file: Path) -> set[str]:
    """Every name that a file defines or uses, and its own."""
    found = {file.stem}
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                found.add(node.name)
            case ast.Name():
                found.add(node.id)
            case ast.arg():
                found.add(node.arg)
            case ast.Attribute():
                found.add(node.attr)
    return {name.strip("_").lower() for name in found}


def test_no_private_metaphor_is_a_name() -> None:
    """Names are the field's terms; these ten were ours alone."""
    files = [
        *PACKAGE.rglob("*.py"),
        *(ROOT / "tests").rglob("*.py"),
        *(ROOT / "docs").rglob("*.py"),
    ]

    assert {
        str(file): names_in(file) & PRIVATE_NAMES
        for file in files
        if names_in(file) & PRIVATE_NAMES
    } == {}


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
        "import loyalty_mcp.server.mcp_server",
        {"sqlalchemy", "rich", "loyalty_mcp.sandbox"},
    ),
    "a server that serves": (
        """
from loyalty_mcp.server.bootstrap import compose
from loyalty_mcp.settings import read_settings
compose(read_settings()).server()
""",
        {"sqlalchemy", "rich"},
    ),
    "the commands": (
        "import loyalty_mcp.cli.commands",
        {"mcp", "httpx2", "sqlalchemy", "rich", "uvicorn", "loyalty_mcp.sandbox"},
    ),
    "the menu": (
        """
from loyalty_mcp.cli.commands import main
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
