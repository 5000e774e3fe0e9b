"""What tests of bulk changes share."""

from collections.abc import Callable

import pytest

from loyalty_mcp.server.bootstrap import Runtime
from tests.bulk_caller import BulkCaller


@pytest.fixture
def caller(make_runtime: Callable[..., Runtime]) -> BulkCaller:
    """A caller of a server with the usual settings."""
    return BulkCaller(make_runtime(confirm="token"))
