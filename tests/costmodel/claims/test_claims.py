"""Claims: those of the survey, false ones, and those that cannot be read."""

from pathlib import Path

import pytest

from costmodel import CostModelError
from costmodel.claims import Claim, Statement, check, load, survey

CLAIMS = survey()


def verdict(states: str, over: str | None = None, **at: int) -> str:
    claim = Claim("one", "", "", (Statement(states, "", over, at),))
    return check(claim)[0].verdict


@pytest.mark.parametrize("claim", CLAIMS, ids=[claim.name for claim in CLAIMS])
def test_recorded_verdicts_are_found(claim: Claim) -> None:
    """Every statement about the survey's sentences comes out as it is recorded."""
    assert [(f.statement.states, f.verdict) for f in check(claim)] == [(s.states, s.verdict) for s in claim.statements]


def test_names_are_unique() -> None:
    """A claim can be asked for by its name."""
    assert len({claim.name for claim in CLAIMS}) == len(CLAIMS) >= 9


@pytest.mark.parametrize(
    "states, over, at, expected",
    [
        ('macs("cbam-spatial") == 99*N*H*W', None, {}, "fails"),
        ('macs("se") > macs("cbam")', None, {}, "fails"),
        ('macs("se") >= macs("se")', None, {}, "holds"),
        ('macs("se") > macs("se")', None, {}, "fails"),
        ("C < 3", "C", {}, "holds if C < 3"),
        ("C <= 3", "C", {}, "holds if C ≤ 3"),
        ("C*C + 6 > 5*C", "C", {}, "holds if C < 2 or C > 3"),
        ("C*C + 6 <= 5*C", "C", {}, "holds if 2 ≤ C ≤ 3"),
        ("C*C + 6 == 5*C", "C", {}, "holds if C = 2 or C = 3"),
        ("C*C + 1 == 0", "C", {}, "fails"),
        ("C*H < 3*N", "C", {}, "holds if C < 3·N/H"),
        ('macs("danet-pam:reduction=8") < macs("danet-cam")', "P", {"C": 512}, "holds if P < 1024/3"),
        ('macs("danet-pam:reduction=8") < macs("danet-cam")', None, {"C": 512, "P": 341}, "holds"),
        ('macs("danet-pam:reduction=8") < macs("danet-cam")', None, {"C": 512, "P": 342}, "fails"),
    ],
)
def test_verdicts(states: str, over: str | None, at: dict[str, int], expected: str) -> None:
    """A false statement comes out false, and a condition comes out exactly, its bounds included or not."""
    assert verdict(states, over, **at) == expected


@pytest.mark.parametrize(
    "states, over, message",
    [
        ("C + 3", None, "no relation of two expressions"),
        ("C < 3 < N", None, "no relation"),
        ("C < 3", None, "say on which one a condition is wanted"),
        ('watts("se") < 3', None, "a cost is one of .* not 'watts'"),
        ('macs("sse") < 3', None, "did you mean 'se'"),
        ('macs("se", "sqeeze") < 3', None, r"has no row 'sqeeze' \(did you mean 'squeeze'"),
        ('__import__("os") < 3', None, "a cost is one of"),
        ("macs(se) < 3", None, "is not a sum"),
        ("macs() < 3", None, "is that of a layer"),
        ("H < 3", "P", "depends on H and W apart"),
        ("C*C*C*C*C < C + N", "C", "no closed form"),
    ],
)
def test_what_cannot_be_read_or_solved_is_refused(states: str, over: str | None, message: str) -> None:
    """One sentence that names the statement; nothing is run."""
    with pytest.raises(CostModelError, match=message):
        verdict(states, over)


def test_a_file_of_a_users_own(tmp_path: Path) -> None:
    """Claims are data: a source, sentences, statements and verdicts."""
    path = tmp_path / "mine.toml"
    path.write_text(
        'source = "me"\n[[claim]]\nname = "a"\nsays = "b"\n'
        """[[claim.statement]]\nstates = 'params("se") == 2*C*C/r'\nverdict = "holds"\n""",
        encoding="utf-8",
    )
    (claim,) = load(str(path))
    assert claim == Claim("a", "b", "me", (Statement('params("se") == 2*C*C/r', "holds", None, {}),))
    assert check(claim)[0].agrees


@pytest.mark.parametrize(
    "text",
    ["", "source = 1", "[[claim]]", 'source = "x"\n[[claim]]\nname = "a"', "= nothing", 'source = "x"\nclaim = "y"'],
)
def test_files_that_are_none(tmp_path: Path, text: str) -> None:
    """What is missing is named."""
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CostModelError, match=r"needs|cannot be read"):
        load(str(path))
    with pytest.raises(CostModelError, match="cannot be read"):
        load(str(tmp_path / "absent.toml"))
