"""Every primitive's shape and cost, each with a number worked by hand over unequal primes."""

from collections.abc import Callable

import pytest

from costmodel import CostModelError, Tensor

N, C, H, W = 2, 3, 5, 7
MAP = (N, C, H, W)
SIZE = 210  # 2·3·5·7


def only_row(build: Callable[[Tensor], Tensor], shape: tuple[int, ...] = MAP) -> tuple[Tensor, dict[str, int], int]:
    x = Tensor(shape)
    y = build(x)
    (row,) = x.ledger.rows
    assert row.output == y.shape
    assert row.written == Tensor(y.shape).ledger.params() + _size(y.shape)
    return y, dict(row.arithmetic), row.params


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size


OPERATIONS: list[tuple[str, Callable[[Tensor], Tensor], tuple[int, ...], dict[str, int], int]] = [
    # 11 kernels of 3·3·3 at 5·7 positions of 2 images: 2·11·35·27 macs, 11·27 weights.
    ("conv", lambda x: x.conv(11, kernel=3), (2, 11, 5, 7), {"mac": 20790}, 297),
    # ⌈5/2⌉·⌈7/2⌉ = 12 positions: 2·11·12·27, and a bias of 11 added at 2·11·12.
    (
        "conv strided",
        lambda x: x.conv(11, kernel=3, stride=2, bias=True),
        (2, 11, 3, 4),
        {"mac": 7128, "add": 264},
        308,
    ),
    # Each of 3 channels by its own 5·5 kernel: 210·25.
    ("conv depthwise", lambda x: x.conv(3, kernel=5, groups=3), MAP, {"mac": 5250}, 75),
    # Dilation moves the taps.
    ("conv dilated", lambda x: x.conv(11, kernel=3, dilation=4), (2, 11, 5, 7), {"mac": 20790}, 297),
    # 7 → 13 in each of 2·3·5 rows: 30·7·13, a bias of 13 added at 30·13.
    ("linear", lambda x: x.linear(13), (2, 3, 5, 13), {"mac": 2730, "add": 390}, 104),
    ("batch norm", lambda x: x.batch_norm(), MAP, {"mul": SIZE, "add": SIZE}, 6),
    ("batch norm, not affine", lambda x: x.batch_norm(affine=False), MAP, {"mul": SIZE, "add": SIZE}, 0),
    # 30 vectors of 7. Each: 6 add, 1 div (mean); 7 add (centre); 7 mul, 6 add, 1 div (variance); 1 add, 1 sqrt;
    # 7 div; 7 mul, 7 add (affine): 27 add, 14 mul, 9 div, 1 sqrt.
    ("layer norm", lambda x: x.layer_norm(), MAP, {"add": 810, "mul": 420, "div": 270, "sqrt": 30}, 14),
    (
        "layer norm, not affine",
        lambda x: x.layer_norm(affine=False),
        MAP,
        {"add": 600, "mul": 210, "div": 270, "sqrt": 30},
        0,
    ),
    # 2·3 vectors of 35: 34+35+34+1+35 add, 35+35 mul, 1+1+35 div, 1 sqrt each.
    ("group norm", lambda x: x.group_norm(3), MAP, {"add": 834, "mul": 420, "div": 222, "sqrt": 6}, 6),
    ("scale", lambda x: x.scale(), MAP, {"mul": SIZE}, 1),
    # 6 times 5·7 by 7·5: 6·5·7·5.
    ("matmul", lambda x: x @ x.T, (2, 3, 5, 5), {"mac": 1050}, 0),
    # 11 of the 25 entries: 6·11·7.
    ("sampled matmul", lambda x: x.sampled_matmul(x, 11, "s"), (2, 3, 11), {"mac": 462}, 0),
    ("add", lambda x: x + x, MAP, {"add": SIZE}, 0),
    ("sub", lambda x: x.sub(x), MAP, {"add": SIZE}, 0),
    ("mul", lambda x: x * Tensor((2, 3), x.ledger), MAP, {"mul": SIZE}, 0),
    ("mul of a map by a gate of positions", lambda x: x * Tensor((2, 1, 5, 7), x.ledger), MAP, {"mul": SIZE}, 0),
    ("gate by map", lambda x: Tensor((2, 3), x.ledger) * x, MAP, {"mul": SIZE}, 0),
    ("mul scalar", lambda x: x.mul_scalar(), MAP, {"mul": SIZE}, 0),
    ("add scalar", lambda x: x.add_scalar(), MAP, {"add": SIZE}, 0),
    ("div scalar", lambda x: x.div_scalar(), MAP, {"div": SIZE}, 0),
    ("relu", lambda x: x.relu(), MAP, {"cmp": SIZE}, 0),
    ("sigmoid", lambda x: x.sigmoid(), MAP, {"exp": SIZE, "add": SIZE, "div": SIZE}, 0),
    ("relu6", lambda x: x.relu6(), MAP, {"cmp": 2 * SIZE}, 0),
    ("silu", lambda x: x.silu(), MAP, {"exp": SIZE, "add": SIZE, "div": SIZE, "mul": SIZE}, 0),
    # x + 3, between 0 and 6, / 6; and that times x.
    ("hard sigmoid", lambda x: x.hard_sigmoid(), MAP, {"add": SIZE, "cmp": 2 * SIZE, "div": SIZE}, 0),
    ("hard swish", lambda x: x.hard_swish(), MAP, {"add": SIZE, "cmp": 2 * SIZE, "div": SIZE, "mul": SIZE}, 0),
    # 30 vectors of 7: 6 cmp, 7 + 6 add, 7 exp, 7 div each.
    ("softmax", lambda x: x.softmax(), MAP, {"cmp": 180, "add": 390, "exp": 210, "div": 210}, 0),
    # The same elements as 11 vectors.
    ("ragged softmax", lambda x: x.softmax(vectors=11), MAP, {"cmp": 199, "add": 409, "exp": 210, "div": 210}, 0),
    # 6 means of 35: 34 add and 1 div each.
    ("global average", lambda x: x.global_avg_pool(), (2, 3), {"add": 204, "div": 6}, 0),
    ("global maximum", lambda x: x.global_max_pool(), (2, 3), {"cmp": 204}, 0),
    # 6 planes of 5 rows under windows of 2, 3 and 2, by 7 columns under two of 4, less one addition a window.
    ("adaptive average", lambda x: x.adaptive_avg_pool((3, 2)), (2, 3, 3, 2), {"add": 6 * (7 * 8 - 6), "div": 36}, 0),
    # 70 means of 3.
    ("mean", lambda x: x.mean(1), (2, 1, 5, 7), {"add": 140, "div": 70}, 0),
    ("max", lambda x: x.max(1), (2, 1, 5, 7), {"cmp": 140}, 0),
    # ⌊5/2⌋·⌊7/2⌋ = 6 windows of 4, in 6 planes: 36·3.
    ("max pool", lambda x: x.max_pool(2), (2, 3, 2, 3), {"cmp": 108}, 0),
    # ⌈5/2⌉·⌈7/2⌉ = 12 windows of 9, padded ones too, in 6 planes: 72·8.
    ("max pool, strided", lambda x: x.max_pool(3, stride=2), (2, 3, 3, 4), {"cmp": 576}, 0),
    ("average pool", lambda x: x.avg_pool(2), (2, 3, 2, 3), {"add": 108, "div": 36}, 0),
    ("average pool, strided", lambda x: x.avg_pool(3, stride=2), (2, 3, 3, 4), {"add": 576, "div": 72}, 0),
    ("nearest", lambda x: x.upsample(2, "nearest"), (2, 3, 10, 14), {}, 0),
    # 840 outputs of 3 steps, each 1 mul and 2 add.
    ("bilinear", lambda x: x.upsample(2, "bilinear"), (2, 3, 10, 14), {"mul": 2520, "add": 5040}, 0),
    ("concat", lambda x: x.concat(x), (2, 6, 5, 7), {}, 0),
    ("pad", lambda x: x.pad_channels(11), (2, 11, 5, 7), {}, 0),
    ("shift", lambda x: x.shift(), MAP, {}, 0),
    ("copy", lambda x: x.flatten().T.contiguous(), (2, 35, 3), {}, 0),
    ("heads merged", lambda x: x.merge_heads(), (2, 5, 21), {}, 0),
    ("channels shuffled", lambda x: x.shuffle_channels(3), MAP, {}, 0),
]


