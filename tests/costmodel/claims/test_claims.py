"""Claims: those of the survey, false ones, and those that cannot be read."""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import pytest

from costmodel import CostModelError, ledger
from costmodel.claims import Claim, Finding, Statement, check, load, survey
from costmodel.ledger import Ledger
from costmodel.metrics import total
from costmodel.patterns import strided_pairs, touched_blocks

CLAIMS = survey()


def found(states: str, over: str | None = None, where: Mapping[str, str] | None = None, **at: int | str) -> Finding:
    return check(Claim("one", "", "", (Statement(states, "", over, at),), where or {}))[0]


def verdict(states: str, over: str | None = None, where: Mapping[str, str] | None = None, **at: int | str) -> str:
    return found(states, over, where, **at).verdict


def names_of(claim: str) -> Mapping[str, str]:
    return next(each.where for each in CLAIMS if each.name == claim)


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
        ("C*C + 9 <= 6*C", "C", {}, "holds if C = 3"),
        ("C*C + 9 > 6*C", "C", {}, "holds if C < 3 or C > 3"),
        ("C*C + 9 >= 6*C", "C", {}, "holds"),
        ("C*C + 1 > C", "C", {}, "holds"),
        ("N*C*C*H >= N*H", "C", {}, "holds"),
        ("C <= N", "C", {}, "holds if C ≤ N"),
        ("C == N", "C", {}, "holds if C = N"),
        # Sizes are integers: beside an irrational bound stands one, and what has none in it is no size.
        ("C*C > 8", "C", {}, "holds if C ≥ 3"),
        ("C*C < 8", "C", {}, "holds if C ≤ 2"),
        ("C**5 <= C + 100", "C", {}, "holds if C ≤ 2"),
        ("C*C + 10 <= 7*C", "C", {}, "holds if 2 ≤ C ≤ 5"),
        ("C*C + 7 < 6*C", "C", {}, "holds if 2 ≤ C ≤ 4"),
        ("2*C == 3", "C", {}, "fails"),
        ("2*C < 1", "C", {}, "fails"),
        ("16*C*C + 35 > 48*C", "C", {}, "holds"),
        ("4*C*C + 35 > 24*C", "C", {}, "holds if C < 5/2 or C > 7/2"),
        ("4*C*C + 35 <= 24*C", "C", {}, "holds if 5/2 ≤ C ≤ 7/2"),
        ('macs("danet-pam:reduction=8") < macs("danet-cam")', "P", {"C": 512}, "holds if P < 1024/3"),
        ('macs("danet-pam:reduction=8") < macs("danet-cam")', None, {"C": 512, "P": 341}, "holds"),
        ('macs("danet-pam:reduction=8") < macs("danet-cam")', None, {"C": 512, "P": 342}, "fails"),
    ],
)
def test_verdicts(states: str, over: str | None, at: dict[str, int], expected: str) -> None:
    """A false statement comes out false, and a condition comes out exactly, its bounds included or not."""
    assert verdict(states, over, **at) == expected


@pytest.mark.parametrize(
    "states, over, at, expected",
    [
        ('macs("conv:kernel=3,stride=1,groups=1", C=C/4, C_out=2*C) == N*H*W * 9*C*C/2', None, {}, "holds"),
        ('macs("conv:stride=1,groups=1", C=C_out, C_out=C, K=5) == N*H*W * 25*C*C_out', None, {}, "holds"),
        ('params("se", C=6*C, r=4) == 18*C**2', None, {}, "holds"),
        ('macs("dense-attention", "scores", P=30*n) == 900*n*n * N*C', "n", {}, "holds"),
        ('macs("dense-attention", "scores", P=H*W) == macs("dense-attention", "scores")', None, {}, "holds"),
        ('macs("danet-cam", P=2*P) == 2 * macs("danet-cam")', "P", {}, "holds"),
        ('macs("se", C=C/2) < macs("se", C=C/2 + 1)', None, {}, "holds"),
        ('macs("se", C=2*C) == 3 * macs("se")', None, {}, "fails"),
        # Real layers round: 100 // 16 is 6, and of 7×7 positions a stride of 2 leaves 4×4.
        ('macs("se:reduction=16") == 1200*N', None, {"C": 100}, "holds"),
        ('macs("se:reduction=16", C=4*C) == 1200*N', None, {"C": 25}, "holds"),
        ('macs("conv:kernel=1,stride=2,groups=1", H=7, W=7) == 16*N*C*C_out', None, {}, "holds"),
        ('macs("sparse-attention", "scores") == 59*N*C', None, {"P": 12, "l": 5}, "holds"),
        # A stride of 128 needs as many positions: where there are fewer, nothing is said.
        ('macs("sparse-attention:stride=128", "scores") < macs("dense-attention", "scores")', "P", {}, "holds"),
        ('macs("sparse-attention:stride=128", "scores", P=16*n) <= n*n * N*C', "n", {}, "fails"),
        ('macs("sparse-attention", "scores") <= 100*N*C', "l", {"P": 13}, "holds"),
    ],
)
def test_costs_at_other_sizes(states: str, over: str | None, at: dict[str, int], expected: str) -> None:
    """Sizes are put in together, and layers are run at those that are fixed."""
    assert verdict(states, over, **at) == expected


