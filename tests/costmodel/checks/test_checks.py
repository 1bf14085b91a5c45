"""What a check says, what is found about it, and what is refused."""

import sys
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sympy

from costmodel import CostModelError
from costmodel.checks import Check, Finding, check, load
from costmodel.checks.domain import split
from costmodel.metrics import METRICS
from costmodel.symbolic import derive, parse, symbol


def found(statement: str, modules: Mapping[str, Any] | None = None) -> Finding:
    said, domain = split(statement)
    return check(Check(said, domain, modules=modules or {}))


@pytest.mark.parametrize("metric", METRICS)
def test_printed_formulas_are_read_again(layer, metric) -> None:
    """Every layer's formula as it is printed is an identity, with the conditions that are printed beside it."""
    derivation = derive(layer, {})
    formula = derivation.formula(metric)
    # h, the heads, is the height here: these are named in full.
    text = formula.text().replace("h", "heads") if "heads" in derivation.symbols.values() else formula.text()
    if formula.calls():
        pytest.skip("has no closed form")
    finding = found(f'{metric}("{layer.name}") == "{text}"')
    assert (finding.verdict, finding.method) == ("holds", "proved"), finding.says


@pytest.mark.parametrize(
    "statement",
    [
        "macs(non-local(reduction=4)) == macs('non-local:reduction=4')",
        "macs(non_local) == macs(non-local)",
        "macs(conv(out=c, kernel=3)) == macs(conv)",
        "macs(conv) == 9*c*c*h*w",
        "n*macs(conv(n=1)) == macs(conv)",
        "macs(conv(kernel=1, side=28, c=64)) == 64*64*28*28",
        "macs(conv(c=c/4, out=2*c)) == 9*c*c*h*w/2",
        "macs(cbam(order=parallel)) == macs('cbam:order=spatial-channel')",
        "macs(cbam(order=channel-spatial)) == macs(cbam)",
        "params(se(bias=true)) == params(se(bias=True)) + 0",
        "params(se(bias=true), 'reduce') + params(se(bias=true), 'expand') == params('se:bias=true')",
        "params('se:reduction=16') == 2*c*c/r",
        "params('se:reduction=16') == 2*c*c/reduction",
        "params('se:reduction=r') == 2*c*c/r",
        "params(se(reduction=2*q)) == c*c/q",
        "macs(conv(stride=s)) == macs(conv)/s**2",
        "macs(conv(stride=s)) == macs('conv:stride=1')/s**2 for s in {2, 3}, side in 6",
        "macs('conv:stride=s') == macs(conv)/s**2",
        "macs(cbam(kernel=K)) - macs(cbam) == 2*h*w*(K**2 - 49)",
        "macs(cbam(kernel=K)) - macs(cbam) == 2*h*w*(K**2 - 49) for K in 1.. step 2, c in 16..",
        "macs(danet-cam) == 2*c*c*p",
        "macs(danet-cam(p=3*p)) == 3*macs(danet-cam)",
        "macs(danet-cam) == 2*c*c*side**2",
        "macs(danet-cam) == 2*C*C*H*W",
        "macs(non-local) == t*macs(non-local(t=1)) + 2*(t*t - t)*c*(h*w)**2/2",
        "flops(se) == 2*macs(se)",
        "-(-c) == c",
        "ceil(c/3) == -((-c)//3)",
        "c² ≥ 2·c − 1",
        "0.1 + 0.2 == 0.3",
        "1e-3 * 1_000 == 1",
        "1.0e3 == 10**3",
    ],
)
def test_ways_to_say_it(statement: str) -> None:
    """Layers by name or in quotes, options, sizes, rows, letters and names, and formulas as they are printed."""
    finding = found(statement)
    assert finding.verdict == "holds", finding.says


