"""`python -m loyalty_mcp`: the same as the command `loyalty-mcp`."""

from loyalty_mcp.cli.commands import main

main()
