"""The approvals page: where a person outside the conversation decides."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, Literal
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route, request_response

from loyalty_mcp.errors import CallerError, JournalUnavailable
from loyalty_mcp.guard.operator_approval import decide, waiting
from loyalty_mcp.intents.lifecycle import Intent
from loyalty_mcp.intents.principal import Principal
from loyalty_mcp.server.handlers import APPROVALS
from loyalty_mcp.tools.context import Context
from loyalty_mcp.web.approvals import pages as markup
from loyalty_mcp.web.auth.authentication import NO_JOURNAL, Identity
from loyalty_mcp.web.auth.operator_session import LIFETIME, Seal, Session
from loyalty_mcp.web.auth.token_cache import TokenBook
from loyalty_mcp.web.edge.body_limit import BoundedBody
from loyalty_mcp.web.edge.http_errors import Refusal

HOME: Final = APPROVALS
TITLE: Final = "Approvals"
FILES: Final = ("approvals.css", "approvals.js", "icon.svg")
FIELDS: Final = 10


class Approvals:
    """The pages under /approvals.

    Args:
        context: what tools work with.
        identity: checks the token that is typed in.
        book: says whether that token still holds.
        seal: of sessions and forms.
        secure: whether the cookie travels by HTTPS alone.
    """

    def __init__(
        self, context: Context, identity: Identity, book: TokenBook, seal: Seal, *, secure: bool
    ) -> None:
        self._context = context
        self._identity = identity
        self._book = book
        self._seal = seal
        self._secure = secure
        self._cookie = "__Host-loyalty-approvals" if secure else "loyalty-approvals"

    def routes(self, body_seconds: float) -> list[Route]:
        """What is served, and by what.

        Args:
            body_seconds: that a form may take to arrive.
        """

        def form(path: str, handler: Callable[[Request], Awaitable[Response]]) -> Route:
            bounded = BoundedBody(request_response(handler), seconds=body_seconds)
            return Route(f"{HOME}/{path}", bounded, methods=["POST"])

        files = [Route(f"{HOME}/{name}", _file, methods=["GET"]) for name in FILES]
        return [
            Route(HOME, self.home, methods=["GET"]),
            Route(f"{HOME}/waiting", self.fragment, methods=["GET"]),
            form("login", self.log_in),
            form("logout", self.log_out),
            *files,
            form("{intent}", self.decide),
        ]

    async def home(self, request: Request) -> Response:
        """The list of what waits, or the form to log in."""
        notice = request.query_params.get("said")
        known = await self._operator(request)
        if known is None:
            return HTMLResponse(markup.page(TITLE, markup.login(), notice))
        operator, session = known
        token = self._seal.form_token(session)
        content = markup.session(operator.name, await self._waiting(), self._context.now(), token)
        return HTMLResponse(markup.page(TITLE, content, notice))

    async def fragment(self, request: Request) -> Response:
        """The list alone, for the page that keeps it alive."""
        known = await self._operator(request)
        if known is None:
            raise Refusal(401, "Log in first.")
        operator, session = known
        token = self._seal.form_token(session)
        return HTMLResponse(
            markup.waiting_list(operator.name, await self._waiting(), self._context.now(), token)
        )

    async def log_in(self, request: Request) -> Response:
        """Turn an operator's token into a session."""
        _same_site(request)
        form = await _form(request)
        try:
            operator = await self._identity.operator_of(form.get("token", ""), request.scope)
        except Refusal as refusal:
            if refusal.status != 401:
                raise
            return HTMLResponse(markup.page(TITLE, markup.login(), "wrong-token"), 401)
        answer = RedirectResponse(HOME, 303)
        session = self._seal.begin(operator.name.removeprefix("operator:"), self._context.now())
        answer.set_cookie(
            self._cookie,
            self._seal.cookie(session),
            max_age=int(LIFETIME.total_seconds()),
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="strict",
        )
        return answer

    async def log_out(self, request: Request) -> Response:
        """End the session in this browser."""
        _same_site(request)
        answer = RedirectResponse(HOME, 303)
        answer.delete_cookie(
            self._cookie, path="/", secure=self._secure, httponly=True, samesite="strict"
        )
        return answer

    async def decide(self, request: Request) -> Response:
        """Approve or decline one intent, once."""
        _same_site(request)
        known = await self._operator(request)
        if known is None:
            return _said("ended")
        operator, session = known
        form = await _form(request)
        if not self._seal.is_form_token(session, form.get("form_token", "")):
            return HTMLResponse(markup.page(TITLE, "", "forged"), 403)
        target = _decision(form.get("decision", ""))
        try:
            await decide(self._context, request.path_params["intent"], target, operator.name)
        except CallerError:
            return _said("gone")
        except JournalUnavailable:
            raise Refusal(503, NO_JOURNAL, {"Retry-After": "5"}) from None
        return _said(target)

    async def _operator(self, request: Request) -> tuple[Principal, Session] | None:
        """Who has logged in, while their token still holds."""
        session = self._seal.session(request.cookies.get(self._cookie, ""), self._now())
        if session is None:
            return None
        try:
            token = await self._book.named(session.name)
        except JournalUnavailable:
            raise Refusal(503, NO_JOURNAL, {"Retry-After": "5"}) from None
        return None if token is None or not token.operator else (token.principal, session)

    async def _waiting(self) -> list[Intent]:
        try:
            return await waiting(self._context)
        except JournalUnavailable:
            raise Refusal(503, NO_JOURNAL, {"Retry-After": "5"}) from None

    def _now(self) -> datetime:
        return self._context.now()


def _decision(word: str) -> Literal["approved", "declined"]:
    if word == "approved":
        return "approved"
    if word == "declined":
        return "declined"
    raise Refusal(400, "A decision is approved or declined.")


def _said(word: str) -> Response:
    """Back to the list, with a notice."""
    return RedirectResponse(f"{HOME}?said={word}", 303)


def _same_site(request: Request) -> None:
    """Refuse a form that another site has sent, whatever cookie came with it.

    Raises:
        Refusal: it comes from elsewhere (403).
    """
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site", "same-origin")
    foreign = origin is not None and origin.split("://")[-1] != request.headers.get("host")
    if foreign or site not in {"same-origin", "none"}:
        raise Refusal(403, "This form has to be sent from its own page.")


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form; the first of each name.

    Raises:
        Refusal: it is no form.
    """
    try:
        body = (await request.body()).decode()
        fields = parse_qs(body, max_num_fields=FIELDS, strict_parsing=True)
    except ValueError:
        raise Refusal(400, "That is no form.") from None
    return {name: values[0] for name, values in fields.items()}


async def _file(request: Request) -> Response:
    name = request.url.path.rpartition("/")[2]
    return FileResponse(markup.PAGES / name, headers={"Cache-Control": "no-cache"})
