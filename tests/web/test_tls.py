"""HTTPS in the server itself."""

import datetime as dt
import ssl
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.cli.test_commands import run
from tests.web.server_process import server_process


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
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
    certificate_file, key_file = tmp_path / "certificate.pem", tmp_path / "key.pem"
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