def test_names_under_where() -> None:
    """A name stands for an expression, one above it included; a fraction is shown in decimals too."""
    where = {"half": "C/2", "both": "macs('se', C=half) + half", "share": "half / (both + half)"}
    assert verdict("both == N*C*C/(2*r) + C/2", None, where) == "holds"
    assert found("share < 1", "C", {"share": "3 * C/(C + 4)"}, N=1).verdict == "holds if C < 2"
    assert found("share == 1/3", None, {"share": "C/(C + 4)"}, C=2).evidence == "1/3 (≈ 0.3333) = 1/3 (≈ 0.3333)"
    assert found("share < 1/4", None, {"share": "C/(C + 4)"}, C=1).evidence == "1/5 < 1/4"


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
        ("macs(se) < 3", None, "takes texts in quotes, then sizes by name"),
        ('macs("se", 3) < 3', None, "takes texts in quotes, then sizes by name"),
        ('macs("se", **C) < 3', None, "takes texts in quotes, then sizes by name"),
        ('macs("se", C=2, C=3) < 3', None, "each once"),
        ('macs("se", C="x") < 3', None, "is not a sum"),
        ('macs("se", C=open) < 3', None, "'open' stands for nothing"),
        ('macs("se", C=open("x")) < 3', None, "a cost is one of"),
        (
            'macs("conv", C_ot=3) < 3',
            None,
            r"conv has no size 'C_ot' \(did you mean 'C_out'\?\); it has N, C, H, W, C_out",
        ),
        ('macs("se:reduction=4", r=3) < 3', None, "se:reduction=4 has no size 'r'; it has N, C, H, W, P"),
        ('macs("se", P=4, H=2) < 3', None, "P stands for H·W"),
        ('macs("conv:stride=2", P=4) < 3', None, "conv:stride=2 depends on H and W apart"),
        ('macs("se", C=3/2) < 3', None, "positive integer, not 3/2"),
        ('macs("se", C=0) < 3', None, "at least 1, not 0"),
        ('macs("se:reduction=16", C=8) < 3', None, "reduction 16 is larger than the 8 channels"),
        ('macs("sparse-attention", P=5, l=7) < 3', None, "stride 7 is larger than the 5 positions"),
        ('macs("dense-attention", C=7, h=2) < 3', None, "2 does not divide 7"),
        ('macs("sparse-attention:count=block", "scores", P=n) < 3', "n", "not rational in n"),
        ('macs("sparse-attention", "scores", P=5, l=l + 5) > 0', "l", "is larger than the 5 positions"),
        ("P < 3", None, "'P' stands for nothing"),
        ("C < 3", "c", "'c' does not occur"),
        ("C < 3*N/(N - 5)", "C", "divides by what may be 0 or negative"),
        ("C < 3/(N - N)", "C", "divides by 0"),
        ("C**N < 3", "C", "an exponent that is no integer from 0 to 1000"),
        ("9**9**9 < C", "C", "an exponent that is no integer"),
        ("N*C < 3 + C", "C", "depends on the other sizes"),
        ("(C - 3) * (N - 2) > 0", "C", "at C = 1 it depends on the other sizes"),
        ("(C - N) * (H - 2) > 0", "C", "between 0 and N it depends on the other sizes"),
        (
            'macs("sparse-attention", "scores", P=k, l=7) > 2 * macs("sparse-attention", "scores", P=5, l=k)',
            "k",
            "not defined, whatever k is",
        ),
        ("macs() < 3", None, "is that of a layer"),
        ("H < 3", "P", "depends on H and W apart"),
        ("C*C*C*C*C < C + N", "C", "no closed form"),
    ],
)
def test_what_cannot_be_read_or_solved_is_refused(states: str, over: str | None, message: str) -> None:
    """One sentence that names the statement; nothing is run."""
    with pytest.raises(CostModelError, match=message):
        verdict(states, over)