def test_decimals_are_exact() -> None:
    """A budget on the edge: 0.1 + 0.2 is 0.3, and what exceeds 1.1 times a count by one part fails."""
    assert found("0.1 + 0.2 == 0.3").values is None
    assert (
        found("macs(conv(c=10, side=1, kernel=1)) <= 1.1 * macs(conv(c=10, side=1, kernel=1)) - 10").verdict == "holds"
    )
    fails = found(
        "macs(conv(c=10, side=1, kernel=1)) <= 1.1 * macs(conv(c=10, side=1, kernel=1)) - 10.000000000000000001"
    )
    assert fails.values == (Fraction(100), Fraction("99.999999999999999999"))
    assert "100 > 99,999,999,999,999,999,999/1,000,000,000,000,000,000 (≈ 100.0)" in fails.says


@pytest.mark.parametrize(
    "statement, says",
    [
        ("params(se) == 2*c*c/r", "proved for all C, r, where r divides C"),
        ("params(se) == 2*c*c/16", "proved for all C, where 16 divides C"),
        ("macs(cbam) <= macs(conv) for side in 10..", "proved for all side in 10.. and all C, where 16 divides C"),
        ("params(dense-attention) == 4*c*c", "proved for all C, where 8 divides C"),
        ("params(se(reduction=16, c=512)) == 32768", "32,768 = 32,768"),
        ("params(se(reduction=16, c=512)) <= 4e4", "32,768 < 40,000"),
        ("params(cbam-channel) == 2*c*c/r", "params(cbam-channel) adds C + C/r; at c = 1, r = 1: 4 > 2"),
        (
            'macs(danet-pam(reduction=8)) == "9·C·(H·W)²/8 + C²·H·W"',
            "macs(danet-pam(reduction=8)) adds C²·H·W/4, what query + key cost; at c = 8, h = 1, w = 1: 89 > 73",
        ),
        (
            "n*p*c*(c + p) + n*p*p*c/8 == macs(danet-pam)",
            "macs(danet-pam) adds N·C²·P/4, what query + key cost; at n = 1, c = 8, p = 1: 73 < 89",
        ),
        ("params(se) == 2*c*c/r + c", "params(se) lacks C; at c = 1, r = 1: 2 < 3"),
        ("params(se) == c*c/r + c", "params(se) adds C²/r and lacks C; at c = 2, r = 1: 8 > 6"),
        (
            "macs(se)/macs(cbam) < 1/50 for side in 1..9, c in 1600",
            "at side = 1, c = 1600: 160,000/320,049 (≈ 0.4999) > 0.02",
        ),
    ],
)
def test_says(statement: str, says: str) -> None:
    """How it was decided, or the difference in words and the sizes that show it."""
    assert found(statement).says == says


def test_finding_has_what_it_says() -> None:
    """For machines: exact numbers, the conditions, the counterexample in the order of the domain."""
    finding = found("macs(cbam) <= 0.01 * macs(conv(out=c)) for side in {1, 7}, c in {512, 256}")
    assert finding.counterexample == {"side": 1, "c": 256}
    assert finding.values == (16482, Fraction(589824, 100))
    assert finding.points == 4
    assert found("params(se) == 2*c*c/r").conditions == ("r divides C",)
    assert found("params(se) == 2*c*c/r").points is None


