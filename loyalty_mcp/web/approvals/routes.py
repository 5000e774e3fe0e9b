"""The routes of the approvals page."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Final, Literal
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route, request_response

from loyalty_mcp.errors import CallerError, JournalUnavailable, OwnIntent
from loyalty_mcp.guard.operator_approval import decide, decided, waiting_intents
from loyalty_mcp.intents.lifecycle import Intent
from loyalty_mcp.intents.principal import Principal
from loyalty_mcp.server.apps.pages import picture_script, picture_style
from loyalty_mcp.settings import APPROVALS_PATH
from loyalty_mcp.tools.context import Context
from loyalty_mcp.web.approvals import pages
from loyalty_mcp.web.auth.authentication import Authenticator, journal_unavailable
from loyalty_mcp.web.auth.operator_session import LIFETIME, OperatorSession, SessionSigner
from loyalty_mcp.web.auth.token_cache import TokenCache
from loyalty_mcp.web.edge.allowed_hosts import is_loopback
from loyalty_mcp.web.edge.body_limit import BodyLimit
from loyalty_mcp.web.edge.http_errors import HttpError

FILES: Final = ("approvals.css", "approvals.js", "icon.svg")
PICTURE: Final[Mapping[str, tuple[Callable[[], str], str]]] = {
    "picture.css": (picture_style, "text/css"),
    "picture.js": (picture_script, "text/javascript"),
}
"""The drawing of a change, shared by this page and the approval card."""

MAX_FORM_FIELDS: Final = 10


class Approvals:
    """The pages under /approvals.

    Args:
        context: the clients, the journal and the settings that tools use.
        authenticator: checks the token that an operator signs in with.
        tokens: says whether that token is still active.
        signer: signs session cookies and form tokens.
        public_url: the address at which browsers reach the page; None for loopback only.
        https: whether the cookie is sent over HTTPS only.
    """

    def __init__(
        self,
        context: Context,
        authenticator: Authenticator,
        tokens: TokenCache,
        signer: SessionSigner,
        *,
        public_url: str | None = None,
        https: bool,
    ) -> None:
        self._context = context
        self._authenticator = authenticator
        self._tokens = tokens
        self._signer = signer
        self._public_url = public_url
        self._home = f"{urlsplit(public_url or '').path}{APPROVALS_PATH}"
        self._https = https
        self._cookie = "__Host-loyalty-approvals" if https else "loyalty-approvals"

    def routes(self, body_seconds: float) -> list[Route]:
        """The routes.

        Args:
            body_seconds: longest time a form may take to arrive.
        """

        def form(path: str, handler: Callable[[Request], Awaitable[Response]]) -> Route:
            limited = BodyLimit(request_response(handler), seconds=body_seconds)
            return Route(f"{APPROVALS_PATH}/{path}", limited, methods=["POST"])

        files = [Route(f"{APPROVALS_PATH}/{name}", serve_file, methods=["GET"]) for name in FILES]
        pieces = [
            Route(f"{APPROVALS_PATH}/{name}", serve_picture, methods=["GET"]) for name in PICTURE
        ]
        return [
            Route(APPROVALS_PATH, self.show_page, methods=["GET"]),
            Route(f"{APPROVALS_PATH}/waiting", self.show_list, methods=["GET"]),
            form("login", self.log_in),
            form("logout", self.log_out),
            *files,
            *pieces,
            form("{intent}", self.decide),
        ]

    async def show_page(self, request: Request) -> Response:
        """The waiting intents, or the login form."""
        self._require_own_page(request)
        notice = request.query_params.get("notice")
        signed_in = await self._signed_in(request)
        if signed_in is None:
            content = pages.render_login(self._home)
        else:
            viewer = self._viewer(*signed_in)
            content = pages.render_approvals(viewer, await self._waiting(), await self._decided())
        return HTMLResponse(pages.render_page(self._home, content, notice))

    async def show_list(self, request: Request) -> Response:
        """The list alone, which the page's script reloads."""
        self._require_own_page(request)
        signed_in = await self._signed_in(request)
        if signed_in is None:
            raise HttpError(401, "Log in first.")
        return HTMLResponse(pages.render_intents(self._viewer(*signed_in), await self._waiting()))

    async def log_in(self, request: Request) -> Response:
        """Start a session for the operator whose token was entered."""
        self._require_own_page(request)
        form = await read_form(request)
        try:
            operator = await self._authenticator.operator_by_secret(
                form.get("token", ""), request.scope
            )
        except HttpError as error:
            if error.status != 401:
                raise
            login = pages.render_login(self._home)
            return HTMLResponse(pages.render_page(self._home, login, "wrong-token"), 401)
        token_name = operator.name.removeprefix("operator:")
        session = self._signer.new_session(token_name, self._context.now())
        response = RedirectResponse(self._home, 303)
        response.set_cookie(
            self._cookie,
            self._signer.cookie_of(session),
            max_age=int(LIFETIME.total_seconds()),
            path="/",
            secure=self._https,
            httponly=True,
            samesite="strict",
        )
        return response

    async def log_out(self, request: Request) -> Response:
        """End the session on every replica, and delete its cookie from this browser."""
        self._require_own_page(request)
        session = self._session_of(request)
        if session is not None:
            ended = self._context.journal.open().ended_sessions
            expires_at = datetime.fromtimestamp(session.expires_at, UTC)
            try:
                await ended.add(session.id, expires_at, self._context.now())
            except JournalUnavailable:
                raise journal_unavailable() from None
        response = RedirectResponse(self._home, 303)
        response.delete_cookie(
            self._cookie, path="/", secure=self._https, httponly=True, samesite="strict"
        )
        return response

    async def decide(self, request: Request) -> Response:
        """Approve or decline one intent, once."""
        self._require_own_page(request)
        signed_in = await self._signed_in(request)
        if signed_in is None:
            return self._redirect_with_notice("ended")
        operator, session = signed_in
        form = await read_form(request)
        if not self._signer.is_form_token(session, form.get("form_token", "")):
            return HTMLResponse(pages.render_page(self._home, "", "forged"), 403)
        decision = parse_decision(form.get("decision", ""))
        try:
            await decide(self._context, request.path_params["intent"], decision, operator.name)
        except OwnIntent:
            return self._redirect_with_notice("own")
        except CallerError:
            return self._redirect_with_notice("gone")
        except JournalUnavailable:
            raise journal_unavailable() from None
        return self._redirect_with_notice(decision)

    def _require_own_page(self, request: Request) -> None:
        """Refuse requests from other pages, even if they carry our cookie.

        A page on another port of this machine is a different page, although browsers treat it as
        the same site and send our cookie.

        Raises:
            HttpError: the request comes from another page (403).
        """
        origin = request.headers.get("origin")
        host = request.headers.get("host", "")
        own = origin is None or is_own_origin(origin, host, self._public_url, https=self._https)
        sent_form = request.method == "POST"
        site = request.headers.get("sec-fetch-site", "same-origin")
        if not own or (sent_form and site not in {"same-origin", "none"}):
            raise HttpError(403, "The approvals page answers its own pages only.")

    def _redirect_with_notice(self, notice: str) -> Response:
        """Redirect to the list, with a notice."""
        return RedirectResponse(f"{self._home}?notice={notice}", 303)

    def _viewer(self, operator: Principal, session: OperatorSession) -> pages.Viewer:
        form_token = self._signer.form_token(session)
        sandbox = self._context.settings.sandbox
        return pages.Viewer(self._home, operator.name, form_token, self._context.now(), sandbox)

    def _session_of(self, request: Request) -> OperatorSession | None:
        """The session in the request's cookie, whether or not it has been ended."""
        cookie = request.cookies.get(self._cookie, "")
        return self._signer.read_cookie(cookie, self._context.now())

    async def _signed_in(self, request: Request) -> tuple[Principal, OperatorSession] | None:
        """The signed-in operator, if they have not signed out and their token is still active."""
        session = self._session_of(request)
        if session is None:
            return None
        try:
            if await self._context.journal.open().ended_sessions.has(session.id):
                return None
            token = await self._tokens.find_by_name(session.token_name)
        except JournalUnavailable:
            raise journal_unavailable() from None
        return None if token is None or not token.operator else (token.principal, session)

    async def _waiting(self) -> list[Intent]:
        try:
            return await waiting_intents(self._context)
        except JournalUnavailable:
            raise journal_unavailable() from None

    async def _decided(self) -> list[Intent]:
        try:
            return await decided(self._context)
        except JournalUnavailable:
            raise journal_unavailable() from None


