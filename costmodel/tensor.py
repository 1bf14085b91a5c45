"""A tensor that holds a shape and no data: every operation works out a shape and writes one ledger row.

What an operation costs is written here, once per operation, and nowhere else. Feature maps are
``N×C×H×W``, or ``N×C×T×H×W`` for video; positions ``P = H·W`` or ``T·H·W``. Convolutions keep the size
("same" padding) and count their padded taps, as every library does.

Views (`flatten`, `T`, `reshape`, `split`, `split_heads`, `gather`, `subsample`) cost nothing and write no row. What no
view can do (`contiguous`, `merge_heads`, `shuffle_channels`) is a copy: a row that computes nothing and moves elements.
"""

import contextlib
from collections.abc import Callable, Iterable
from typing import Literal

from costmodel.dimension import (
    CostModelError,
    Dim,
    Shape,
    abbreviate,
    ceil_div,
    differ,
    dimension,
    elements,
    exact_div,
    somewhere,
)
from costmodel.ledger import Ledger, Row, Taps


class Tensor:
    """The shape of an activation and the ledger that its operations write to."""

    __slots__ = ("assembled", "ledger", "shape", "storage")

    def __init__(self, shape: Iterable[Dim], ledger: Ledger | None = None) -> None:
        self.shape: Shape = tuple(dimension(size) for size in shape)
        self.ledger = Ledger() if ledger is None else ledger
        if ledger is None:
            self.ledger.input = self.shape
        self.storage = 0
        """Which memory its elements lie in, as rows name it: a view's is that of what it views, the input's is 0."""
        self.assembled = False
        """Whether this is a view whose gradient is copied, as rows say."""

    def __repr__(self) -> str:
        return f"Tensor({'×'.join(map(str, self.shape))})"

    @property
    def n(self) -> Dim:
        """Batch size N."""
        return self.shape[0]

    @property
    def c(self) -> Dim:
        """Channels C."""
        return self.shape[1]

    @property
    def spatial(self) -> Shape:
        """``(H, W)`` or ``(T, H, W)``."""
        return self.shape[2:]

    @property
    def positions(self) -> Dim:
        """P: H·W, or T·H·W."""
        return elements(self.shape[2:])

    def scope(self, name: str) -> contextlib.AbstractContextManager[None]:
        """Put ``name.`` before the names of the rows written inside, whoever writes them."""
        return self.ledger.scope(name)

    def choose(self, option: str, given: Dim | None, default: Callable[[], Dim]) -> Dim:
        """`given`, or else what `default` says, on record as the layer's own choice of `option`."""
        if given is None:
            given = self.ledger.chosen[option] = default()
        return given

    def place(self, name: str) -> "Tensor":
        """This tensor, or what a layer that is inserted here makes of it."""
        visit = self.ledger.visit
        return self if visit is None else visit(self, name)

    # Views.

    def _view(self, shape: Shape) -> "Tensor":
        view = Tensor.__new__(Tensor)
        view.shape = shape
        view.ledger = self.ledger
        view.storage = self.storage
        view.assembled = self.assembled
        return view

    def _assembled(self, shape: Shape) -> "Tensor":
        view = self._view(shape)
        view.assembled = True
        return view

    def flatten(self) -> "Tensor":
        """``N×C×H×W`` → ``N×C×P``."""
        return self._view((self.n, self.c, self.positions))

    def reshape(self, shape: Shape) -> "Tensor":
        """The same elements under another shape."""
        if differ(elements(shape), elements(self.shape)):
            raise CostModelError(f"{self} has not the elements of {self._view(shape)}")
        return self._view(shape)

    def subsample(self, stride: Dim) -> "Tensor":
        """Every `stride`-th position: ``N×C×H×W`` → ``N×C×⌈H/stride⌉×⌈W/stride⌉``."""
        return self._view((self.n, self.c, *(ceil_div(size, stride) for size in self.spatial)))

    @property
    def T(self) -> "Tensor":
        """The last two dimensions exchanged."""
        *leading, rows, columns = self.shape
        return self._view((*leading, columns, rows))

    def split_heads(self, heads: Dim) -> "Tensor":
        """``N×P×C`` → ``N×heads×P×C/heads``, of tokens that lie as ``P×N×C``: all heads of a position side by side."""
        n, p, c = self.shape
        return self._assembled((n, heads, p, self._divide(c, heads, "heads must divide the channels")))

    def split(self, *sizes: Dim, axis: int = -1) -> tuple["Tensor", ...]:
        """``…×K`` in parts of the last dimension, or of another one, which `sizes` add up to."""
        if differ(sum(sizes), self.shape[axis]):
            raise CostModelError(f"{self} has no parts of {' and '.join(map(abbreviate, sizes))}")
        before, after = self.shape[:axis], self.shape[axis:][1:]
        return tuple(self._assembled((*before, size, *after)) for size in sizes)

    def gather(self, count: Dim) -> "Tensor":
        """``N×C×P`` → ``N×C×P×count``: for every position, those of the positions that it attends to."""
        return self._view((*self.shape, count))

    def _divide(self, a: Dim, b: Dim, what: str) -> Dim:
        self.ledger.divisions.append((b, a))
        return exact_div(a, b, what)

    def _each(self, size: Dim | Shape) -> Shape:
        """A size for each spatial dimension."""
        rank = len(self.shape) - 2
        if type(size) is not tuple:
            return (size,) * rank
        if len(size) != rank:
            raise CostModelError(f"{self} has {rank} spatial dimensions, not the {len(size)} of {size}")
        return size

    # Operations with weights.

    def _apply(self, kind: str, name: str, output: Shape, *others: "Tensor", **arithmetic: Dim) -> "Tensor":
        ledger = self.ledger
        inputs = (self.shape, *[other.shape for other in others]) if others else (self.shape,)
        sources = (self.storage, *[other.storage for other in others]) if others else (self.storage,)
        assembled: tuple[int, ...] = (0,) if self.assembled else ()
        if others:
            assembled += tuple([place for place, other in enumerate(others, start=1) if other.assembled])
        made = self._made(output)
        name = ledger.prefix + name
        ledger.rows.append(
            Row(name, kind, inputs, output, 0, 0, arithmetic, sources, made.storage, assembled=assembled)
        )
        return made

    def _made(self, output: Shape) -> "Tensor":
        """What the next row writes."""
        made = self._view(output)
        made.storage = len(self.ledger.rows) + 1
        made.assembled = False
        return made

    def _apply_weights(
        self,
        kind: str,
        name: str,
        output: Shape,
        weights: Dim,
        arithmetic: dict[str, Dim],
        *,
        reuse: bool = False,
        taps: tuple[Taps, ...] = (),
    ) -> "Tensor":
        ledger = self.ledger
        owned = ledger.own(name, weights, reuse=reuse)
        made = self._made(output)
        name, inputs, sources, assembled = ledger.prefix + name, (self.shape,), (self.storage,), (0,) * self.assembled
        ledger.rows.append(
            Row(name, kind, inputs, output, owned, weights, arithmetic, sources, made.storage, taps, assembled)
        )
        return made

    def conv(
        self,
        out: Dim,
        name: str = "conv",
        *,
        kernel: Dim | Shape = 1,
        stride: Dim | Shape = 1,
        groups: Dim = 1,
        dilation: Dim = 1,
        bias: bool = False,
        reuse: bool = False,
    ) -> "Tensor":
        """Convolve with `out` kernels of side `kernel` in every spatial dimension, "same" padding.

        ``N×C×H×W`` → ``N×out×⌈H/stride⌉×⌈W/stride⌉``; ``out · C/groups · kernel²`` weights, each used once per
        output position, taps in the padding included. `dilation` moves the taps and costs nothing. A tuple gives
        `kernel` or `stride` for each spatial dimension.
        """
        n, fan_in, *spatial = self.shape
        sides = self._each(kernel)
        taps: tuple[Taps, ...] = ()
        if type(kernel) is not int or kernel != 1:
            taps = tuple(map(Taps, spatial, sides, self._each(stride), self._each(dilation)))
        for side in sides:
            if somewhere(side % 2 == 0):
                raise CostModelError(f"same padding needs an odd kernel, not {abbreviate(side)}")
        if type(groups) is not int or groups != 1:
            fan_in = self._divide(fan_in, groups, "groups must divide the input channels")
            self._divide(out, groups, "groups must divide the output channels")
        for side in sides:
            fan_in = fan_in * side
        if type(stride) is not int or stride != 1:
            spatial = list(map(ceil_div, spatial, self._each(stride)))
        output = (n, out, *spatial)
        mapped = elements(output)
        weights, arithmetic = out * fan_in, {"mac": mapped * fan_in}
        if bias:
            weights, arithmetic["add"] = weights + out, mapped
        return self._apply_weights("conv", name, output, weights, arithmetic, reuse=reuse, taps=taps)

    def linear(self, out: Dim, name: str = "linear", *, bias: bool = True, reuse: bool = False) -> "Tensor":
        """Map the last dimension, ``…×C`` → ``…×out``, by a matrix of C·out weights."""
        features = self.shape[-1]
        output = (*self.shape[:-1], out)
        mapped = elements(output)
        weights, arithmetic = features * out, {"mac": mapped * features}
        if bias:
            weights, arithmetic["add"] = weights + out, mapped
        return self._apply_weights("linear", name, output, weights, arithmetic, reuse=reuse)

    def batch_norm(self, name: str = "norm", *, affine: bool = True) -> "Tensor":
        """Batch norm in eval mode: statistics, scale and shift fold into one ``mul`` and one ``add`` an element."""
        size = elements(self.shape)
        if not affine:
            return self._apply("batch_norm_plain", name, self.shape, mul=size, add=size)
        return self._apply_weights("batch_norm", name, self.shape, 2 * self.c, {"mul": size, "add": size})

    def layer_norm(self, name: str = "norm", *, affine: bool = True) -> "Tensor":
        """Layer norm over the last dimension."""
        return self._normalise("layer_norm", name, elements(self.shape[:-1]), 2 * self.shape[-1], affine=affine)

    def group_norm(self, groups: Dim, name: str = "norm", *, affine: bool = True) -> "Tensor":
        """Group norm: the channels in `groups` groups, each normalised with its positions."""
        self._divide(self.c, groups, "groups must divide the channels")
        return self._normalise("group_norm", name, self.n * groups, 2 * self.c, affine=affine)

    def _normalise(self, kind: str, name: str, vectors: Dim, weights: Dim, *, affine: bool) -> "Tensor":
        # A vector of k: mean (k-1 add, 1 div), centre (k add), variance (k mul, k-1 add, 1 div), its root with
        # epsilon (1 add, 1 sqrt), k div; then scale and shift.
        size = elements(self.shape)
        plain = {"add": 3 * size - vectors, "mul": size, "div": size + 2 * vectors, "sqrt": vectors}
        if not affine:
            return self._apply(f"{kind}_plain", name, self.shape, **plain)
        arithmetic = plain | {"add": plain["add"] + size, "mul": plain["mul"] + size}
        return self._apply_weights(kind, name, self.shape, weights, arithmetic)

    def scale(self, name: str = "scale", *, reuse: bool = False) -> "Tensor":
        """Multiply by one learned number."""
        return self._apply_weights("scale", name, self.shape, 1, {"mul": elements(self.shape)}, reuse=reuse)

    # Products of activations.

    def __matmul__(self, other: "Tensor") -> "Tensor":
        return self.matmul(other)

    def matmul(self, other: "Tensor", name: str = "matmul") -> "Tensor":
        """``…×I×K`` by ``…×K×J`` → ``…×I×J``, batched over equal leading dimensions: …·I·K·J macs."""
        *leading, i, k = self.shape
        *other_leading, other_k, j = other.shape
        if len(leading) != len(other_leading) or any(map(differ, (*leading, k), (*other_leading, other_k))):
            raise CostModelError(f"{self} @ {other} is not defined")
        output = (*leading, i, j)
        return self._apply("matmul", name, output, other, mac=elements(output) * k)

    def sampled_matmul(self, other: "Tensor", pairs: Dim, name: str) -> "Tensor":
        """``…×I×K`` by the transpose of ``…×J×K`` at `pairs` of its I·J entries only: → ``…×pairs``."""
        *leading, _, k = self.shape
        output = (*leading, pairs)
        return self._apply("sampled_matmul", name, output, other, mac=elements(output) * k)

    def sparse_matmul(self, other: "Tensor", rows: Dim, name: str) -> "Tensor":
        """The entries ``…×pairs`` of a sparse ``…×rows×J`` matrix by ``…×J×K`` → ``…×rows×K``."""
        *leading, _, k = other.shape
        return self._apply("sparse_matmul", name, (*leading, rows, k), other, mac=elements(self.shape) * k)

    # Elementwise operations.

    def _broadcast(self, other: "Tensor") -> Shape:
        # Names lead: an N×C gate meets an N×C×H×W map as N×C×1×1.
        rank = max(len(self.shape), len(other.shape))
        pairs = zip(
            self.shape + (1,) * (rank - len(self.shape)),
            other.shape + (1,) * (rank - len(other.shape)),
            strict=True,
        )
        shape = []
        for a, b in pairs:
            if type(a) is int and a == 1:
                shape.append(b)
            elif (type(b) is int and b == 1) or not differ(a, b):
                shape.append(a)
            else:
                raise CostModelError(f"{self} and {other} do not broadcast")
        return tuple(shape)

    def __add__(self, other: "Tensor") -> "Tensor":
        return self.add(other)

    def add(self, other: "Tensor", name: str = "add") -> "Tensor":
        """The sum; missing trailing dimensions are 1."""
        output = self._broadcast(other)
        return self._apply("add", name, output, other, add=elements(output))

    def sub(self, other: "Tensor", name: str = "sub") -> "Tensor":
        """The difference; missing trailing dimensions are 1."""
        output = self._broadcast(other)
        return self._apply("sub", name, output, other, add=elements(output))

    def __mul__(self, other: "Tensor") -> "Tensor":
        return self.mul(other)

    def mul(self, other: "Tensor", name: str = "mul") -> "Tensor":
        """The elementwise product; missing trailing dimensions are 1."""
        output = self._broadcast(other)
        return self._apply("mul", name, output, other, mul=elements(output))

    def mul_scalar(self, name: str = "mul") -> "Tensor":
        """Multiply by a constant, such as 1/√D."""
        return self._apply("mul", name, self.shape, mul=elements(self.shape))

    def add_scalar(self, name: str = "add") -> "Tensor":
        """Add a constant."""
        return self._apply("add", name, self.shape, add=elements(self.shape))

    def div_scalar(self, name: str = "div") -> "Tensor":
        """Divide by a constant, such as the number of positions."""
        return self._apply("div", name, self.shape, div=elements(self.shape))

    def relu(self, name: str = "relu") -> "Tensor":
        """max(x, 0): one comparison an element."""
        return self._apply("relu", name, self.shape, cmp=elements(self.shape))

    def sigmoid(self, name: str = "sigmoid") -> "Tensor":
        """1 / (1 + exp(-x)); the change of sign is not counted."""
        size = elements(self.shape)
        return self._apply("sigmoid", name, self.shape, exp=size, add=size, div=size)

    def relu6(self, name: str = "relu") -> "Tensor":
        """min(max(x, 0), 6): two comparisons an element."""
        return self._apply("relu6", name, self.shape, cmp=2 * elements(self.shape))

    def silu(self, name: str = "silu") -> "Tensor":
        """x · σ(x)."""
        size = elements(self.shape)
        return self._apply("silu", name, self.shape, exp=size, add=size, div=size, mul=size)

    def hard_sigmoid(self, name: str = "hard_sigmoid") -> "Tensor":
        """min(max(x + 3, 0), 6) / 6."""
        size = elements(self.shape)
        return self._apply("hard_sigmoid", name, self.shape, add=size, cmp=2 * size, div=size)

    def hard_swish(self, name: str = "hard_swish") -> "Tensor":
        """x · min(max(x + 3, 0), 6) / 6."""
        size = elements(self.shape)
        return self._apply("hard_swish", name, self.shape, add=size, cmp=2 * size, mul=size, div=size)

    def softmax(self, name: str = "softmax", *, vectors: Dim | None = None) -> "Tensor":
        """Softmax over the last dimension, or over any partition of the elements into `vectors`.

        A vector of k: k-1 comparisons for its maximum, k subtractions, k exponentials, k-1 additions,
        k divisions.
        """
        size = elements(self.shape)
        if vectors is None:
            vectors = elements(self.shape[:-1])
        return self._apply("softmax", name, self.shape, cmp=size - vectors, add=2 * size - vectors, exp=size, div=size)

    # Reductions, pooling, resizing.

    def global_avg_pool(self, name: str = "avg_pool") -> "Tensor":
        """``N×C×H×W`` → ``N×C``, the mean over positions."""
        output = (self.n, self.c)
        means = elements(output)
        # A kind by rank, because fvcore counts the one over H×W and not the one over T×H×W.
        kind = f"adaptive_avg_pool{len(self.spatial)}d"
        return self._apply(kind, name, output, add=elements(self.shape) - means, div=means)

    def global_max_pool(self, name: str = "max_pool") -> "Tensor":
        """``N×C×H×W`` → ``N×C``, the maximum over positions."""
        output = (self.n, self.c)
        return self._apply("adaptive_max_pool", name, output, cmp=elements(self.shape) - elements(output))

    def adaptive_avg_pool(self, spatial: tuple[int, ...], name: str = "avg_pool") -> "Tensor":
        """``N×C×H×W`` → ``N×C×h×w``: means of the windows ⌊iH/h⌋ … ⌈(i+1)H/h⌉, which overlap where h divides not H."""
        output = (self.n, self.c, *spatial)
        means = elements(output)
        under = self.n * self.c
        for size, windows in zip(self.spatial, self._each(spatial), strict=True):
            under = under * sum(ceil_div((i + 1) * size, windows) - i * size // windows for i in range(windows))
        kind = f"adaptive_avg_pool{len(self.spatial)}d"
        return self._apply(kind, name, output, add=under - means, div=means)

    def mean(self, axis: int, name: str = "mean") -> "Tensor":
        """The mean over one dimension, which stays as 1."""
        output = self._reduced(axis)
        means = elements(output)
        return self._apply("mean", name, output, add=elements(self.shape) - means, div=means)

    def max(self, axis: int, name: str = "max") -> "Tensor":
        """The maximum over one dimension, which stays as 1."""
        output = self._reduced(axis)
        return self._apply("max", name, output, cmp=elements(self.shape) - elements(output))

    def _reduced(self, axis: int) -> Shape:
        shape = list(self.shape)
        shape[axis] = 1
        return tuple(shape)

    def max_pool(
        self, size: int | tuple[int, ...], name: str = "max_pool", *, stride: int | tuple[int, ...] | None = None
    ) -> "Tensor":
        """The maximum of every `size`×`size` window of H and W; T is left alone.

        Windows side by side, without padding, or `stride` apart with "same" padding, whose taps are counted. Tuples
        give both for each spatial dimension, T too.
        """
        if isinstance(size, tuple):
            output = (self.n, self.c, *map(ceil_div, self.spatial, self._each(stride)))
            return self._apply("max_pool", name, output, cmp=elements(output) * (elements(self._each(size)) - 1))
        output = self._pooled(size, stride)
        return self._apply("max_pool", name, output, cmp=elements(output) * (size * size - 1))

    def avg_pool(self, size: int, name: str = "avg_pool", *, stride: int | None = None) -> "Tensor":
        """The mean of every `size`×`size` window of H and W, as `max_pool` takes them."""
        output = self._pooled(size, stride)
        means = elements(output)
        return self._apply("avg_pool", name, output, add=means * (size * size - 1), div=means)

    def _pooled(self, size: int, stride: Dim | None) -> Shape:
        *leading, h, w = self.shape
        if stride is not None:
            return (*leading, ceil_div(h, stride), ceil_div(w, stride))
        if somewhere(h < size) or somewhere(w < size):
            raise CostModelError(f"a {size}×{size} pool needs a map of at least that size, not {h}×{w}")
        return (*leading, h // size, w // size)

    def upsample(self, factor: Dim, mode: Literal["nearest", "bilinear"], name: str = "upsample") -> "Tensor":
        """H and W times `factor`."""
        return self.resize(tuple(size * factor for size in self.spatial), mode, name)

    def resize(self, spatial: Shape, mode: Literal["nearest", "bilinear"], name: str = "resize") -> "Tensor":
        """H and W made `spatial`. Bilinear blends 4 neighbours: 3 linear steps of 1 ``mul`` and 2 ``add`` each."""
        if len(self.shape) != 4:
            raise CostModelError(f"upsampling takes N×C×H×W, not {self}")
        output = (self.n, self.c, *spatial)
        if mode == "nearest":
            return self._apply("upsample_nearest", name, output)
        steps = 3 * elements(output)
        return self._apply("upsample_bilinear", name, output, mul=steps, add=2 * steps)

    def concat(self, *others: "Tensor", name: str = "concat") -> "Tensor":
        """Join along the channels."""
        channels = self.c
        for other in others:
            if any(map(differ, (self.n, *self.spatial), (other.n, *other.spatial))):
                raise CostModelError(f"{self} and {other} do not join along the channels")
            channels = channels + other.c
        return self._apply("concat", name, (self.n, channels, *self.spatial), *others)

    def contiguous(self, name: str = "contiguous") -> "Tensor":
        """The same elements copied into the order of this shape, of a transposed view, say."""
        return self._apply("copy", name, self.shape)

    def merge_heads(self, name: str = "merge") -> "Tensor":
        """``N×heads×P×D`` → ``N×P×heads·D``, copied, since the heads of a position do not lie side by side."""
        n, heads, p, d = self.shape
        return self._apply("copy", name, (n, p, heads * d))

    def shuffle_channels(self, groups: Dim, name: str = "shuffle") -> "Tensor":
        """The channels of `groups` groups dealt out in turn: ``groups×C/groups`` transposed, and copied."""
        self._divide(self.c, groups, "groups must divide the channels")
        return self._assembled(self.shape).contiguous(name)

    def pad_channels(self, channels: Dim, name: str = "pad") -> "Tensor":
        """``N×C×H×W`` → ``N×channels×H×W``, the new ones zeros."""
        if somewhere(channels < self.c):
            raise CostModelError(f"{self} has more channels than {abbreviate(channels)}")
        return self._apply("pad", name, (self.n, channels, *self.spatial))

    def shift(self, name: str = "shift") -> "Tensor":
        """Everything moved by one place along one dimension, zeros where nothing comes from."""
        return self._apply("pad", name, self.shape)

    def outer_concat(self, other: "Tensor", name: str = "concat") -> "Tensor":
        """``N×A×I`` and ``N×B×J`` → ``N×(A+B)×I×J``, the channels of every pair of positions."""
        n, a, i = self.shape
        _, b, j = other.shape
        return self._apply("concat", name, (n, a + b, i, j), other)