@pytest.mark.parametrize(
    "statement, message",
    [
        ("macs(se)", "is no relation of two expressions"),
        ("1 < macs(se) < 3", "is no relation of two expressions"),
        ("macs(se) != 3", "is no relation of two expressions"),
        ("macs(se < 3", "is not an expression"),
        ("macs(nonlocal) < 3", "'nonlocal' in 'macs(nonlocal) < 3' is a word of Python and no name here"),
        ("macs(nonlocal) < 3", "(did you mean 'non-local'?)"),
        ("macs(conv(in=3)) < 3", "'in' in 'macs(conv(in=3)) < 3' is a word of Python"),
        ("macs(se) < '2 +'", "is not an expression"),
        ("macs(see) < 3", "no layer is called 'see' (did you mean 'se'?)"),
        ("mac(se) < 3", "fused_time_h200, not 'mac' (did you mean 'macs'?)"),
        ("macs_bf16(se) < 3", "a cost is one of params, macs, flops, fvcore, arithmetic, "),
        ("peak-bytes(se) < 3", "not 'bytes' (did you mean 'peak_bytes'?)"),
        ('peak_bytes(se, "reduce") < 3', "peak-bytes is of a whole layer, not of some of its operations"),
        ("max(c) < 3", "a cost is one of"),
        ("se(macs) < 3", "a layer stands inside, as in macs(se)"),
        ("macs(se) < 2*x", "'x' stands for nothing here; what does is n, c, t, h, w, side, p"),
        ("macs(se) < r*x", "'x' stands for nothing here; what does is n, c, t, h, w, side, p, r"),
        ("macs(se) < 3 for reduktion in 1..2", "'reduktion' stands for nothing here"),
        ("macs(se) < r for reduction in 1..2", "r is reduction of se: name it by one of them"),
        ("params('se:reduction=4') < params('se:reduction=2')*r", "'r' is 2 and 4 in the layers here"),
        ("params('se:reduction=4') < 3 for r in 1..2", "'r' is 4 in the layers here"),
        ("macs(conv) < side*h", "side is h and w at once"),
        ("macs(conv) < 3 for p in 4, w in 3", "side is h and w at once"),
        ("macs(conv(side=3, h=2)) < 3", "side is h and w at once"),
        ("macs(conv(stride=2)) < 3*p", "conv depends on H and W apart"),
        ("c < 3 for c in 1..2, C in 1..2", "one size has values under two names"),
        ("macs(conv(out=3, out=4)) < 3", "out of conv is given twice"),
        ("macs(conv(bogus=3)) < 3", "conv has no option and no size 'bogus'"),
        ("macs(conv(dilation=c)) < 3", "dilation must be a number"),
        ("macs(conv(out=c/3)) < 3 for c in 3..9", "at c = 4: conv: out must be a positive integer, not 4/3"),
        ("macs(conv(out=c - 4)) < 3 for c in 3..9", "at c = 3: conv: out must be at least 1, not -1"),
        ("macs(se) < 3 for c in 8..64", "at c = 8: se: reduction 16 is larger than the 8 channels"),
        ("macs(se) < 3 for c in 8..64, r in {4, 9}", "at c = 8, r = 9: se: reduction 9 is larger"),
        ("macs(conv(kernel=k)) < 3 for k in 1..7", "at k = 2: conv: same padding needs an odd kernel, not 2"),
        ("params(dense-attention) > 3 for c in 8..64", "at c = 9: dense-attention: heads must divide"),
        ("params(non-local(subsample=after)) > 3 for h in 1..9", "at h = 1: non-local: "),
        ("macs(se(h=0)) < 3", "must be at least 1, not 0"),
        ("macs(se, 'redce') < 3", "se has no row 'redce' (did you mean 'reduce'?)"),
        ("macs(non-local(affinity=gausian)) < 3", "did you mean 'gaussian'?"),
        ("macs(se) < 3 for t in 1..2", "se takes N×C×H×W input"),
        ("macs(se)/(c - 5) < 3", "divides by what may be 0 or negative"),
        ("macs(se)/(c - c) < 3", "divides by 0"),
        ("c**21 < 3", "an exponent that is no integer from 0 to 20"),
        ("1/(c//16) < 2 for c in 1..", "divides by what may be 0 or negative"),
        ("5//(c//16) < 2", "rounds a division by what may be 0 or negative"),
        ("macs(non-local-) < 3", "is not an expression"),
        ("macs(se(bias=true)(bias=true)) < 3", "is no layer"),
        ("macs(se(bias=true)-cbam) < 3", "is no layer"),
        ("c**h < 3", "an exponent that is no integer from 0 to 20"),
        ("c < 0x10", "'0x10' is no number such as 256, 0.01 or 5e9"),
        ("c < 1e9999", "'1e9999' is no number"),
        ("c < 1j", "is neither a cost"),
        ("c < True", "is neither a cost"),
        ("__import__('os').system('true') < 3", "is neither a cost"),
        ("c.real < 3", "is neither a cost"),
        ("macs([se]) < 3", "is no layer"),
        ("macs(se(**{'bias': True})) < 3", "is no layer"),
        (f"c < {'-' * 1500}1", "is nested too deeply"),
        (f"c < {'1' * 3000}", "a statement has at most 2000 characters, not 3,004"),
        ("derive('a.b:C').mac < 3", "a cost is one of"),
        ("derive('a.b:C', x=open('y')).macs < 3", "numbers and texts, nothing else"),
    ],
)
def test_refused(statement: str, message: str) -> None:
    """What is wrong is one sentence, which names the nearest right spelling where there is one."""
    with pytest.raises(CostModelError) as refused:
        found(statement)
    assert message in str(refused.value)