@pytest.mark.parametrize(
    "build, shape, arithmetic, params", [o[1:] for o in OPERATIONS], ids=[o[0] for o in OPERATIONS]
)
def test_an_operation_costs_what_a_hand_counts(
    build: Callable[[Tensor], Tensor], shape: tuple[int, ...], arithmetic: dict[str, int], params: int
) -> None:
    """Shape, arithmetic by kind and parameters."""
    y, counted, owned = only_row(build)
    assert (y.shape, counted, owned) == (shape, arithmetic, params)


def test_sparse_matmul_uses_each_pair_once() -> None:
    """11 pairs by rows of 7, in 6 planes: 6·11·7."""
    x = Tensor((2, 3, 11))
    y = x.sparse_matmul(Tensor((2, 3, 5, 7), x.ledger), 5, "context")
    assert y.shape == (2, 3, 5, 7)
    assert x.ledger.arithmetic() == {"mac": 462}


def test_pairs_of_positions_hold_both_channels() -> None:
    """2×3×5 and 2×4×7 → 2×7×5×7, at no arithmetic."""
    x = Tensor((2, 3, 5))
    assert x.outer_concat(Tensor((2, 4, 7), x.ledger)).shape == (2, 7, 5, 7)
    assert x.ledger.arithmetic() == {}


