"""The settings: read once, from flags and the environment, and never changed."""

import os
import re
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from loyalty_mcp.errors import BadSetting
from loyalty_mcp.intents.roles import Role

Confirm = Literal["ask", "dialog", "token", "operator", "off"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
LogFormat = Literal["text", "json"]
Names: TypeAlias = Annotated[tuple[str, ...], NoDecode]
"""A comma-separated list."""

APP_NAME: Final = "loyalty-mcp"
PREFIX: Final = "LOYALTY_MCP_"
KEY_VARIABLE: Final = "BREVO_API_KEY"
WEB_ADDRESS: Final = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?")
HOST: Final = re.compile(r"[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]")
ORIGIN: Final = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?")
DATABASES: Final = ("sqlite:///", "postgresql+asyncpg://")
OLD_SQLITE: Final = "sqlite+aiosqlite://"
"""How earlier versions spelled `sqlite://`; still read."""

TEMPLATE: Final = re.compile(r"\$\{[^}]*\}|\{\{[^}]*\}\}")
"""A placeholder that the client should have replaced, such as `${user_config.api_key}`."""

SMTP_KEY_PREFIX: Final = "xsmtpsib-"
PLACEHOLDER_KEY: Final = re.compile(
    r"(xkeysib[-_])?("
    r"<.*>|\[.*\]|%\w+%|\$\w+"
    r"|(your|my|the|insert|enter|paste|put|add|replace)[-_ ].*"
    r"|(brevo[-_ ]?)?api[-_ ]?key(here)?|key|x{3,}[-x]*|\.{2,}"
    r"|change[-_ ]?(me|this|it)|placeholder|example|todo|none|null|undefined"
    r")",
    re.IGNORECASE,
)
"""What people and templates leave where a key belongs."""


def state_folder() -> Path:
    """The folder for what must outlive a process; a folder that an older version made is kept."""
    chosen, home = os.environ.get("XDG_STATE_HOME"), Path.home() / ".local" / "state"
    if chosen:
        return Path(chosen) / APP_NAME
    if (home / APP_NAME).is_dir():
        return home / APP_NAME
    from platformdirs import user_state_path  # noqa: PLC0415 - rarely needed, and slow to load

    return user_state_path(APP_NAME, appauthor=False)


class Settings(BaseSettings):
    """All settings. Each field is an environment variable and a flag, described in `--help`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    api_key: SecretStr | None = Field(
        None,
        validation_alias=KEY_VARIABLE,
        description="the API key of the Brevo account; without one, the embedded sandbox serves",
    )
    base_url: str = Field("https://api.brevo.com/v3", description="root of the Brevo API")
    role: Role = Field(Role.FULL, description="the set of tools to publish")
    read_only: bool = Field(False, description="publish only tools that change nothing")
    program: str | None = Field(
        None, description="pin one program, by name or id; tools then have no program argument"
    )
    member: str | None = Field(
        None,
        description="pin one member, by contact id, email, phone or own id; role `member` needs "
        "it over stdio",
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
    secret: SecretStr | None = Field(
        None, description="at least 32 bytes, the same on all replicas; signs what they share"
    )
    timeout: float = Field(20, gt=0, le=300, description="seconds to wait for an answer of Brevo")
    sandbox_file: Path | None = Field(
        None,
        description="a file that keeps the embedded sandbox, for clients that start a process for "
        "each call; without it, each process begins a fresh one",
    )
    log_level: LogLevel = Field("INFO", description="the least severe log records to write")
    log_format: LogFormat = Field("text", description="how log records are written to stderr")
    public_url: str | None = Field(
        None, description="the address under which HTTP clients reach this server"
    )
    allowed_hosts: Names = Field(
        (), description="further names to accept in the Host header, comma-separated"
    )
    allowed_origins: Names = Field(
        (), description="web origins whose pages may call this server, comma-separated"
    )
    oauth_issuer: str | None = Field(
        None, description="the authorization server whose access tokens are accepted"
    )
    oauth_audience: str | None = Field(
        None, description="the audience that these access tokens must name"
    )
    oauth_jwks_url: str | None = Field(
        None, description="where the public keys of the authorization server are"
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
        2_000, ge=10, le=100_000, description="HTTP connections open at once"
    )
    max_connections_per_address: int = Field(
        1_000, ge=1, le=100_000, description="HTTP connections open at once from one address"
    )
    session_idle: int = Field(
        600, ge=10, le=86_400, description="seconds after which an unused HTTP session ends"
    )
    max_sessions_per_caller: int = Field(
        100, ge=1, le=2_000, description="HTTP sessions of one caller open at once"
    )
    max_calls_per_minute: int = Field(
        600, ge=1, le=100_000, description="HTTP requests of one caller to `/mcp` in a minute"
    )
    budget_share: int = Field(
        50, ge=1, le=100, description="percentage of Brevo's hourly requests one caller may use"
    )
    budget_reserve: int = Field(
        10,
        ge=0,
        le=90,
        description="percentage of Brevo's hourly requests kept for operators and for changes "
        "already agreed to",
    )
    header_timeout: float = Field(
        10, ge=0.1, le=120, description="seconds in which the headers of a request must arrive"
    )

    @model_validator(mode="before")
    @classmethod
    def _drop_blank_values(cls, values: Any) -> Any:
        """Treat an empty value as not set, and trim the others."""
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

    # The last one runs first, so it still sees the text.
    @field_validator("*", mode="before")
    @classmethod
    def _no_template(cls, value: Any, info: ValidationInfo) -> Any:
        # A secret is random, so it may hold anything.
        found = TEMPLATE.fullmatch if info.field_name == "secret" else TEMPLATE.search
        if isinstance(value, str) and found(value):
            raise ValueError(
                "it still holds a placeholder that your client did not replace; give a value, or "
                "leave the setting out"
            )
        return value

    @field_validator("api_key")
    @classmethod
    def _usable_key(cls, value: SecretStr | None) -> SecretStr | None:
        key = "" if value is None else value.get_secret_value().strip()
        if PLACEHOLDER_KEY.fullmatch(key):
            raise ValueError(
                "it is a placeholder, not a key; copy the key from Brevo under SMTP & API, or "
                "leave it out for the embedded sandbox"
            )
        if key.startswith(SMTP_KEY_PREFIX):
            raise ValueError(
                "it is an SMTP key; create an API key (it begins with xkeysib-) in Brevo under "
                "SMTP & API, API keys"
            )
        if not key.isascii() or not key.isprintable() or " " in key:
            raise ValueError("it has a character that no key has; copy it again from Brevo")
        return SecretStr(key) if key else None

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        address = value.get_secret_value()
        if address.startswith(OLD_SQLITE):
            address = f"sqlite://{address.removeprefix(OLD_SQLITE)}"
        if not address.startswith(DATABASES):
            raise ValueError("it must be sqlite:///FILE or postgresql+asyncpg://…")
        return SecretStr(address)

    @field_validator("secret")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value().encode()) < 32:
            raise ValueError("it is too short; give 32 bytes or more")
        return value

    @field_validator("base_url")
    @classmethod
    def _api_root(cls, value: str) -> str:
        if not WEB_ADDRESS.fullmatch(value):
            raise ValueError("it must be an address such as https://api.brevo.com/v3")
        return value.rstrip("/")

    @field_validator("public_url", "oauth_jwks_url")
    @classmethod
    def _web_address(cls, value: str | None) -> str | None:
        if value is not None and not WEB_ADDRESS.fullmatch(value):
            raise ValueError("it must be an address such as https://loyalty.example.com")
        return None if value is None else value.rstrip("/")

    @field_validator("oauth_issuer")
    @classmethod
    def _issuer(cls, value: str | None) -> str | None:
        # Compared with the claim `iss` as it is, so a slash at the end stays.
        if value is not None and not WEB_ADDRESS.fullmatch(value):
            raise ValueError("it must be the address of the authorization server, letter by letter")
        return value

    @field_validator("allowed_hosts")
    @classmethod
    def _hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            if not HOST.fullmatch(host):
                raise ValueError("give names such as loyalty.example.com, without scheme or port")
        return tuple(host.lower() for host in value)

    @field_validator("allowed_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if not ORIGIN.fullmatch(origin):
                raise ValueError("give origins such as https://app.example.com, without a path")
        return tuple(origin.lower() for origin in value)

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        from ipaddress import ip_network  # noqa: PLC0415 - rarely needed

        try:
            return tuple(str(ip_network(network, strict=False)) for network in value)
        except ValueError:
            raise ValueError("give addresses or networks such as 10.0.0.7 or 10.0.0.0/8") from None

    @property
    def replicated(self) -> bool:
        """Whether several processes may share the work: no session may live in one of them."""
        url = self.database_url
        shared = url is not None and url.get_secret_value().startswith("postgresql")
        return shared and self.secret is not None

    @property
    def sandbox(self) -> bool:
        """Whether the embedded sandbox serves, because there is no API key."""
        return self.api_key is None


def variable_of(field: str) -> str:
    """The environment variable of a setting."""
    return KEY_VARIABLE if field in {"api_key", KEY_VARIABLE} else PREFIX + field.upper()


def meaning_of(field: str) -> str:
    """A setting in a few words, for `--help` and the documents."""
    return str(Settings.model_fields[field].description)


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    message = first["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    return f"{variable_of(str(first['loc'][0]))} is wrong: {message}."


def read_settings(**flags: Any) -> Settings:
    """The settings from the environment, overruled by the flags that are neither None nor empty.

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
        KEY_VARIABLE if name == "api_key" else name: value
        for name, value in flags.items()
        if value is not None and not (isinstance(value, str) and not value.strip())
    }
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise BadSetting(_sentence(error)) from None
