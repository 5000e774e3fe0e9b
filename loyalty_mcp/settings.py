"""The settings: read once, from the environment and the flags, and never changed."""

import os
import re
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from loyalty_mcp.errors import BadSetting

Role = Literal["full", "manager", "support", "member"]
Confirm = Literal["ask", "dialog", "token", "operator", "off"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
LogFormat = Literal["text", "json"]
PREFIX = "LOYALTY_MCP_"
KEY_VARIABLE = "BREVO_API_KEY"
ADDRESS = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?")
HOST = re.compile(r"[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]")
ORIGIN = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?")
UNSET_BY_EMPTY = (
    *("api_key", "program", "member", "policy", "database_url"),
    *("public_url", "oauth_issuer", "oauth_audience", "oauth_jwks_url"),
)
DATABASES = ("sqlite+aiosqlite://", "postgresql+asyncpg://")


def state_folder() -> Path:
    """Where a user's programs keep what must outlive them, by the XDG convention."""
    chosen = os.environ.get("XDG_STATE_HOME")
    return (Path(chosen) if chosen else Path.home() / ".local" / "state") / "loyalty-mcp"


class Settings(BaseSettings):
    """All settings of DESIGN section 5; each field is `LOYALTY_MCP_` plus its name."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    api_key: SecretStr | None = Field(None, validation_alias=KEY_VARIABLE)
    base_url: str = "https://api.brevo.com/v3"
    role: Role = "full"
    read_only: bool = False
    program: str | None = Field(None, min_length=1)
    member: str | None = Field(None, min_length=1)
    tools: Annotated[tuple[str, ...], NoDecode] = ()
    exclude_tools: Annotated[tuple[str, ...], NoDecode] = ()
    confirm: Confirm = "ask"
    policy: Path | None = None
    intent_ttl: int = Field(600, ge=10, le=86_400)
    dialog_timeout: int = Field(120, ge=1, le=3_600)
    database_url: SecretStr | None = None
    secret: SecretStr | None = None
    timeout: float = Field(20, gt=0, le=300)
    log_level: LogLevel = "INFO"
    log_format: LogFormat = "text"
    public_url: str | None = None
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = ()
    oauth_issuer: str | None = None
    oauth_audience: str | None = None
    oauth_jwks_url: str | None = None
    oauth_member_claim: str = Field("loyalty_member", min_length=1)

    @field_validator("tools", "exclude_tools", "allowed_hosts", "allowed_origins", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(name for name in (part.strip() for part in value.split(",")) if name)
        return value

    @field_validator(*UNSET_BY_EMPTY, mode="before")
    @classmethod
    def _empty_is_unset(cls, value: Any) -> Any:
        return None if value == "" else value

    @field_validator("api_key")
    @classmethod
    def _fit_for_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        key = "" if value is None else value.get_secret_value().strip()
        if not key.isascii() or not key.isprintable() or " " in key:
            raise ValueError("it holds a character that no key has; copy it again from Brevo")
        return SecretStr(key) if key else None

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(DATABASES):
            raise ValueError(f"it must begin with {' or '.join(DATABASES)}")
        return value

    @field_validator("secret")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value().encode()) < 32:
            raise ValueError("it is too short; give 32 bytes or more")
        return value

    @field_validator("base_url")
    @classmethod
    def _address(cls, value: str) -> str:
        if not ADDRESS.fullmatch(value):
            raise ValueError("it must be an address such as https://api.brevo.com/v3")
        return value.rstrip("/")

    @field_validator("public_url", "oauth_jwks_url")
    @classmethod
    def _web_address(cls, value: str | None) -> str | None:
        if value is not None and not ADDRESS.fullmatch(value):
            raise ValueError("it must be an address such as https://loyalty.example.com")
        return None if value is None else value.rstrip("/")

    @field_validator("oauth_issuer")
    @classmethod
    def _issuer(cls, value: str | None) -> str | None:
        if value is not None and not ADDRESS.fullmatch(value):
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

    @property
    def replicated(self) -> bool:
        """Whether several processes may share the work: no session may live in one of them."""
        url = self.database_url
        shared = url is not None and url.get_secret_value().startswith("postgresql")
        return shared and self.secret is not None

    @property
    def sandbox(self) -> bool:
        """Whether the embedded sandbox serves, for want of an API key."""
        return self.api_key is None


def _variable(field: str) -> str:
    return KEY_VARIABLE if field in {"api_key", KEY_VARIABLE} else PREFIX + field.upper()


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    message = first["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    return f"{_variable(str(first['loc'][0]))} is wrong: {message}."


def read_settings(**flags: Any) -> Settings:
    """The settings from the environment, overruled by the flags that are not None.

    Raises:
        BadSetting: one sentence that names the setting, what is wrong, and what would be right.
    """
    known = {_variable(field) for field in Settings.model_fields}
    for variable in sorted(os.environ):
        if variable.startswith(PREFIX) and variable not in known:
            near = get_close_matches(variable, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else "."
            raise BadSetting(f"{variable} is no setting{hint}")
    overrides = {
        KEY_VARIABLE if name == "api_key" else name: value
        for name, value in flags.items()
        if value is not None
    }
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise BadSetting(_sentence(error)) from None
