"""Settings: from the environment and the flags, and one sentence when one of them is wrong."""

import ast
import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from platformdirs import user_state_path
from pydantic import SecretStr, ValidationError

from loyalty_mcp import settings as config
from loyalty_mcp.cli.commands import main
from loyalty_mcp.errors import BadSetting
from loyalty_mcp.intents.roles import Role
from loyalty_mcp.settings import (
    BREVO_VARIABLES,
    KEY_VARIABLE,
    PREFIX,
    SECRET_FILES,
    Settings,
    read_settings,
    state_folder,
)
from loyalty_mcp.settings.values import RANDOM

LONG = "0123456789abcdef" * 2
KEY = "xkeysib-canary"


@dataclass(frozen=True)
class Setting:
    """What is known of a setting.

    Args:
        default: without environment or flag.
        given: what the environment says, and what it means.
        flagged: what the flag says, and what it means.
        bad: values that are refused.
    """

    default: Any
    given: tuple[str, Any]
    flagged: tuple[str, Any]
    bad: tuple[str, ...] = ()


KNOWN: dict[str, Setting] = {
    "api_key": Setting(
        None,
        (KEY, SecretStr(KEY)),
        (" other \n", SecretStr("other")),
        ("schlüssel", "two words", "with\nline", "nul\x01", "xsmtpsib-0123", "your-api-key"),
    ),
    "api_key_file": Setting(
        None, ("one.key", Path("one.key")), ("two.key", Path("two.key")), ("none.key", "empty.key")
    ),
    "client_id": Setting(None, ("app-1", "app-1"), ("app-2", "app-2"), ("${APP}",)),
    "client_secret": Setting(
        None, (KEY, SecretStr(KEY)), (" other \n", SecretStr("other")), ("${SECRET}",)
    ),
    "client_secret_file": Setting(
        None,
        ("one.secret", Path("one.secret")),
        ("two.secret", Path("two.secret")),
        ("none.secret", "empty.key"),
    ),
    "base_url": Setting(
        "https://api.brevo.com/v3",
        ("http://127.0.0.1:8585/v3/", "http://127.0.0.1:8585/v3"),
        ("https://example.com", "https://example.com"),
        (
            "api.brevo.com",
            "ftp://api.brevo.com",
            "https://",
            "https://u:p@host/v3",
            "http://a b",
        ),
    ),
    "role": Setting(
        "full",
        ("support", "support"),
        ("manager", "manager"),
        ("admin", "Full", "${user_config.role}"),
    ),
    "read_only": Setting(False, ("true", True), ("", True), ("perhaps", "2")),
    "program": Setting(None, ("VIP Club", "VIP Club"), ("Other", "Other")),
    "member": Setting(None, ("101", "101"), ("own:VIP-1", "own:VIP-1")),
    "tools": Setting(
        (), ("find_member, get_program,,", ("find_member", "get_program")), ("a", ("a",))
    ),
    "exclude_tools": Setting((), ("a,b", ("a", "b")), ("c", ("c",))),
    "confirm": Setting("ask", ("token", "token"), ("off", "off"), ("yes", "ASK", "${confirm}")),
    "policy": Setting(None, ("p.toml", Path("p.toml")), ("q.toml", Path("q.toml"))),
    "intent_ttl": Setting(600, ("60", 60), ("86400", 86_400), ("9", "86401", "-1", "1.5", "soon")),
    "operator_ttl": Setting(86_400, ("60", 60), ("604800", 604_800), ("59", "604801", "x")),
    "dialog_timeout": Setting(120, ("1", 1), ("3600", 3_600), ("0", "3601", "x")),
    "database_url": Setting(
        None,
        ("sqlite:///a.db", SecretStr("sqlite:///a.db")),
        ("postgresql+asyncpg://h/d", SecretStr("postgresql+asyncpg://h/d")),
        ("a.db", "sqlite://", "postgresql://u:p@h/d", "mysql://h", "postgresql+asyncpg://${PG}"),
    ),
    "database_url_file": Setting(
        None, ("one.url", Path("one.url")), ("two.url", Path("two.url")), ("none.url", "empty.key")
    ),
    "secret": Setting(
        None,
        (LONG, SecretStr(LONG)),
        (f"{LONG}0,{LONG}", SecretStr(f"{LONG}0,{LONG}")),
        ("short", "x" * 31, f"{LONG},short", f"{LONG},", f"{LONG},{LONG},{LONG}"),
    ),
    "secret_file": Setting(
        None,
        ("one.secret", Path("one.secret")),
        ("two.secret", Path("two.secret")),
        ("none.secret", "empty.key"),
    ),
    "timeout": Setting(20.0, ("1.5", 1.5), ("300", 300.0), ("0", "-1", "301", "nan", "inf", "x")),
    "sandbox_file": Setting(None, ("s.db", Path("s.db")), ("/t/s.db", Path("/t/s.db"))),
    "approval_webhook": Setting(
        None,
        ("https://hooks.example/a", "https://hooks.example/a"),
        ("http://127.0.0.1:9/b", "http://127.0.0.1:9/b"),
        ("hooks.example", "http://hooks.example/a", "http://localhost.example/", "https://u@h/a"),
    ),
    "approval_webhook_secret": Setting(
        None, (LONG, SecretStr(LONG)), (f"{LONG}0", SecretStr(f"{LONG}0")), ("short",)
    ),
    "approval_webhook_secret_file": Setting(
        None,
        ("one.secret", Path("one.secret")),
        ("two.secret", Path("two.secret")),
        ("none.secret", "empty.key"),
    ),
    "log_level": Setting("INFO", ("DEBUG", "DEBUG"), ("ERROR", "ERROR"), ("debug", "TRACE")),
    "log_format": Setting("text", ("json", "json"), ("text", "text"), ("xml",)),
    "public_url": Setting(
        None,
        ("https://l.example/", "https://l.example"),
        ("http://l.example:8000", "http://l.example:8000"),
        ("l.example", "ftp://l.example", "https://u:p@l.example", "https://l.example?q"),
    ),
    "allowed_hosts": Setting(
        (), ("A.example, b", ("a.example", "b")), ("[::1]", ("[::1]",)), ("a/b", "a:80", "*")
    ),
    "allowed_origins": Setting(
        (),
        ("https://A.example", ("https://a.example",)),
        ("http://b:3000", ("http://b:3000",)),
        ("a.example", "https://a.example/", "*", "null"),
    ),
    "oauth_issuer": Setting(
        None, ("https://i/", "https://i/"), ("https://j", "https://j"), ("i", "https://i?x")
    ),
    "oauth_audience": Setting(None, ("a", "a"), ("b", "b")),
    "oauth_jwks_url": Setting(
        None, ("https://i/k", "https://i/k"), ("https://j", "https://j"), ("k",)
    ),
    "oauth_member_claim": Setting("loyalty_member", ("sub", "sub"), ("m", "m")),
    "oauth_require_at_jwt": Setting(False, ("true", True), ("false", False), ("perhaps", "2")),
    "tls_certificate": Setting(None, ("c.pem", Path("c.pem")), ("d.pem", Path("d.pem"))),
    "tls_key": Setting(None, ("k.pem", Path("k.pem")), ("l.pem", Path("l.pem"))),
    "trusted_proxies": Setting(
        (),
        ("10.0.0.7, 10.1.0.0/16", ("10.0.0.7/32", "10.1.0.0/16")),
        ("::1", ("::1/128",)),
        ("proxy.example", "*", "10.0.0.0/33"),
    ),
    "max_connections": Setting(2_000, ("50", 50), ("10", 10), ("9", "100001", "many")),
    "max_connections_per_address": Setting(1_000, ("5", 5), ("1", 1), ("0", "-1")),
    "session_idle": Setting(600, ("30", 30), ("10", 10), ("9", "86401", "x")),
    "max_sessions_per_caller": Setting(100, ("5", 5), ("1", 1), ("0", "2001")),
    "max_open_requests_per_caller": Setting(300, ("5", 5), ("1", 1), ("0", "100001")),
    "max_calls_per_minute": Setting(600, ("5", 5), ("1", 1), ("0", "x")),
    "budget_share": Setting(50, ("100", 100), ("1", 1), ("0", "101")),
    "budget_reserve": Setting(10, ("0", 0), ("90", 90), ("-1", "91")),
    "header_timeout": Setting(10.0, ("0.5", 0.5), ("120", 120.0), ("0", "121", "x")),
}


