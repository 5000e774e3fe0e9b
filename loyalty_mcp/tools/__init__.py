"""The tools that an assistant sees: how a tool is declared, and what each one does."""
