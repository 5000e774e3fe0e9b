"""The tools that an assistant sees: how one is declared, and what each does."""
