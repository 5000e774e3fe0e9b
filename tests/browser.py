"""Debian's Chromium for tests of pages."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import pytest
from playwright.async_api import Browser, Frame, async_playwright

from tests import node_tools

CHROMIUM: Final = shutil.which("chromium")
QUIET: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""Keeps the browser from making requests of its own."""

AXE: Final = "../axe-core/axe.min.js"
SERIOUS: Final = ("serious", "critical")


@asynccontextmanager
async def running_chromium() -> AsyncIterator[Browser]:
    """Chromium; skips the test where it is not installed, except in CI."""
    if CHROMIUM is None:
        reason = "chromium is not installed; .ci/run installs it on Debian"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield browser
        await browser.close()


async def serious_violations(frame: Frame) -> list[str]:
    """The problems that axe-core finds in a frame and that keep people from using it.

    The page's policy allows no other script, so the debugger runs axe.
    """
    await frame.evaluate(node_tools.required(AXE).read_text("utf-8"))
    found = await frame.evaluate("axe.run()")
    return [
        f"{each['id']}: {node['html']}"
        for each in found["violations"]
        if each["impact"] in SERIOUS
        for node in each["nodes"]
    ]
