"""The demo writes its cards as pages that need no host."""

from pathlib import Path

from click.testing import CliRunner

from loyalty_mcp.cli.commands import main


def test_the_cards_are_written_filled(tmp_path: Path) -> None:
    """There is one page per card, with a real answer and without a confirmation."""
    folder = tmp_path / "cards"

    result = CliRunner().invoke(main, ["demo", "--html", str(folder)])

    assert result.exit_code == 0, result.output
    pages = {file.stem: file.read_text(encoding="utf-8") for file in folder.iterdir()}
    assert set(pages) == {"member", "program", "approval"}
    assert "VIP-101" in pages["member"]
    assert "Coffee Club" in pages["program"]
    assert "Goodwill correction" in pages["approval"]
    assert 'loyalty-mcp/confirmation":' not in pages["approval"]
    assert "and confirmation" not in pages["approval"]
    assert all("default-src 'none'" in page for page in pages.values())