@pytest.mark.parametrize(
    "states, where, at, message",
    [
        ("C < 3", {"C": "3"}, {}, "'C' is a size"),
        ("C < 3", {"P": "3"}, {}, "'P' is a size"),
        ("C < 3", {"r": "3"}, {}, "'r' is a size"),
        ("C < n", {"n": "3"}, {"n": 4}, "'n' is a size"),
        ("C < n", {"n": "3"}, {"C": "2*n"}, "'n' is a size"),
        ("C < share", {"sharp": "3"}, {}, r"'share' stands for nothing \(did you mean 'sharp'\?\)"),
        ("C < share", {"share": "3*whole"}, {}, "'whole' stands for nothing"),
        ("C < share", {"share": "3*share"}, {}, "'share' stands below"),
        ("C < share", {"share": "3*whole", "whole": "C"}, {}, "'whole' stands below"),
        ("C < share", {"share": "C if C else 1"}, {}, "is not a sum"),
        ("C < share", {"share": "C < 3"}, {}, "is not a sum"),
        ("C < 3", {}, {"c": 3}, "'c' does not occur; what may is C, H, N, P, W"),
        ("C < 3", {}, {"C": "1.5"}, "is not a sum"),
        ('macs("se") < 3', {}, {"P": 3, "H": 1}, "P stands for H·W"),
    ],
)
def test_names_that_mislead_are_refused(
    states: str, where: dict[str, str], at: dict[str, int | str], message: str
) -> None:
    """A name stands for one thing, and for something."""
    with pytest.raises(CostModelError, match=message):
        verdict(states, None, where, **at)


STAGES = [(256, 56), (512, 28), (1024, 14), (2048, 7)]
"""Channels and sides of conv2_x to conv5_x in ResNet-50: He et al. 2016, Table 1."""


def bottleneck(entering: int, channels: int, side: int) -> list[Ledger]:
    """The convolutions of a block at output width `channels`, with a projection where another width enters."""
    inner = channels // 4
    convs = [(entering, 1, inner), (inner, 3, inner), (inner, 1, channels)]
    convs += [(entering, 1, channels)] if entering != channels else []
    return [ledger("conv", (2, width, side, side), kernel=kernel, out=out) for width, kernel, out in convs]


def shares(claim: str, states: str) -> list[Fraction]:
    """The fractions that the left side of a statement comes to, place by place."""
    findings = next(check(each) for each in CLAIMS if each.name == claim)
    return [Fraction(f.evidence.split()[0]) for f in findings if f.statement.states == states]


def test_se_in_resnet_blocks_counted_on_integers() -> None:
    """SE's shares of a bottleneck, by running its layers at the four stages."""
    counted: dict[str, list[Fraction]] = {"params": [], "macs": []}
    for channels, side in STAGES:
        block, gate = bottleneck(channels, channels, side), ledger("se", (2, channels, side, side))
        for metric, found in counted.items():
            whole = sum(total(conv, metric) for conv in block) + total(gate, metric)
            found.append(Fraction(total(gate, metric), whole))
    assert counted["params"] == [Fraction(2, 19)] * 4
    assert counted["macs"] == shares("se-in-resnet", "macs_share < 1/400")
    assert counted["macs"] == [Fraction(2, 17 * side**2 + 2) for _, side in STAGES]


def test_se_in_resnet_stages_counted_on_integers() -> None:
    """Of whole stages: of the parameters 9.5 to 10.3 %, in conv4_x exactly a tenth."""
    counted: dict[str, list[Fraction]] = {"params": [], "macs": []}
    for (channels, side), blocks, entering in zip(STAGES, (3, 4, 6, 3), (64, 256, 512, 1024), strict=True):
        convs = bottleneck(entering, channels, side) + bottleneck(channels, channels, side) * (blocks - 1)
        gate = ledger("se", (2, channels, side, side))
        for metric, found in counted.items():
            gates = blocks * total(gate, metric)
            found.append(Fraction(gates, gates + sum(total(conv, metric) for conv in convs)))
    assert counted["params"] == shares("se-in-resnet", "stage_params_share > 9/100")
    assert counted["params"] == [Fraction(3, 29), Fraction(4, 41), Fraction(1, 10), Fraction(2, 21)]
    assert counted["macs"] == shares("se-in-resnet", "stage_macs_share < 1/400")


def test_se_planted() -> None:
    """What is not so of SE in a ResNet comes out false, or with its condition."""
    names = names_of("se-in-resnet")
    assert verdict("params_share == 2/17", None, names, r=16) == "fails"
    assert verdict("params_share > 1/10", None, names, r=17) == "fails"
    assert verdict("macs_share > params_share", "P", names, r=16) == "fails"
    assert verdict("macs_share < 1/100", None, names, r=16, P=11) == "fails"
    assert verdict("macs_share < 1/100", None, names, r=16, P=12) == "holds"
    assert verdict("stage_params_share > 1/10", None, names, b=6, C_in=512, C=1024, r=16) == "fails"


def pairs(n: int, stride: int) -> int:
    return strided_pairs(n, stride, causal=True, window="paper").union


