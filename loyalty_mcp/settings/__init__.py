"""The settings, read once from flags and environment variables, and immutable afterwards."""

import os
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from loyalty_mcp.errors import BadSetting
from loyalty_mcp.intents.roles import Role
from loyalty_mcp.settings.values import (
    api_root,
    host_names,
    issuer_address,
    known_database,
    networks,
    readable_file,
    split_secrets,
    strong_secret,
    usable_key,
    web_address,
    web_origins,
    webhook_address,
    without_template,
)

Confirm = Literal["ask", "dialog", "token", "operator", "off"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
LogFormat = Literal["text", "json"]
Names: TypeAlias = Annotated[tuple[str, ...], NoDecode]
"""A comma-separated list."""

APP_NAME: Final = "loyalty-mcp"
PREFIX: Final = "LOYALTY_MCP_"
KEY_VARIABLE: Final = "BREVO_API_KEY"
BREVO_VARIABLES: Final = {
    "api_key": KEY_VARIABLE,
    "client_id": "BREVO_CLIENT_ID",
    "client_secret": "BREVO_CLIENT_SECRET",
}
"""Settings without our prefix: these variables are Brevo's, and other programs use them too."""

APPROVALS_PATH: Final = "/approvals"
"""Where the approvals page is served."""

SECRET_FILES: Final = {
    "api_key_file": "api_key",
    "client_secret_file": "client_secret",
    "secret_file": "secret",
    "database_url_file": "database_url",
    "approval_webhook_secret_file": "approval_webhook_secret",
}
"""Settings that name a file, with the secret setting that the file contains."""


def state_folder() -> Path:
    """The folder for persistent data; a folder created by an older version stays in use."""
    chosen, home = os.environ.get("XDG_STATE_HOME"), Path.home() / ".local" / "state"
    if chosen:
        return Path(chosen) / APP_NAME
    if (home / APP_NAME).is_dir():
        return home / APP_NAME
    from platformdirs import user_state_path  # noqa: PLC0415 - rarely needed and slow to load

    return user_state_path(APP_NAME, appauthor=False)


class Settings(BaseSettings):
    """All settings. Each field is an environment variable and a flag, described in `--help`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    api_key: SecretStr | None = Field(
        None,
        validation_alias=KEY_VARIABLE,
        description="the API key of the Brevo account; without one, the embedded sandbox is used",
    )
    api_key_file: Path | None = Field(None, description="a file with that key")
    client_id: str | None = Field(
        None,
        validation_alias=BREVO_VARIABLES["client_id"],
        description="the OAuth app of the Brevo account (machine-to-machine), instead of a key",
    )
    client_secret: SecretStr | None = Field(
        None,
        validation_alias=BREVO_VARIABLES["client_secret"],
        description="the secret of that app",
    )
    client_secret_file: Path | None = Field(None, description="a file with that secret")
    base_url: str = Field("https://api.brevo.com/v3", description="root of the Brevo API")
    role: Role = Field(Role.FULL, description="the set of tools to publish")
    read_only: bool = Field(False, description="publish only tools that change nothing")
    program: str | None = Field(
        None, description="pin one program, by name or id; tools then have no program argument"
    )
    member: str | None = Field(
        None,
        description="pin one member, by contact id, email, phone or own id; required for role "
        "`member` over stdio",
    )
    tools: Names = Field((), description="publish only these tools of the role, comma-separated")
    exclude_tools: Names = Field((), description="do not publish these tools, comma-separated")
    confirm: Confirm = Field("ask", description="who has to agree to a change")
    policy: Path | None = Field(None, description="a TOML file of caps and approval rules")
    intent_ttl: int = Field(
        600, ge=10, le=86_400, description="seconds for which a preview can be agreed to"
    )
    operator_ttl: int = Field(
        86_400,
        ge=60,
        le=604_800,
        description="seconds for which a preview can wait for an operator",
    )
    dialog_timeout: int = Field(
        120, ge=1, le=3_600, description="seconds after which an open dialog counts as declined"
    )
    database_url: SecretStr | None = Field(
        None,
        description="the journal: `sqlite:///FILE`, or `postgresql+asyncpg://…` for replicas",
    )
    database_url_file: Path | None = Field(
        None, description="a file with that address, which may contain a password"
    )
    secret: SecretStr | None = Field(
        None,
        description="at least 32 bytes, the same on all replicas; signs the data that they share. "
        "During a rotation, two secrets separated by a comma: the first signs, both are accepted",
    )
    secret_file: Path | None = Field(None, description="a file with that secret")
    timeout: float = Field(20, gt=0, le=300, description="seconds to wait for an answer from Brevo")
    sandbox_file: Path | None = Field(
        None,
        description="a file for the data of the embedded sandbox, for clients that start a process "
        "for each call; without it, each process starts a new sandbox",
    )
    approval_webhook: str | None = Field(
        None, description="an address that gets a signed message when an intent needs an operator"
    )
    approval_webhook_secret: SecretStr | None = Field(
        None, description="at least 32 bytes; signs the messages to that address"
    )
    approval_webhook_secret_file: Path | None = Field(None, description="a file with that secret")
    log_level: LogLevel = Field("INFO", description="the least severe log records to write")
    log_format: LogFormat = Field("text", description="how log records are written to stderr")
    public_url: str | None = Field(
        None, description="the address at which HTTP clients reach this server"
    )
    allowed_hosts: Names = Field(
        (), description="additional names to accept in the Host header, comma-separated"
    )
    allowed_origins: Names = Field(
        (), description="web origins whose pages may call this server, comma-separated"
    )
    oauth_issuer: str | None = Field(
        None, description="the authorization server whose access tokens are accepted"
    )
    oauth_audience: str | None = Field(
        None, description="the audience that these access tokens must have"
    )
    oauth_jwks_url: str | None = Field(
        None, description="the address of the authorization server's public keys"
    )
    oauth_member_claim: str = Field(
        "loyalty_member", description="the claim that limits a caller to one member"
    )
    oauth_require_at_jwt: bool = Field(
        False, description="accept only access tokens of the type `at+jwt` (RFC 9068)"
    )
    tls_certificate: Path | None = Field(
        None, description="a PEM file with the certificate chain, to serve HTTPS without a proxy"
    )
    tls_key: Path | None = Field(None, description="a PEM file with the certificate's private key")
    trusted_proxies: Names = Field(
        (),
        description="addresses or networks of proxies whose `X-Forwarded-For` names the client, "
        "comma-separated",
    )
    max_connections: int = Field(
        2_000, ge=10, le=100_000, description="maximum number of open HTTP connections"
    )
    max_connections_per_address: int = Field(
        1_000, ge=1, le=100_000, description="maximum number of open HTTP connections per address"
    )
    session_idle: int = Field(
        600, ge=10, le=86_400, description="seconds after which an unused HTTP session ends"
    )
    max_sessions_per_caller: int = Field(
        100, ge=1, le=2_000, description="maximum number of open HTTP sessions per caller"
    )
    max_open_requests_per_caller: int = Field(
        300, ge=1, le=100_000, description="maximum number of open HTTP requests per caller"
    )
    max_calls_per_minute: int = Field(
        600,
        ge=1,
        le=100_000,
        description="maximum number of requests to `/mcp` per minute and caller",
    )
    budget_share: int = Field(
        50, ge=1, le=100, description="percentage of Brevo's hourly requests that a caller may use"
    )
    budget_reserve: int = Field(
        10,
        ge=0,
        le=90,
        description="percentage of Brevo's hourly requests reserved for operators and for changes "
        "that were agreed to",
    )
    header_timeout: float = Field(
        10, ge=0.1, le=120, description="seconds within which request headers must arrive"
    )

    @model_validator(mode="before")
    @classmethod
    def _drop_blank_values(cls, values: Any) -> Any:
        """Treat an empty value as not set, and strip whitespace from other values."""
        trimmed = {
            name: value.strip() if isinstance(value, str) else value
            for name, value in values.items()
        }
        return {name: value for name, value in trimmed.items() if value != ""}

    @field_validator(
        *("tools", "exclude_tools", "allowed_hosts", "allowed_origins", "trusted_proxies"),
        mode="before",
    )
    @classmethod
    def _comma_separated(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(name for name in (part.strip() for part in value.split(",")) if name)
        return value

    # Validators run last to first, so this one still sees the text.
    _no_template = field_validator("*", mode="before")(without_template)
    _usable_key = field_validator("api_key")(usable_key)
    _known_database = field_validator("database_url")(known_database)
    _readable = field_validator(*SECRET_FILES)(readable_file)
    _strong_secret = field_validator("secret", "approval_webhook_secret")(strong_secret)
    _api_root = field_validator("base_url")(api_root)
    _web_address = field_validator("public_url", "oauth_jwks_url")(web_address)
    _webhook = field_validator("approval_webhook")(webhook_address)
    _issuer = field_validator("oauth_issuer")(issuer_address)
    _hosts = field_validator("allowed_hosts")(host_names)
    _origins = field_validator("allowed_origins")(web_origins)
    _networks = field_validator("trusted_proxies")(networks)

    @property
    def replicated(self) -> bool:
        """Whether several processes share the work; then no session may be tied to one of them."""
        url = self.database_url
        shared = url is not None and url.get_secret_value().startswith("postgresql")
        return shared and self.secret is not None

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets that replicas share: the first one signs, all are accepted."""
        return () if self.secret is None else split_secrets(self.secret.get_secret_value())

    @property
    def approvals_page(self) -> str | None:
        """The public address of the approvals page; None if the server has none."""
        return None if self.public_url is None else f"{self.public_url}{APPROVALS_PATH}"

    @property
    def sandbox(self) -> bool:
        """Whether the embedded sandbox is used, because there are no Brevo credentials."""
        given = (self.api_key, self.client_id, self.client_secret)
        return all(value is None for value in given)


def variable_of(field: str) -> str:
    """The environment variable of a setting."""
    if field in BREVO_VARIABLES.values():  # the name in a validation error
        return field
    return BREVO_VARIABLES.get(field, PREFIX + field.upper())


def meaning_of(field: str) -> str:
    """A short description of a setting, for `--help` and the documents."""
    return str(Settings.model_fields[field].description)


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    message = first["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    return f"{variable_of(str(first['loc'][0]))} is wrong: {message}."


def read_settings(**flags: Any) -> Settings:
    """The settings from the environment, overridden by flags that are neither None nor empty.

    Raises:
        BadSetting: one sentence that names the setting, what is wrong, and what would be right.
    """
    known = {variable_of(field) for field in Settings.model_fields}
    for variable in sorted(os.environ):
        if variable.startswith(PREFIX) and variable not in known:
            near = get_close_matches(variable, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else "."
            raise BadSetting(f"{variable} is no setting{hint}")
    overrides = {
        BREVO_VARIABLES.get(name, name): value
        for name, value in flags.items()
        if value is not None and not (isinstance(value, str) and not value.strip())
    }
    try:
        settings = Settings(**overrides)
        kept_in_files = _read_secret_files(settings)
        return Settings(**overrides, **kept_in_files) if kept_in_files else settings
    except ValidationError as error:
        raise BadSetting(_sentence(error)) from None


def _read_secret_files(settings: Settings) -> dict[str, Any]:
    """The settings that are read from files, under the names that `Settings` accepts."""
    found: dict[str, Any] = {}
    for name, field in SECRET_FILES.items():
        file: Path | None = getattr(settings, name)
        if file is None:
            continue
        if getattr(settings, field) is not None:
            raise BadSetting(
                f"{variable_of(field)} and {variable_of(name)} are both set; give one."
            )
        found[BREVO_VARIABLES.get(field, field)] = file.read_text("utf-8")
    return found