def test_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A statement is parsed: it is neither evaluated nor executed."""
    for name in ("eval", "exec"):
        monkeypatch.setattr(f"builtins.{name}", lambda *_: pytest.fail("run"))
    assert found("macs(cbam) <= 0.01 * macs(conv(out=c)) for side in 7..56, c in {256, 512}").verdict == "holds"


@pytest.mark.parametrize(
    "statement, at",
    [
        ("macs(conv(out=c-4)) == macs(conv(out=c-4)) + 5", {"c": 5, "h": 1, "w": 1}),
        ("params(cbam-channel) == params(cbam-channel) + 5", {"c": 16}),
        ("params(cbam-channel(c=c/3)) < params(cbam-channel(c=c/3))", {"c": 48}),
        ("macs(conv(out=c/3-7)) < 3*h*w*c*(c-21) for h in 1..3, w in 4", {"h": 1, "w": 4, "c": 24}),
        ("params(conv(c=(c+1)/3)) == params(conv(c=(c+1)/3)) + 5", {"c": 2}),
    ],
)
def test_sizes_that_cancel(statement: str, at: dict[str, int]) -> None:
    """What does not depend on a size fails at sizes that the layer takes, which 1 need not be."""
    assert found(statement).counterexample == at


# Modules.


class Traced:
    """What `costmodel.trace` answers of a module."""

    @staticmethod
    def derive(target: Any, init: Mapping[str, Any], **keywords: Any) -> Any:
        """Two of its formulas."""
        assert (target, init, keywords) == ("mymodel:Block", {"channels": 64}, {})
        divided = [sympy.Eq(sympy.Mod(symbol("C"), 8), 0)]
        formulas = {
            "macs": SimpleNamespace(expression=parse("N*C*H*W*k + N*C*C/8"), conditions=divided),
            "params": SimpleNamespace(expression=parse("C*k"), conditions=divided),
        }
        return SimpleNamespace(input={"N": 1, "C": 64, "H": 32, "W": 32}, closed=formulas, exact={})


def test_without_trace_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be derived is unchecked, which is no pass; what is wrong with the statement is said first."""
    monkeypatch.setitem(sys.modules, "costmodel.trace", None)
    finding = found('derive("mymodel:Block").macs == "N*C"')
    assert (finding.verdict, finding.method) == ("unchecked", None)
    assert finding.says.startswith("could not be checked: derive needs torch")


