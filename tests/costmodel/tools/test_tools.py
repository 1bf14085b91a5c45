"""The tables of other counters: complete, consistent with our conventions, and read as they say."""

import ast
import inspect
import itertools

import pytest

import costmodel.layers  # noqa: F401  (registers the layers of the survey)
from costmodel import CONVENTIONS, LAYERS, CostModelError, Tensor, ledger, tensor
from costmodel.ledger import Ledger
from costmodel.tools import CALLS, SPELLINGS, TOOLS, VERDICTS, Rule, spelled
from costmodel.tools.spelling import LINEAR, SPARSE_SOFTMAX

SHAPE = (3, 40, 5, 7)


def survey() -> list[Ledger]:
    return [ledger(name, SHAPE) for name in LAYERS if LAYERS[name].program.__module__.startswith("costmodel.")]


def test_every_operation_of_a_tensor_has_a_spelling() -> None:
    """An operation added to `Tensor` and forgotten here is found before a user meets the error."""
    calls = [node for node in ast.walk(ast.parse(inspect.getsource(tensor))) if isinstance(node, ast.Call)]
    applied = [call for call in calls if isinstance(call.func, ast.Attribute) and "_apply" in call.func.attr]
    kinds = {call.args[0].value for call in applied if isinstance(call.args[0], ast.Constant)}
    assert len(kinds) > 15
    assert kinds - set(CALLS) == set()


@pytest.mark.parametrize("tool", TOOLS)
def test_rules_are_of_calls_that_exist(tool: str) -> None:
    """A rule for a call that no spelling has would never be used."""
    known = set(itertools.chain(*CALLS.values(), LINEAR, SPARSE_SOFTMAX))
    assert set(TOOLS[tool].rules) <= known


@pytest.mark.parametrize("tool, convention", [("fvcore", "fvcore"), ("FlopCounterMode", "flops")])
def test_two_of_them_are_conventions_of_ours(tool: str, convention: str) -> None:
    """As modules, what fvcore and FlopCounterMode report is what the conventions named after them say."""
    for of in survey():
        assert TOOLS[tool].read(of, "modules", SHAPE[0]).total == CONVENTIONS[convention].total(of)


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("tool", TOOLS)
def test_verdicts_say_what_the_integers_say(tool: str, spelling: str) -> None:
    """A verdict follows from a row's count and our MACs of it; what it counts has a reason, and what it does not."""
    for of in survey():
        said = TOOLS[tool].read(of, spelling, SHAPE[0])
        for row, counted in zip(of.rows, said.rows, strict=True):
            factor = 2 if TOOLS[tool].unit == "FLOPs" else 1
            assert counted.row is row
            assert counted.ours == factor * row.arithmetic.get("mac", 0)
            assert counted.why
            if counted.counted is None:
                assert counted.verdict == "open"
            else:
                expected = {
                    (True, True): "counted" if counted.counted == counted.ours else "weighed",
                    (True, False): "missed",
                    (False, True): "added",
                    (False, False): "skipped",
                }[counted.ours > 0, counted.counted > 0]
                assert counted.verdict == expected
        assert [m.row.name for m in said.missed] == [
            c.row.name for c in said.rows if c.counted is not None and c.counted < c.ours
        ]
        assert {counted.verdict for counted in said.rows} <= set(VERDICTS)


def test_a_gate_by_hand() -> None:
    """A pool of 2·3·5·7, a linear layer 3 → 11 with bias and a sigmoid, as modules and as methods."""
    x = Tensor((2, 3, 5, 7))
    x.global_avg_pool().linear(11).sigmoid()
    totals = {
        spelling: {name: tool.read(x.ledger, spelling, 2).total for name, tool in TOOLS.items()}
        for spelling in SPELLINGS
    }
    # 66 MACs, 22 biases, 210 elements pooled to 6. ptflops: (66 + 22 + 210) / 2 by hooks, 210 by the patched pool.
    modules = {
        "fvcore": 276,
        "FlopCounterMode": 132,
        "ptflops-pytorch": 359,
        "ptflops-aten": 88,
        "thop": 282,
        "torchinfo": 88,
        "torchprofile": 72,
        "calflops": 342,
        "calflops-macs": 66,
        "deepspeed": 342,
        "deepspeed-macs": 66,
    }
    assert totals["modules"] == modules
    assert totals["functions"] == modules | {"ptflops-pytorch": 254, "thop": 66}
    means = {"fvcore": 66, "ptflops-pytorch": 44, "thop": 66, "calflops": 132, "deepspeed": 132}
    assert totals["methods"] == modules | means


def test_products_by_hand() -> None:
    """A product 2×5×3 by 2×3×7, 210 MACs: only who looks below the spelling sees each of them."""
    x = Tensor((2, 5, 3))
    x @ Tensor((2, 3, 7), x.ledger)
    seen = {name: [tool.read(x.ledger, spelling, 2).total for spelling in SPELLINGS] for name, tool in TOOLS.items()}
    assert seen == {
        "fvcore": [210, 210, 210],
        "FlopCounterMode": [420, 420, 420],
        "ptflops-pytorch": [210, 210, 0],
        "ptflops-aten": [210, 210, 210],
        "thop": [0, 0, 0],
        "torchinfo": [0, 0, 0],
        "torchprofile": [210, 210, 210],
        "calflops": [0, 420, 0],
        "calflops-macs": [0, 210, 0],
        "deepspeed": [420, 420, 420],
        "deepspeed-macs": [210, 210, 210],
    }


def test_words() -> None:
    """A rule in words; what is averaged over one sample is the whole of it."""
    rule = Rule({"output element": 1}, {"output element": 2, "MAC": 1}, note="why")
    assert rule.words(1) == "3 per output element + 1 per MAC: why"
    assert (
        rule.words(4) == "1 per output element + 2 per output element / 4 (the batch) + 1 per MAC / 4 (the batch): why"
    )
    assert Rule({"output element": 3, "vector": -1}).words(1) == "3 per output element - 1 per vector"


def test_what_has_no_spelling() -> None:
    """An operation of somebody's own, and a spelling that is none, are refused by name."""
    x = Tensor(SHAPE)
    x.relu()
    with pytest.raises(CostModelError, match="'mine'"):
        spelled(x.ledger.rows[0]._replace(kind="mine"), "modules")
    with pytest.raises(CostModelError, match="modules, functions, methods, not 'einsum'"):
        spelled(x.ledger.rows[0], "einsum")
