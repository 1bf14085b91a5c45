"""DANet's attentions and head, worked by hand."""

from costmodel import ledger, totals

N, C, P = 2, 13, 35
SHAPE = (2, 13, 5, 7)


def test_position_attention() -> None:
    """13 // 5 = 2 channels for queries and keys, 13 for values; biases; one learned number."""
    counted = ledger("danet-pam", SHAPE, reduction=5)
    assert counted.params() == 2 * (26 + 2) + (169 + 13) + 1
    assert totals(counted)["macs"] == N * P * (2 * 26 + 169) + N * P * P * (2 + 13)


def test_channel_attention() -> None:
    """Two products of 13·13·35, and one parameter."""
    counted = ledger("danet-cam", SHAPE)
    assert (counted.params(), totals(counted)["macs"]) == (1, 2 * N * C * C * P)


def test_head() -> None:
    """37 channels to 9, attention in each branch, 9 to 9, three classifiers of 3."""
    counted = ledger("danet-head", (2, 37, 5, 7), classes=3)
    assert counted.chosen == {"inner": 9}
    pam, cam = (totals(ledger(name, (2, 9, 5, 7))) for name in ("danet-pam", "danet-cam"))
    convolutions = 2 * (37 * 9 * 9 + 9 * 9 * 9)
    assert totals(counted)["macs"] == N * P * (convolutions + 3 * 27) + pam["macs"] + cam["macs"]
    assert counted.params() == convolutions + 4 * 18 + 3 * (27 + 3) + pam["params"] + cam["params"]


def test_head_of_a_given_width() -> None:
    """`inner` is what it says."""
    assert ledger("danet-head", (2, 37, 5, 7), inner=11).rows[0].output == (2, 11, 5, 7)