@pytest.mark.parametrize("target", ["mymodel:Block", '"mymodel:Block"'])
def test_a_derived_formula(monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    """Compared as that of a layer, its own widths as names; the difference is in words."""
    monkeypatch.setitem(sys.modules, "costmodel.trace", Traced)
    holds = found(f"derive({target}, channels=64).macs == 'N·C·H·W·k + N·C²/8'")
    assert holds.says == "proved for all N, C, H, W, k, where 8 divides C"
    fails = found(f"derive({target}, channels=64).macs == n*c*h*w*k")
    assert fails.difference == 'derive("mymodel:Block", channels=64).macs adds N·C²/8'
    assert (fails.counterexample["c"], fails.conditions) == (8, ("8 divides C",))
    assert found(f"derive({target}, channels=64).macs <= 1e6 for c in 8, side in 14, k in 1..99").verdict == "holds"
    assert found(f"derive({target}, channels=64).params == c*k for p in 1..").verdict == "holds"
    with pytest.raises(CostModelError, match="fvcore of a module is not derived: it is one of macs, params"):
        found(f"derive({target}, channels=64).fvcore == c*k")


BLOCKS = """
from torch import nn


class Half(nn.Module):
    def __init__(self, channels=8):
        super().__init__()
        self.mix = nn.Conv2d(channels, channels // 8, 3, stride=2, padding=1, bias=False)

    def forward(self, x):
        return self.mix(x)


class Window(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.mix = nn.Conv2d(channels, channels, 7, bias=False)

    def forward(self, x):
        assert x.shape[0] == 1
        return self.mix(x)


class Fixed(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.mix = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    def forward(self, x):
        assert x.shape[2:] == (12, 12)
        return self.mix(x)
"""


@pytest.fixture(scope="module")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file of modules."""
    path = tmp_path_factory.mktemp("modules") / "blocks.py"
    path.write_text(BLOCKS, encoding="utf-8")
    return str(path)


@pytest.mark.usefixtures("uncovered")
@pytest.mark.parametrize(
    "module, statement, says",
    [
        # Open sizes divide as those of the input do, and channels as those that it was made with.
        (
            "Half",
            ".macs == '9·N·C²·H·W/32'",
            "proved for all N, C, H, W, where 2 divides H and H ≥ 4 and 2 divides W and W ≥ 4 and 8 divides C",
        ),
        ("Half", ".params == 9*c*c/8", "proved for all C, where 8 divides C"),
        ("Half", ".macs == 9*c*c*side*side/32 + 1", "lacks 1; at c = 8, side = 4: 288 < 289"),
        # With those of a layer, both must hold.
        (
            "Half",
            ".macs > macs(cbam)",
            "at c = 16, h = 4, w = 4: 1,152 < 1,632",
        ),
        # What has values rounds as in the module, and is counted only where that is known.
        ("Half", ".macs == 9*8*((side + 1)//2)**2 for side in 4..57, c in 8", "proved for all side in 4..57, c in 8"),
        ("Half", ".macs == 9*c*c*h*w/32 for h in {4, 8}", "proved for all h in {4, 8} and all C, W, where 2 divides W"),
        ("Half", ".macs < 1e6 for side in 7, c in {8, 12}", "is known where 8 divides C, and not at side = 7, c = 12"),
        ("Half", ".macs < 1e6 for side in 3..7, c in 8", "is known where side ≥ 4, and not at side = 3, c = 8"),
        ("Half", ".macs < 1e6 for side in 1..3", "is known where side ≥ 4, and so at no point that is asked"),
        ("Half", ".macs < 5 for side in 3..7, c in {8, 12}", "at side = 4, c = 8: 288 > 5"),
        ("Half", ".macs > 1 for h in 7..8", "is known where 2 divides H and H ≥ 4, and not at h = 7"),
        ("Window", "!.macs == 49*c*c*(h - 6)*(w - 6)", "proved for all C, H, W, where H ≥ 7 and W ≥ 7 and 8 divides C"),
        ("Window", "!.macs == 49*c*c*(h - 6)*(w - 6) - 2*h*w", "adds 2·H·W; at c = 8, h = 7, w = 7: 3,136 > 3,038"),
        ("Window", "!.macs < 5e9 for n in 2, side in 7..14", "is known where N = 1, and so at no point that is asked"),
        # Positions are those of such maps.
        ("Fixed", "@.macs + 1 == macs(conv) for p in 9..", "at p = 144, c = 8: 82,945 > 82,944"),
        ("Fixed", "@.macs == 9*144*c*c for p in 9..", "8 divides C and H = 12 and W = 12"),
        ("Fixed", "@.macs == 9*144*c*c for p in 9..12", "H = 12 and W = 12, and so at no point that is asked"),
        # The input itself is checked in any case.
        ("Half", ", input=(1, 8, 2, 2)).macs == 72 for c in 8, side in 2", "proved for all c in 8, side in 2"),
    ],
)
def test_where_a_module_is_known(blocks: str, module: str, statement: str, says: str) -> None:
    """A proof is over the sizes for which the formula is known, which it names, and so is a counterexample."""
    given = {"!": ", channels=8)", "@": ", channels=8, input=(1, 8, 12, 12))"}
    told = next((given[sign] + statement[1:] for sign in given if statement[0] == sign), None)
    told = told or (statement if statement[0] == "," else f"){statement}")
    finding = found(f"derive('{blocks}:{module}'{told}")
    assert says in finding.says
    unchecked = "is known where" in finding.says
    assert (finding.verdict == "unchecked") == unchecked


# Files.


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "budget.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_both_spellings_of_a_file(tmp_path: Path) -> None:
    """Tables and texts, with their lines, also where a text is commented out above."""
    path = written(
        tmp_path,
        "# that = 'params(se) == 2*c*c/r'\n"
        "[[check]]\nname = 'one'\nthat = 'params(se) == 2*c*c/r'\n\n"
        "[[check]]\nfor = { side = '7..56', c = [256, 512] }\nthat = 'macs(se) < macs(cbam)'\n"
        '[[check]]\nthat = "macs(\\"se\\") > 0"\n'
        "[[check]]\nthat = 'macs(se) < 5'\nfor = 'side in 7, c in 16'\n",
    )
    assert [(each.name, each.line) for each in load(path)] == [
        ("one", 4),
        ("check 2", 8),
        ("check 3", 10),
        ("check 4", 12),
    ]
    assert load(path)[1].states == "macs(se) < macs(cbam) for side in 7..56, c in {256, 512}"
    assert load(path)[3].states == "macs(se) < 5 for side in 7, c in 16"
    path = written(
        tmp_path,
        "check = [\n  'params(se) == 2*c*c/r',\n  'macs(se) < macs(cbam) for side in 7..56, c in {256,512}',\n"
        "  { name = 'three', that = 'params(se) == 2*c*c/r' },\n]\n",
    )
    assert [(each.name, each.line) for each in load(path)] == [("check 1", 2), ("check 2", 3), ("three", 4)]


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "there is no [[check]], nor check = [...]"),
        ("check = []", "there is no [[check]]"),
        ("check = 'macs(se) < 3'", "there is no [[check]]"),
        ("checks = ['macs(se) < 3']", "'checks' is not check (did you mean 'check'?)"),
        ("check = [3]", "budget.toml:1: a check is a text or a table"),
        ("check = [\n'']", "budget.toml:1: a check needs that"),
        ("[[check]]\nname = 'x'", "budget.toml:1: a check needs that"),
        ("[[check]]\nthat = 3", "budget.toml:1: a check needs that"),
        (
            "check = [\n'c < 3',\n{ name = 'check 1', that = 'c < 4' }]",
            "budget.toml:3: 'check 1' is the name of the check",
        ),
        ("\n[[check]]\nthat = 'c < 3'\nname = 3", "budget.toml:3: the name of a check is a text"),
        ("[[check]]\nthat = 'c < 3'\nfr = {}", "budget.toml:2: 'fr' is none of name, that, for (did you mean 'for'?)"),
        ("[[check]]\nthat = 'c < 3'\nfor = 3", "budget.toml:2: for is a table"),
        ("[[check]]\nthat = 'c < 3'\nfor = { c = 1.5 }", "budget.toml:2: c takes positive integers"),
        ("[[check]]\nthat = 'c < 3 for c in 1'\nfor = { c = 1 }", "budget.toml:2: 'c' has values twice"),
        ("check = ['c < 3 for c in 1..2', 'c < 3 for c']", "budget.toml:1: behind for stands"),
        ("check = [", "cannot be read: "),
    ],
)
def test_files_that_hold_no_checks(tmp_path: Path, text: str, message: str) -> None:
    """The place, what is wrong there, and what would be right."""
    with pytest.raises(CostModelError) as refused:
        load(written(tmp_path, text))
    assert message in str(refused.value)


def test_no_file(tmp_path: Path) -> None:
    """A file that is absent, a folder, or no text."""
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    for name in ("absent.toml", ".", "bytes.toml", "\0"):
        with pytest.raises(CostModelError, match="cannot be read: "):
            load(str(tmp_path / name))


def test_place_of_a_check_that_cannot_be_read(tmp_path: Path) -> None:
    """Its file and line."""
    first, second = load(written(tmp_path, "check = ['c < 3',\n'macs(see) < 3']"))
    assert check(first).verdict == "fails"
    with pytest.raises(CostModelError, match=r"budget\.toml:2: no layer is called 'see'"):
        check(second)
