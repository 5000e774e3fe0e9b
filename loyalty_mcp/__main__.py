"""`python -m loyalty_mcp`: the same commands."""

from loyalty_mcp.cli.commands import main

main()
