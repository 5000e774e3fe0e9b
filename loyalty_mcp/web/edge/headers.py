"""The headers of a request, as they arrived: a header given twice is seen twice."""

from starlette.types import Scope


def valued(scope: Scope, name: bytes) -> list[str]:
    """The values of a header.

    Args:
        scope: of the request.
        name: in small letters.
    """
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]
