"""Which Brevo account an intent belongs to."""

import hashlib
import secrets
from typing import Final

from loyalty_mcp.settings import Settings

_THIS_PROCESS: Final = secrets.token_hex(8)


def account_of(settings: Settings) -> str:
    """A fingerprint of the account of the credentials, which reveals nothing of them.

    An embedded sandbox in memory is an account of its own, because another process has another
    sandbox. Keys of the same organization are joined in the journal once that is known.
    """
    if settings.client_id is not None:
        # The client secret is left out, because it is rotated.
        return hashlib.sha256(f"client {settings.client_id}".encode()).hexdigest()[:32]
    if settings.api_key is None and settings.sandbox_file is None:
        return f"sandbox-{_THIS_PROCESS}"
    if settings.api_key is None:
        file = str(settings.sandbox_file)
        return f"sandbox-{hashlib.sha256(file.encode()).hexdigest()[:16]}"
    key = settings.api_key.get_secret_value()
    # The base URL is left out, because a proxy can lead to the same account.
    return hashlib.sha256(key.encode()).hexdigest()[:32]
