"""An operator's browser session: a signed cookie that every replica can read. Pure.

The journal stores which sessions were signed out before they expired.
"""

import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Final

from itsdangerous import BadSignature, URLSafeSerializer

LIFETIME: Final = timedelta(hours=8)
ID_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class OperatorSession:
    """An operator who has signed in.

    Args:
        id: random; the forms of the session are bound to it.
        token_name: the name of the token that the operator signed in with.
        expires_at: Unix time, seconds.
    """

    id: str
    token_name: str
    expires_at: float


class SessionSigner:
    """Signs session cookies and form tokens.

    Args:
        shared: the secrets of all replicas: the first one signs, all are accepted. If empty, this
            process uses a random one.
    """

    def __init__(self, shared: Sequence[str] = ()) -> None:
        # The library signs with the last key of a list.
        keys = list(reversed(shared)) or [secrets.token_urlsafe(32)]
        self._cookies = URLSafeSerializer(keys, salt="loyalty-mcp operator session")
        self._forms = URLSafeSerializer(keys, salt="loyalty-mcp operator form")

    def new_session(self, token_name: str, now: datetime) -> OperatorSession:
        """A new session for the holder of a token."""
        expires_at = (now + LIFETIME).timestamp()
        return OperatorSession(secrets.token_urlsafe(ID_BYTES), token_name, expires_at)

    def cookie_of(self, session: OperatorSession) -> str:
        """A session as a cookie value."""
        return str(self._cookies.dumps(asdict(session)))

    def read_cookie(self, cookie: str, now: datetime) -> OperatorSession | None:
        """The session of a cookie; None if the signature is wrong or the session has expired."""
        try:
            session = OperatorSession(**self._cookies.loads(cookie))
        except BadSignature:
            return None
        return session if now.timestamp() < session.expires_at else None

    def form_token(self, session: OperatorSession) -> str:
        """The token in every form of a session, which no other site can know."""
        return str(self._forms.dumps(session.id))

    def is_form_token(self, session: OperatorSession, token: str) -> bool:
        """Whether a form belongs to this session."""
        try:
            return bool(self._forms.loads(token) == session.id)
        except BadSignature:
            return False