FILES = {
    "empty.key": " \n",
    "one.key": f"{KEY}\n",
    "two.key": "other",
    "one.secret": f"{LONG}\n",
    "two.secret": f"{LONG}0",
    "one.url": "sqlite:///one.db\n",
    "two.url": "sqlite:///two.db",
}
"""Files with secrets, by name."""

SWITCHES = {name for name, known in KNOWN.items() if isinstance(known.default, bool)}
"""Settings whose flag takes no value."""


def variable(name: str) -> str:
    """The environment's name of a setting."""
    return BREVO_VARIABLES.get(name, PREFIX + name.upper())


def flags(name: str, value: str) -> list[str]:
    """The command line that gives a setting."""
    flag = f"--{name.replace('_', '-')}"
    return [flag] if name in SWITCHES else [flag, value]


@pytest.fixture(autouse=True)
def _secret_files(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files that settings name, in the working folder."""
    monkeypatch.chdir(tmp_path_factory.mktemp("files"))
    for name, content in FILES.items():
        Path(name).write_text(content, encoding="utf-8")


def test_every_setting_is_known_here() -> None:
    """No setting is without its tests."""
    assert list(Settings.model_fields) == list(KNOWN)


@pytest.mark.parametrize("name", KNOWN)
def test_default(name: str) -> None:
    """Without environment and flag a setting has its documented default."""
    assert getattr(read_settings(), name) == KNOWN[name].default


@pytest.mark.parametrize("name", KNOWN)
def test_environment(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment sets every setting."""
    said, meant = KNOWN[name].given
    monkeypatch.setenv(variable(name), said)

    assert getattr(read_settings(), name) == meant


@pytest.mark.parametrize("name", KNOWN)
def test_flag_wins(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flag means the same as the environment, and wins over it."""
    said, meant = KNOWN[name].flagged
    monkeypatch.setenv(variable(name), "false" if name in SWITCHES else KNOWN[name].given[0])

    assert getattr(read_settings(**{name: said or True}), name) == meant


@pytest.mark.parametrize("name", KNOWN)
def test_every_command_with_settings_has_the_flag(name: str) -> None:
    """Each setting has a flag, whose help names the variable that it stands for."""
    for command in ([], ["tools"], ["serve"]):
        shown = CliRunner().invoke(main, [*command, "--help"]).output
        assert f"--{name.replace('_', '-')}" in shown
        assert f"[{variable(name)}]." in " ".join(shown.split())


BAD = [
    pytest.param(name, value, id=f"{name} {value!r}")
    for name, setting in KNOWN.items()
    for value in setting.bad
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_bad_value_in_the_environment(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong value refuses to start with one sentence that names the variable; exit code 2."""
    monkeypatch.setenv(variable(name), value)
    result = CliRunner().invoke(main, ["tools"])

    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith(f"loyalty-mcp: {variable(name)} is wrong: ")
    assert result.stderr.endswith(".\n")
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("name", "value"), [case for case in BAD if case.values[0] not in SWITCHES]
)
def test_bad_value_of_a_flag(name: str, value: str) -> None:
    """A wrong value of a flag is refused too; exit code 2."""
    result = CliRunner().invoke(main, ["tools", *flags(name, value)])

    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("name", ["api_key", "secret", "database_url", "base_url"])
def test_a_wrong_secret_is_not_shown(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong is said without saying it."""
    monkeypatch.setenv(variable(name), "a b kanäry")
    result = CliRunner().invoke(main, ["tools"])

    assert result.exit_code == 2
    assert "kan" not in result.output


@pytest.mark.parametrize("blank", ["", " ", "\t\r\n"])
@pytest.mark.parametrize("name", KNOWN)
def test_an_empty_variable_is_not_set(
    name: str, blank: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable without a value leaves every setting at its default."""
    monkeypatch.setenv(variable(name), blank)

    assert getattr(read_settings(), name) == KNOWN[name].default


@pytest.mark.parametrize("name", [name for name in KNOWN if name not in SWITCHES])
def test_an_empty_flag_is_not_given(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flag without a value does not lift what the environment says."""
    said, meant = KNOWN[name].given
    monkeypatch.setenv(variable(name), said)

    assert getattr(read_settings(**{name: ""}), name) == meant


def test_values_are_trimmed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blanks and line ends around a value, as files of variables leave them, do not matter."""
    monkeypatch.setenv("LOYALTY_MCP_ROLE", " support\r")
    monkeypatch.setenv("LOYALTY_MCP_TIMEOUT", "5 ")
    settings = read_settings()

    assert (settings.role, settings.timeout) == ("support", 5)


PLACEHOLDERS = [
    *("${user_config.api_key}", "${BREVO_API_KEY}", "${input:brevo-key}", "${env:BREVO_API_KEY}"),
    *("{{api_key}}", "%BREVO_API_KEY%", "$BREVO_API_KEY", "<your-key>", "[KEY]"),
    *("your-api-key", "YOUR_API_KEY", "xkeysib-your-key-here", "xkeysib-xxxxxxxx", "xkeysib-..."),
    *("api-key", "BREVO_API_KEY", "changeme", "placeholder", "undefined", "null", "None"),
]


@pytest.mark.parametrize("key", PLACEHOLDERS)
def test_a_placeholder_is_no_key(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that nobody filled in stops the start, rather than being refused by Brevo later."""
    monkeypatch.setenv(KEY_VARIABLE, key)
    result = CliRunner().invoke(main, ["doctor"])

    assert (result.exit_code, result.stdout) == (2, "")
    assert "placeholder" in result.stderr


@pytest.mark.parametrize("key", ["xkeysib-0f3a-Xy9", "canary-5e1f", "k", "yourself", "thekeys"])
def test_a_key_that_looks_like_one_is_taken(key: str) -> None:
    """Only plain placeholders are refused: a sandbox of its own takes any key."""
    assert read_settings(api_key=key).api_key == SecretStr(key)


def test_an_smtp_key_is_no_api_key() -> None:
    """Brevo shows both on one page; the sentence says which is wanted."""
    result = CliRunner().invoke(main, ["--api-key", "xsmtpsib-0123456789", "doctor"])

    assert result.exit_code == 2
    assert "SMTP key" in result.stderr
    assert "xkeysib-" in result.stderr
    assert "0123" not in result.stderr


@pytest.mark.parametrize("name", [name for name in KNOWN if name not in RANDOM])
def test_an_unreplaced_template_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the setting, a template that the client left in stops the start."""
    monkeypatch.setenv(variable(name), "a${SOMETHING}b")
    result = CliRunner().invoke(main, ["tools"])

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"loyalty-mcp: {variable(name)} is wrong: ")


def test_a_secret_may_hold_what_looks_like_a_template() -> None:
    """A secret is random, so only a value that is a template as a whole is refused."""
    random = f"{LONG}${{x}}"

    assert read_settings(secret=random).secret == SecretStr(random)
    with pytest.raises(BadSetting, match="placeholder"):
        read_settings(secret=f"${{{LONG}}}")


@pytest.mark.parametrize("name", SECRET_FILES)
def test_a_secret_may_stand_in_a_file(name: str) -> None:
    """A file gives the secret setting its value, without the line end, and shows nowhere."""
    field = SECRET_FILES[name]
    file, _ = KNOWN[name].given
    found = getattr(read_settings(**{name: file}), field)

    assert found == SecretStr(FILES[file].strip())
    assert FILES[file].strip() not in repr(read_settings(**{name: file}))


def test_a_secret_is_given_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret and a file with one are not both accepted."""
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    with pytest.raises(BadSetting, match="BREVO_API_KEY and LOYALTY_MCP_API_KEY_FILE are both set"):
        read_settings(api_key_file="one.key")


def test_what_a_file_holds_is_checked_like_the_setting() -> None:
    """An SMTP key in a file is no API key either, and is not shown."""
    Path("smtp.key").write_text("xsmtpsib-canary", encoding="utf-8")
    with pytest.raises(BadSetting, match=r"BREVO_API_KEY is wrong: it is an SMTP key") as error:
        read_settings(api_key_file="smtp.key")

    assert "canary" not in str(error.value)


def test_two_secrets_are_separated_by_a_comma() -> None:
    """The first secret signs; both are accepted, and three are refused."""
    assert read_settings(secret=f"{LONG}1, {LONG}2").secrets == (f"{LONG}1", f"{LONG}2")
    assert read_settings(secret=LONG).secrets == (LONG,)
    assert read_settings().secrets == ()


@pytest.mark.parametrize(
    ("flag", "value", "warned"),
    [
        ("--api-key", KEY, True),
        ("--secret", LONG, True),
        ("--database-url", "postgresql+asyncpg://u:canary@h/d", True),
        ("--database-url", "sqlite:///a.db", False),
        ("--database-url", "postgresql+asyncpg://u@h/d", False),
        ("--api-key-file", "one.key", False),
        ("--role", "support", False),
    ],
)
def test_a_secret_as_a_flag_is_warned_of(flag: str, value: str, *, warned: bool) -> None:
    """Flags show in the process list, so a secret among them is warned of, without showing it."""
    result = CliRunner().invoke(main, [flag, value, "tools"])

    assert result.exit_code == 0
    assert ("visible to every user" in result.stderr) is warned
    assert value not in result.stderr


def test_the_old_spelling_of_a_sqlite_journal_is_read() -> None:
    """Earlier versions asked for the name of a driver that was never used."""
    old = read_settings(database_url="sqlite+aiosqlite:////var/lib/journal.db")
    new = read_settings(database_url="sqlite:////var/lib/journal.db")

    assert old == new


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder, and no XDG variables."""
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    return tmp_path


def test_state_goes_where_the_platform_keeps_it(home: Path) -> None:
    """Without a folder of an older version, the platform decides."""
    assert state_folder() == user_state_path("loyalty-mcp", appauthor=False)
    assert not list(home.iterdir())


def test_the_state_folder_of_an_older_version_is_kept(home: Path) -> None:
    """Older versions used one path on every platform; a journal must not be lost."""
    older = home / ".local" / "state" / "loyalty-mcp"
    older.mkdir(parents=True)

    assert state_folder() == older


def test_an_xdg_folder_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`XDG_STATE_HOME` is obeyed on every platform."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    assert state_folder() == tmp_path / "loyalty-mcp"


def test_line_end_of_a_key_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key read from a file works although the file ends in a line end."""
    monkeypatch.setenv(KEY_VARIABLE, f"{KEY}\n")
    settings = read_settings()

    assert settings.api_key == SecretStr(KEY)
    assert not settings.sandbox


@pytest.mark.parametrize(
    ("unknown", "near"),
    [
        ("LOYALTY_MCP_CONFRIM", "LOYALTY_MCP_CONFIRM"),
        ("LOYALTY_MCP_TOOL", "LOYALTY_MCP_TOOLS"),
        ("LOYALTY_MCP_API_KEY", None),
    ],
)
def test_unknown_variable_is_refused(
    unknown: str, near: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A misspelled variable is not ignored: it might have been the guard."""
    monkeypatch.setenv(unknown, KEY)
    result = CliRunner().invoke(main, ["tools"])

    assert result.exit_code == 2
    assert result.stderr.startswith(f"loyalty-mcp: {unknown} is no setting")
    assert near is None or f"did you mean {near}?" in result.stderr
    assert KEY not in result.output


def test_foreign_variables_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables of other programs are none of our business."""
    monkeypatch.setenv("LOYALTY_OTHER", "1")
    monkeypatch.setenv("BREVO_REGION", "eu")

    assert read_settings() == Settings()


def test_settings_never_change() -> None:
    """What was read once is what holds."""
    with pytest.raises(ValidationError):
        read_settings().role = Role.MEMBER  # type: ignore[misc] # frozen: that is the point


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither key, secret nor the journal's password is in any form of the settings."""
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    monkeypatch.setenv("LOYALTY_MCP_SECRET", f"{LONG}-canary")
    monkeypatch.setenv("LOYALTY_MCP_DATABASE_URL", "postgresql+asyncpg://u:canary@h/d")
    settings = read_settings()

    shown = f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    assert "canary" not in shown


def test_settings_are_read_in_one_place() -> None:
    """Only `settings` reads them; the commands obey NO_COLOR, and the demonstration cleans."""
    package = Path(inspect.getfile(config)).parents[1]
    readers = {
        file.relative_to(package).as_posix()
        for file in package.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    }

    assert readers == {"cli/commands.py", "settings/__init__.py", "cli/demo.py"}
