"""The session of an operator in a browser: a signed cookie, so that any replica knows it. Pure."""

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

LIFETIME: Final = timedelta(hours=8)
NONCE_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Session:
    """An operator who has logged in.

    Args:
        name: of the token that was typed in.
        expires_at: seconds since 1970.
        nonce: random; what the forms of this session are bound to.
    """

    name: str
    expires_at: float
    nonce: str


class Seal:
    """Signs sessions, and the forms that belong to them.

    Args:
        secret: what all replicas share, or None for one of this process.
    """

    def __init__(self, secret: str | None) -> None:
        material = secrets.token_bytes(32) if secret is None else secret.encode()
        self._key = hmac.digest(material, b"loyalty-mcp approvals session", "sha256")

    def begin(self, name: str, now: datetime) -> Session:
        """A new session."""
        ends = (now + LIFETIME).timestamp()
        return Session(name, ends, secrets.token_urlsafe(NONCE_BYTES))

    def cookie(self, session: Session) -> str:
        """A session as the browser keeps it."""
        content = json.dumps([session.name, session.expires_at, session.nonce]).encode()
        text = base64.urlsafe_b64encode(content).decode()
        return f"{text}.{self._signature('cookie', text)}"

    def session(self, cookie: str, now: datetime) -> Session | None:
        """The session of a cookie, if we signed it and it has not ended."""
        text, _, signature = cookie.partition(".")
        if not _same(signature, self._signature("cookie", text)):
            return None
        name, ends, nonce = json.loads(base64.urlsafe_b64decode(text))
        return Session(name, ends, nonce) if now.timestamp() < ends else None

    def form_token(self, session: Session) -> str:
        """What every form of a session carries, and no other site can know."""
        return self._signature("form", session.nonce)

    def is_form_token(self, session: Session, given: str) -> bool:
        """Whether a form was made for this session."""
        return _same(given, self.form_token(session))

    def _signature(self, purpose: str, text: str) -> str:
        content = f"{purpose}:{text}".encode("utf-8", "replace")
        return hmac.new(self._key, content, hashlib.sha256).hexdigest()


def _same(given: str, right: str) -> bool:
    """Compared in constant time."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), right.encode())