def test_video_has_kernels_and_windows_by_dimension() -> None:
    """T×H×W: 11 kernels of 3·1·5·7 at 6·3·7 positions of 2 clips, and 2·11·3·3·7 maxima of 3·3·1."""
    x = Tensor((2, 3, 11, 5, 7))
    y = x.conv(11, kernel=(1, 5, 7), stride=(2, 2, 1)).max_pool((3, 3, 1), stride=(2, 1, 1))
    conv, pool = x.ledger.rows
    assert (conv.output, conv.params, conv.arithmetic) == ((2, 11, 6, 3, 7), 1155, {"mac": 2 * 11 * 126 * 105})
    assert (y.shape, pool.arithmetic) == ((2, 11, 3, 3, 7), {"cmp": 1386 * 8})


def test_a_learned_factor_can_be_used_again() -> None:
    """One parameter, and a multiplication of each of 210 elements, twice."""
    x = Tensor(MAP)
    x.scale("gamma").scale("gamma", reuse=True)
    assert (x.ledger.params(), x.ledger.arithmetic()) == (1, {"mul": 2 * SIZE})


def test_views_write_no_row() -> None:
    """Flattening, transposing, reshaping, heads, parts, every third position and what is attended to move nothing."""
    x = Tensor((2, 12, 5, 7))
    tokens = x.flatten().T
    heads = tokens.split_heads(3)
    assert (tokens.shape, heads.shape) == ((2, 35, 12), (2, 3, 35, 4))
    assert x.reshape((2, 420)).shape == (2, 420)
    assert [part.shape for part in tokens.split(5, 7)] == [(2, 35, 5), (2, 35, 7)]
    assert [part.shape for part in x.split(5, 7, axis=1)] == [(2, 5, 5, 7), (2, 7, 5, 7)]
    assert x.subsample(3).shape == (2, 12, 2, 3)
    assert x.flatten().gather(11).shape == (2, 12, 35, 11)
    assert x.ledger.rows == []


def test_rows_know_whose_gradients_are_copied() -> None:
    """Those of heads and of parts are, through other views too; that of a transpose is not, nor that of a result."""
    x = Tensor((2, 12, 5, 7))
    tokens = x.flatten().T.contiguous()
    heads = tokens.split_heads(3)
    product = tokens.split_heads(3).matmul(heads.T)
    product.merge_heads().linear(11).split(5, 6)[1].linear(7, "part")
    product.mul(product)
    assert [row.assembled for row in x.ledger.rows] == [(), (0, 1), (), (), (0,), ()]


def test_read_and_written_count_elements() -> None:
    """A convolution reads its input and its weights, a product both factors."""
    x = Tensor(MAP)
    x.conv(11, kernel=3)
    x.flatten().matmul(x.flatten().T)
    assert [(row.read, row.written) for row in x.ledger.rows] == [(210 + 297, 770), (420, 18)]


def test_sizes_have_names() -> None:
    """N, C, the positions, and T·H·W of video."""
    x = Tensor((2, 3, 11, 5, 7))
    assert (x.n, x.c, x.spatial, x.positions) == (2, 3, (11, 5, 7), 385)
    assert x.conv(4, kernel=3).shape == (2, 4, 11, 5, 7)
    assert x.ledger.rows[0].params == 4 * 3 * 27
    assert x.max_pool(2).shape == (2, 3, 11, 2, 3)
    assert repr(x) == "Tensor(2×3×11×5×7)"


@pytest.mark.parametrize(
    "build, message",
    [
        (lambda x: x.conv(4, kernel=2), "odd kernel, not 2"),
        (lambda x: x.conv(4, kernel=(3, 2)), "odd kernel, not 2"),
        (lambda x: x.conv(4, kernel=(1, 3, 3)), "has 2 spatial dimensions, not the 3 of"),
        (lambda x: x.conv(4, groups=2), "groups must divide the input channels: 2 does not divide 3"),
        (lambda x: x.conv(4, groups=3), "groups must divide the output channels: 3 does not divide 4"),
        (lambda x: x.group_norm(2), "2 does not divide 3"),
        (lambda x: x.pad_channels(2), "more channels than 2"),
        (lambda x: x @ x, "is not defined"),
        (lambda x: x @ x.flatten(), "is not defined"),
        (lambda x: x + Tensor((2, 4), x.ledger), "do not broadcast"),
        (lambda x: x.concat(Tensor((2, 3, 5, 8), x.ledger)), "do not join"),
        (lambda x: x.reshape((2, 104)), "has not the elements"),
        (lambda x: x.split(3, 5)[0], "has no parts of 3 and 5"),
        (lambda x: x.max_pool(6), "at least that size, not 5×7"),
        (lambda x: x.flatten().upsample(2, "nearest"), "upsampling takes N×C×H×W"),
        (lambda x: x.flatten().T.split_heads(2), "heads must divide the channels: 2 does not divide 3"),
    ],
)
def test_what_is_not_defined_is_refused(build: Callable[[Tensor], Tensor], message: str) -> None:
    """An error, never a number."""
    with pytest.raises(CostModelError, match=message):
        build(Tensor(MAP))
