"""The workflow of a release."""

from typing import Any, Final

import yaml

from tests.docs.documents import ROOT

WORKFLOW: Final[dict[Any, Any]] = yaml.safe_load(
    (ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
)


def steps(job: str) -> list[str]:
    """What the steps of a job run or use."""
    return [
        str(step.get("run") or step.get("uses")).strip() for step in WORKFLOW["jobs"][job]["steps"]
    ]


def test_everything_is_tested_before_it_is_published() -> None:
    """Nothing is published before all of CI has passed at the tag of its version."""
    build = steps("build")
    checked = next(n for n, step in enumerate(build) if "GITHUB_REF_NAME" in step)
    tested = build.index(".ci/run")
    packed = next(n for n, step in enumerate(build) if "uv build" in step)

    assert checked < tested < packed
    assert WORKFLOW["jobs"]["publish"]["needs"] == "build"


def test_no_stored_secret_publishes() -> None:
    """Publishing relies on the identity of the job, and only that job has the permission."""
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")

    assert "secrets." not in text
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert WORKFLOW["jobs"]["publish"]["permissions"]["id-token"] == "write"


def test_a_release_starts_by_a_tag() -> None:
    """A push to a branch does not start a release."""
    assert WORKFLOW[True] == {"push": {"tags": ["v*"]}}
