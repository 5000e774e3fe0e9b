"""`python -m loyalty_mcp`: the same commands."""

from loyalty_mcp.cli import main

main()