def parse_decision(value: str) -> Literal["approved", "declined"]:
    """The decision in a form.

    Raises:
        HttpError: it is neither (400).
    """
    if value == "approved":
        return "approved"
    if value == "declined":
        return "declined"
    raise HttpError(400, "A decision is approved or declined.")


def is_own_origin(origin: str, host: str, public_url: str | None, *, https: bool) -> bool:
    """Whether an origin belongs to this server.

    Args:
        origin: the Origin header.
        host: the Host header, already checked.
        public_url: the server's public address, if it is set.
        https: whether it is reached over HTTPS. On loopback, direct access may use plain HTTP.
    """
    if public_url is not None:
        public = urlsplit(public_url)
        if origin.lower() == f"{public.scheme}://{public.netloc}".lower():
            return True
    scheme, _, place = origin.lower().partition("://")
    if place != host.lower():
        return False
    return scheme == "https" or (
        scheme == "http" and (not https or is_loopback(urlsplit(f"//{place}").hostname or ""))
    )


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form, with the first value of each.

    Raises:
        HttpError: the body is not a form (400).
    """
    try:
        body = (await request.body()).decode()
        fields = parse_qs(body, max_num_fields=MAX_FORM_FIELDS, strict_parsing=True)
    except ValueError:
        raise HttpError(400, "The body is no form.") from None
    return {name: values[0] for name, values in fields.items()}


async def serve_file(request: Request) -> Response:
    """A script, style sheet or image of the page."""
    name = request.url.path.rpartition("/")[2]
    return FileResponse(pages.TEMPLATES / name, headers={"Cache-Control": "no-cache"})


async def serve_picture(request: Request) -> Response:
    """The script or the style that draws a change."""
    text, media_type = PICTURE[request.url.path.rpartition("/")[2]]
    return Response(text(), media_type=media_type, headers={"Cache-Control": "no-cache"})