@pytest.mark.parametrize("n", [1, 2, 7, 16])
def test_sparse_costs_counted_pair_by_pair(n: int) -> None:
    """30·n positions with any stride cost two MACs a channel for every pair that either head attends."""
    names = names_of("sparse-30-times-longer")
    for stride in (1, 2, 11, 30 * n // 2, 30 * n):
        union = {(i, j) for i in range(30 * n) for j in range(i + 1) if i - j <= stride or (i - j) % stride == 0}
        touched = {(i // 32, j // 32) for i, j in union}
        assert verdict(f"sparse == {2 * len(union)}*N*C", None, names, n=n, l=stride) == "holds"
        assert verdict(f"blocks == {2 * 32**2 * len(touched)}*N*C", None, names, n=n, l=stride) == "holds"
    assert verdict(f"back == {n * (n + 1)}*N*C", None, names, n=n) == "holds"
    assert verdict(f"dense == {2 * n * n}*N*C", None, names, n=n) == "holds"


def test_where_30_times_longer_fits() -> None:
    """From n = 53,956 on, or 215,909 against the pairs that look back, with the best of all strides in question."""

    def fits(n: int, budget: int) -> bool:
        return any(pairs(30 * n, stride) <= budget for stride in range(100, 4000))

    assert [n for n in range(53954, 53958) if fits(n, n * n)] == [53956, 53957]
    assert [n for n in (215908, 215909) if fits(n, n * (n + 1) // 2)] == [215909]
    strides = [stride for stride in range(1, 5000) if pairs(30 * 65536, stride) <= 65536**2]
    assert (strides[0], strides[-1], len(strides)) == (634, 1552, 1552 - 634 + 1)


def test_the_best_stride() -> None:
    """Over 2·S² positions no stride attends to fewer pairs than S."""
    for side in range(1, 25):
        positions = 2 * side * side
        assert min(pairs(positions, stride) for stride in range(1, positions + 1)) == pairs(positions, side)


def test_blocks_are_positions_of_a_smaller_pattern() -> None:
    """Where 32 divides both, whole blocks are the pairs over a 32nd; no stride does better than the next such one."""
    for positions in range(1, 16):
        for stride in range(1, 32 * positions + 1):
            touched = touched_blocks(32 * positions, stride, 8, 32, pattern="strided", causal=True)
            scaled = pairs(positions, -(-stride // 32))
            assert touched >= scaled if stride % 32 else touched == scaled


def test_sparse_planted() -> None:
    """What is not so of sparse attention comes out false, or with its condition."""
    names = names_of("sparse-30-times-longer")
    assert verdict("sparse <= dense", "S", names, n="S**2/30", l="S") != "holds"
    assert verdict("sparse <= dense", None, names, n=16384, l=701) == "fails"
    assert verdict("blocks <= sparse", None, names, n=12288, l=128) == "fails"
    assert verdict("blocks < scaled", None, names, n=64, l=128) == "fails"


def test_a_statement_at_several_places(tmp_path: Path) -> None:
    """It counts once for each of them; names under where are the claim's."""
    path = tmp_path / "mine.toml"
    path.write_text(
        'source = "me"\n[[claim]]\nname = "a"\nsays = "b"\nwhere = { twice = "2*C" }\n'
        '[[claim.statement]]\nstates = "twice < 9"\nverdict = "holds"\nat = [{ C = 3 }, { C = 4 }, { C = 5 }]\n',
        encoding="utf-8",
    )
    (claim,) = load(str(path))
    assert claim.where == {"twice": "2*C"}
    assert [(f.statement.at, f.verdict) for f in check(claim)] == [
        ({"C": 3}, "holds"),
        ({"C": 4}, "holds"),
        ({"C": 5}, "fails"),
    ]


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


@pytest.mark.parametrize(
    "lines, message",
    [
        ("where = 3\nstatement = []", "needs 'where', a dict"),
        ("where = { a = 3 }\nstatement = []", "needs 'a', text"),
        ("statment = []", r"'statment' is none of .* \(did you mean 'statement'\?\)"),
        ("statement = [3]", "needs 'states', text"),
        ('statement = [{ states = "C < 3", verdict = "fails", ower = "C" }]', r"'ower' .* \(did you mean 'over'\?\)"),
        ('statement = [{ states = "C < 3", verdict = "fails", at = 3 }]', "needs 'at', a dict"),
        ('statement = [{ states = "C < 3", verdict = "fails", at = [3] }]', "needs 'at', a dict"),
        ('statement = [{ states = "C < 3", verdict = "fails", over = 3 }]', "needs 'over', text"),
    ],
)
def test_claims_that_are_none(tmp_path: Path, lines: str, message: str) -> None:
    """A key that is misspelt is not left out without a word."""
    path = tmp_path / "mine.toml"
    path.write_text(f'source = "x"\n[[claim]]\nname = "a"\nsays = "b"\n{lines}\n', encoding="utf-8")
    with pytest.raises(CostModelError, match=message):
        load(str(path))
