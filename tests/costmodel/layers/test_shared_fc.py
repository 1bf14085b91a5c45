"""The channel MLP: sharing saves parameters and no arithmetic."""

import pytest

from costmodel import ledger, totals


@pytest.mark.parametrize("branches", [1, 2, 3, 5])
def test_sharing_keeps_the_parameters_of_one_branch(branches: int) -> None:
    """13 → 4 → 13 with bias: 52 + 4 + 52 + 13 parameters, once or once a branch; the same macs."""
    shared = ledger("shared-fc", (2, 13, 5, 7), reduction=3, branches=branches)
    apart = ledger("shared-fc", (2, 13, 5, 7), reduction=3, branches=branches, shared=False)
    assert shared.params() == 121
    assert apart.params() == 121 * branches
    assert totals(shared)["macs"] == totals(apart)["macs"] == 208 * branches
    assert shared.arithmetic() == apart.arithmetic()


def test_two_shared_branches_are_cbams_channel_attention() -> None:
    """The same layer, told from another side."""
    assert totals(ledger("shared-fc", (2, 13, 5, 7), reduction=3)) == totals(
        ledger("cbam-channel", (2, 13, 5, 7), reduction=3)
    )
