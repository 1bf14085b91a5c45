"""Conventions are tables: what they weigh, and that nothing is 0 by default."""

import ast
import inspect

import pytest

from costmodel import CONVENTIONS, METRICS, Convention, CostModelError, Tensor, tensor, totals
from costmodel.ledger import Ledger, Row
from costmodel.metrics import countable, of_row, total


def test_the_same_ledger_under_every_convention() -> None:
    """A pool of 2·3·5·7 and a linear layer 3 → 11, worked by hand."""
    x = Tensor((2, 3, 5, 7))
    x.global_avg_pool().linear(11, bias=True)
    # macs 2·3·11; fvcore adds the pool's 210 inputs; arithmetic: 2·66 + 22 biases + 204 add + 6 div.
    assert totals(x.ledger) == {"params": 44, "macs": 66, "flops": 132, "fvcore": 276, "arithmetic": 364}


@pytest.mark.parametrize("metric", METRICS)
def test_rows_add_up_to_the_total(metric: str) -> None:
    """A total is the sum of its rows, in every metric."""
    x = Tensor((2, 3, 5, 7))
    x.conv(11, kernel=3, bias=True).batch_norm().relu().global_avg_pool().linear(4).softmax()
    assert total(x.ledger, metric) == sum(of_row(row, metric) for row in x.ledger.rows)


def test_a_missing_weight_raises() -> None:
    """Of a kind of arithmetic, and of an operation."""
    x = Tensor((2, 3, 5, 7))
    x.sigmoid()
    by_arithmetic = Convention("mine", "", "", arithmetic={"mac": 1})
    by_operation = Convention("mine", "", "", operations={"conv": {"mac": 1}})
    with pytest.raises(CostModelError, match="'mine' has no weight for"):
        by_arithmetic.total(x.ledger)
    with pytest.raises(CostModelError, match="'mine' has no weights for 'sigmoid'"):
        by_operation.total(x.ledger)


def test_fvcore_weighs_norms_and_resizing() -> None:
    """2 an element of an affine batch norm and 1 of a plain one, 5 and 4 of other norms, 1 and 4 of upsampling."""
    weights = []
    for build in (
        lambda x: x.batch_norm(),
        lambda x: x.batch_norm(affine=False),
        lambda x: x.layer_norm(),
        lambda x: x.layer_norm(affine=False),
        lambda x: x.group_norm(3),
        lambda x: x.group_norm(3, affine=False),
    ):
        x = Tensor((2, 3, 5, 7))
        build(x)
        weights.append(CONVENTIONS["fvcore"].total(x.ledger) // 210)
    assert weights == [2, 1, 5, 4, 5, 4]
    x = Tensor((2, 3, 5, 7))
    x.upsample(2, "nearest", "a").upsample(3, "bilinear", "b")
    assert CONVENTIONS["fvcore"].total(x.ledger) == 840 + 4 * 7560


def test_every_operation_of_a_tensor_has_a_place_in_fvcores_table() -> None:
    """An operation added to `Tensor` and forgotten in the table is found here, before a user meets the error."""
    calls = [node for node in ast.walk(ast.parse(inspect.getsource(tensor))) if isinstance(node, ast.Call)]
    applied = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "_apply"]
    kinds = {call.args[0].value for call in applied if isinstance(call.args[0], ast.Constant)}
    operations = CONVENTIONS["fvcore"].operations
    assert operations is not None
    assert len(kinds) > 15
    assert kinds - set(operations) == set()


def test_what_can_be_counted() -> None:
    """Every metric that has weights for all rows: fvcore's has none for a module that was traced."""
    ledger = Ledger()
    ledger.rows.append(Row("module", "traced", ((2, 3),), (2, 3), 5, 5, {"mac": 7, "add": 11}))
    assert countable(ledger) == {"params": 5, "macs": 7, "flops": 14, "arithmetic": 25}
