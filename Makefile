# The commands that people type. Each needs only uv (pip install uv).
.PHONY: setup test check generate demo

setup: ## Install everything into .venv
	uv sync

test: ## Run the tests that build and install nothing
	uv run pytest -m "not slow"

check: ## Lint, format, imports, types: what a change must pass before its tests
	uv run ruff check .
	uv run ruff format --check .
	uv run lint-imports
	uv run mypy

generate: ## Write the generated files anew
	uv run python -m docs.generate
	UPDATE_SNAPSHOTS=1 uv run pytest tests/tools/test_every_tool.py -k snapshot

demo: ## Show the main job, end to end
	uv run loyalty-mcp demo
