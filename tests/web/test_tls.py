"""HTTPS in the server itself."""

import datetime as dt
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.cli.test_commands import run
from tests.web.server_process import ServerProcess, server_process, status_of


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for localhost, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate_file.write_bytes(signed.public_bytes(Encoding.PEM))
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return certificate_file, key_file


def test_the_server_speaks_https(certificate: tuple[Path, Path]) -> None:
    """With a certificate it speaks HTTPS only, sends HSTS and marks its cookie Secure."""
    chain, key = certificate
    token = run("token", "create", "--name", "anna", "--role", "full", "--operator").stdout.strip()
    context = ssl.create_default_context(cafile=str(chain))
    with server_process("--tls-certificate", str(chain), "--tls-key", str(key)) as server:
        url = f"https://localhost:{server.port}"
        with httpx2.Client(base_url=url, verify=context) as http:
            health = http.get("/health")
            login = http.post("/approvals/login", data={"token": token})
        with pytest.raises(httpx2.HTTPError):
            httpx2.get(f"http://localhost:{server.port}/health")

    assert health.status_code == 200
    assert health.headers["strict-transport-security"].startswith("max-age=")
    assert "; Secure" in login.headers["set-cookie"]


@pytest.fixture(scope="module")
def crowded(certificate: tuple[Path, Path]) -> Iterator[ServerProcess]:
    """A server that speaks HTTPS, with few connections and a short deadline."""
    chain, key = certificate
    tls = ("--tls-certificate", str(chain), "--tls-key", str(key))
    bounds = ("--max-connections", "40", "--max-connections-per-address", "30")
    state = {"XDG_STATE_HOME": str(chain.parent)}
    with server_process(*tls, *bounds, "--header-timeout", "1", environment=state) as server:
        yield server


def is_answered(server: ServerProcess, chain: Path) -> bool:
    """Whether a client with a new connection gets its answer."""
    context = ssl.create_default_context(cafile=str(chain))
    answer = httpx2.get(f"https://localhost:{server.port}/health", verify=context, timeout=30)
    return answer.status_code == 200


def test_a_connection_counts_before_its_handshake(
    crowded: ServerProcess, certificate: tuple[Path, Path]
) -> None:
    """Of a hundred silent connections from one address thirty stay, and others are answered."""
    with ExitStack() as stack:
        silent = [stack.enter_context(crowded.connect("127.0.0.2")) for _ in range(100)]
        assert is_answered(crowded, certificate[0])
        dropped = [is_closed(connection) for connection in silent]

    assert dropped == [True] * 70 + [False] * 30


def is_closed(connection: socket.socket) -> bool:
    """Whether the other side has closed a connection."""
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("begun", [b"", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n"])
def test_an_unfinished_handshake_is_closed(crowded: ServerProcess, begun: bytes) -> None:
    """Silence, half a handshake and plain HTTP end the connection in time, without an answer."""
    assert status_of(crowded.exchange(begun)) == 0
    assert not any("Traceback" in line for line in crowded.log)


@pytest.mark.parametrize(
    "flags",
    [
        ["--tls-certificate", "certificate.pem"],
        ["--tls-key", "key.pem"],
        ["--tls-certificate", "missing.pem", "--tls-key", "key.pem"],
        ["--tls-certificate", "key.pem", "--tls-key", "key.pem"],
    ],
    ids=["no key", "no certificate", "a missing file", "no certificate inside"],
)
def test_a_wrong_certificate_is_a_usage_error(
    certificate: tuple[Path, Path], flags: list[str]
) -> None:
    """A certificate that cannot be used is reported in one sentence, with exit code 2."""
    folder = certificate[0].parent
    given = [str(folder / flag) if flag.endswith(".pem") else flag for flag in flags]

    result = run("serve", "--http", "--port", "0", *given)

    assert result.exit_code == 2
    assert "LOYALTY_MCP_TLS_" in result.stderr
    assert result.stderr.count("\n") == 1
