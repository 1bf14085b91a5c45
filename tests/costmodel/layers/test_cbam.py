"""CBAM, its halves and BAM, worked by hand."""

import pytest

from costmodel import ledger, totals

SHAPE = (2, 13, 5, 7)


def test_channel_half() -> None:
    """Two vectors through one MLP of 13·4 and 4·13 with biases."""
    counted = ledger("cbam-channel", SHAPE, reduction=3)
    assert (counted.params(), totals(counted)["macs"]) == (121, 416)
    assert totals(counted)["fvcore"] == 416 + 910


@pytest.mark.parametrize("pool, macs, fvcore", [("avg+max", 416, 1326), ("avg", 208, 1118), ("max", 208, 208)])
def test_pools(pool: str, macs: int, fvcore: int) -> None:
    """One pooled vector takes half the macs of two; fvcore counts an average pool and no maximum."""
    counted = totals(ledger("cbam-channel", SHAPE, reduction=3, pool=pool))
    assert (counted["params"], counted["macs"], counted["fvcore"]) == (121, macs, fvcore)


def test_spatial_half() -> None:
    """98 macs at each of 2·35 positions, a norm of one channel."""
    counted = ledger("cbam-spatial", SHAPE)
    assert (counted.params(), totals(counted)["macs"], totals(counted)["fvcore"]) == (100, 6860, 6860 + 140)


def test_the_convolution_has_a_bias_exactly_without_a_norm() -> None:
    """98 weights and 2 of the norm, or 98 and a bias."""
    assert ledger("cbam-spatial", SHAPE, norm=False).params() == 99


def test_compression_by_convolution() -> None:
    """13 weights to one channel, then 7·7: 2·35·(13 + 49) macs."""
    counted = ledger("cbam-spatial", SHAPE, compress="conv")
    assert (counted.params(), totals(counted)["macs"]) == (13 + 49 + 2, 4340)


@pytest.mark.parametrize("order", ["channel-spatial", "spatial-channel", "parallel"])
def test_cbam_is_its_halves_in_any_order(order: str) -> None:
    """The order changes no count."""
    halves = [
        totals(ledger(name, SHAPE, **options))
        for name, options in (("cbam-channel", {"reduction": 3}), ("cbam-spatial", {}))
    ]
    whole = totals(ledger("cbam", SHAPE, reduction=3, order=order))
    assert whole == {metric: halves[0][metric] + halves[1][metric] for metric in whole}


def test_bam() -> None:
    """13 → 4: two FC of 52, convolutions of 52, 2·144 and 4, biases and three norms of 4, one of them after the FC."""
    counted = ledger("bam", SHAPE, reduction=3)
    assert counted.params() == (52 + 4 + 8) + (52 + 13) + (52 + 4 + 8) + 2 * (144 + 4 + 8) + (4 + 1)
    assert totals(counted)["macs"] == 2 * 104 + 70 * (52 + 288 + 4)
