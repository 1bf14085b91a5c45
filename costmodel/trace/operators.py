"""What every ATen operator computes, by kind of arithmetic, from its arguments and its result.

Written from what the operators do and apart from `costmodel.tensor`, so that the one can be held against the other. An
operator that is in neither of the tables here is not counted, and whoever reads a trace is told so.
"""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

Counts = Mapping[str, Any]
"""Arithmetic by kind, as in `costmodel.ledger.Row`."""


class Shaped(NamedTuple):
    """The shape of a tensor, in expressions."""

    shape: tuple[Any, ...]
    real: bool = True
    """Whether its elements are values; integers are positions, and what is true or not a mask."""

    @property
    def size(self) -> Any:
        """How many elements it has."""
        return prod(self.shape)


class Run(NamedTuple):
    """One run of an operator, with the shapes of tensors in their place."""

    arguments: Sequence[Any]
    keywords: Mapping[str, Any]
    out: Shaped

    @property
    def x(self) -> Shaped:
        """The first argument."""
        first: Shaped = self.arguments[0]
        return first


# Products.


def _convolution(run: Run) -> Counts:
    x, weight, bias, _, _, _, transposed, *_ = run.arguments
    # Every element of the result, or transposed of the input, meets one filter of in/groups×K×K weights.
    macs = {"mac": (x if transposed else run.out).size * prod(weight.shape[1:])}
    return macs if bias is None else {**macs, "add": run.out.size}


def _product(run: Run) -> Counts:
    return {"mac": run.out.size * run.x.shape[-1]}


def _product_and_sum(run: Run) -> Counts:
    _, a, _ = run.arguments
    scaled = sum(run.keywords.get(factor, 1) != 1 for factor in ("alpha", "beta"))
    return {"mac": run.out.size * a.shape[-1], "add": run.out.size, "mul": run.out.size * scaled}


def _attention(run: Run) -> Counts:
    query, key, value, *_ = run.arguments
    # Fused: the products QKᵀ and its weights by V, the scale by 1/√d, and the softmax of every query.
    queries = prod(query.shape[:-1])
    pairs = queries * key.shape[-2]
    counts = {"mac": pairs * (query.shape[-1] + value.shape[-1]), "mul": pairs, **_softmax_of(pairs, queries)}
    masked = run.keywords.get("attn_mask") is not None
    return counts | {"add": counts["add"] + pairs} if masked else counts


# Norms, in eval mode.


def _normalised(elements: Any, vectors: Any, *, affine: bool) -> Counts:
    # The mean of a vector of k takes k-1 additions and a division, the variance k subtractions, k squares, k-1
    # additions and a division, its root an addition (of epsilon) and a root; then k divisions.
    add, mul = 3 * elements - vectors, elements
    if affine:
        add, mul = add + elements, mul + elements
    return {"add": add, "mul": mul, "div": elements + 2 * vectors, "sqrt": vectors}


def _batch_norm(run: Run) -> Counts:
    x, weight, _, _, _, of_batch, *_ = run.arguments
    if of_batch:  # as in an instance norm
        return _normalised(x.size, x.shape[1], affine=weight is not None)
    # The statistics are known: with scale and shift they are one factor and one summand.
    return {"mul": x.size, "add": x.size}


def _batch_norm_legit(run: Run) -> Counts:
    # Without statistics it has no arguments for them, and is then one of the batch.
    x, weight, _, *_, of_batch, _, _ = run.arguments
    return _normalised(x.size, x.shape[1], affine=weight is not None) if of_batch is True else _batch_norm_known(run)


def _batch_norm_known(run: Run) -> Counts:
    return {"mul": run.x.size, "add": run.x.size}


def _rms_norm(run: Run) -> Counts:
    # Squares, k-1 additions and a division for their mean, epsilon, 1/√ of it, and a factor an element.
    x, normalised, weight, *_ = run.arguments
    vectors = prod(x.shape[: -len(normalised)])
    return {"mul": x.size * (2 + (weight is not None)), "add": x.size, "div": 2 * vectors, "sqrt": vectors}


def _layer_norm(run: Run) -> Counts:
    x, normalised, weight, *_ = run.arguments
    return _normalised(x.size, x.size / prod(normalised), affine=weight is not None)


def _group_norm(run: Run) -> Counts:
    x, weight, *_, groups, _ = run.arguments
    return _normalised(x.size, x.shape[0] * groups, affine=weight is not None)


# Element by element.


def _each(**counts: int) -> Callable[[Run], Counts]:
    """So much for every element of the result."""
    return lambda run: {kind: count * run.out.size for kind, count in counts.items()}


def _addition(run: Run) -> Counts:
    alpha = run.keywords.get("alpha", run.arguments[2] if len(run.arguments) > 2 else 1)
    return {"add": run.out.size, "mul": run.out.size * int(alpha != 1)}


def _comparison(run: Run) -> Counts:
    # What builds a mask compares positions and not values.
    values = any(isinstance(argument, Shaped) and argument.real for argument in run.arguments)
    return {"cmp": run.out.size} if values else {}


def _product_added(run: Run) -> Counts:
    # x + value·a·b, or x + value·a/b.
    return {"add": run.out.size, "mul": run.out.size * (1 + _scaled(run))}


def _quotient_added(run: Run) -> Counts:
    return {"add": run.out.size, "div": run.out.size, "mul": run.out.size * _scaled(run)}


def _scaled(run: Run) -> int:
    return int(run.keywords.get("value", 1) != 1)


def _clamp(run: Run) -> Counts:
    bounds = [*run.arguments[1:], *run.keywords.values()]
    return {"cmp": run.out.size * sum(bound is not None for bound in bounds)}


def _put(run: Run) -> Counts:
    _, _, values, *accumulate = run.arguments
    return {"add": values.size} if any(accumulate) else {}


def _scatter(run: Run) -> Counts:
    if "reduce" in run.keywords:
        raise NotImplementedError("values that meet in one place")
    return {}


def _dropout(run: Run) -> Counts:
    if run.arguments[2] is not False:  # None is True
        raise NotImplementedError("random numbers")
    return {}


def _power(run: Run) -> Counts:
    exponent = run.arguments[1]
    if exponent not in (2, 3, 4):
        raise NotImplementedError(f"a power of {exponent}")
    return {"mul": run.out.size * int(exponent - 1)}


def _softmax_of(elements: Any, vectors: Any) -> Counts:
    # A vector of k: k-1 comparisons for its greatest, k subtractions of it, k exponentials, k-1 additions, k divisions.
    return {"cmp": elements - vectors, "add": 2 * elements - vectors, "exp": elements, "div": elements}


def _softmax(run: Run) -> Counts:
    return _softmax_of(run.x.size, run.x.size / run.x.shape[run.arguments[1]])


# Of many elements.


def _average(run: Run) -> Counts:
    return {"add": run.x.size - run.out.size, "div": run.out.size}


def _sum(run: Run) -> Counts:
    return {"add": run.x.size - run.out.size}


def _greatest(run: Run) -> Counts:
    return {"cmp": run.x.size - run.out.size}


def _covered(run: Run) -> Any:
    """The elements under all windows of an adaptive pool, which overlap where the sizes do not divide."""
    dimensions = len(run.arguments[1])
    taps = prod(run.out.shape[:-dimensions])
    for size, windows in zip(run.x.shape[-dimensions:], run.out.shape[-dimensions:], strict=True):
        if windows != size:
            if not getattr(windows, "is_number", True):
                raise NotImplementedError("windows of an adaptive pool whose number is a symbol")
            # Window i begins at ⌊i·size/windows⌋ and ends before ⌈(i+1)·size/windows⌉.
            size = sum(-(-(i + 1) * size // windows) - i * size // windows for i in range(int(windows)))  # noqa: PLW2901
        taps *= size
    return taps


def _adaptive_average(run: Run) -> Counts:
    return {"add": _covered(run) - run.out.size, "div": run.out.size}


def _adaptive_greatest(run: Run) -> Counts:
    return {"cmp": _covered(run) - run.out.size}


def _product_of_all(run: Run) -> Counts:
    return {"mul": run.x.size - run.out.size}


def _running_sum(run: Run) -> Counts:
    return {"add": run.x.size - run.x.size / run.x.shape[run.arguments[1]]}


def _variance(run: Run) -> Counts:
    # The mean, the differences from it, their squares, and the mean of those.
    return {"add": 3 * run.x.size - 2 * run.out.size, "mul": run.x.size, "div": 2 * run.out.size}


def _deviation(run: Run) -> Counts:
    return {**_variance(run), "sqrt": run.out.size}


def _length(run: Run) -> Counts:
    if len(run.arguments) > 1 and run.arguments[1] != 2:
        raise NotImplementedError(f"a norm of order {run.arguments[1]}")
    return {"mul": run.x.size, "add": run.x.size - run.out.size, "sqrt": run.out.size}


def _gelu(run: Run) -> Counts:
    if run.keywords.get("approximate", "none") != "tanh":
        # x · ½ · (1 + erf(x · 1/√2)), where constants are numbers.
        return {kind: count * run.out.size for kind, count in {"mul": 3, "add": 1, "erf": 1}.items()}
    # x/2 · (1 + tanh(√(2/π) · (x + 0.044715·x³))): six products and two sums beside the tanh.
    return {kind: (count + {"mul": 6, "add": 2}.get(kind, 0)) * run.out.size for kind, count in _TANH.items()}


def _softplus(run: Run) -> Counts:
    # log(1 + exp(β·x)) / β.
    scaled = sum(factor != 1 for factor in run.arguments[1:2])
    return {kind: count * run.out.size for kind, count in {**_SOFTPLUS, "mul": scaled, "div": scaled}.items()}


def _log_softmax(run: Run) -> Counts:
    # A vector of k: k-1 comparisons for its greatest, k subtractions of it, k exponentials, k-1 additions, their
    # logarithm, and k subtractions of that.
    elements, vectors = run.x.size, run.x.size / run.x.shape[run.arguments[1]]
    return {"cmp": elements - vectors, "add": 3 * elements - vectors, "exp": elements, "log": vectors}


def _log_of_sum(run: Run) -> Counts:
    # The same without these: to the logarithm the greatest is added.
    elements, vectors = run.x.size, run.out.size
    return {"cmp": elements - vectors, "add": 2 * elements, "exp": elements, "log": vectors}


def _window(run: Run) -> int:
    """Elements under a pool's window; padding counts as an element."""
    kernel = run.arguments[1]
    dimensions = len(run.x.shape) - 2
    return int(prod(kernel) if len(kernel) == dimensions else kernel[0] ** dimensions)


def _max_pool(run: Run) -> Counts:
    return {"cmp": run.out.size * (_window(run) - 1)}


def _average_pool(run: Run) -> Counts:
    return {"add": run.out.size * (_window(run) - 1), "div": run.out.size}


_SIGMOID = {"exp": 1, "add": 1, "div": 1}
"""1 / (1 + e⁻ˣ); the change of sign is not counted."""
_HARD_SIGMOID = {"add": 1, "cmp": 2, "div": 1}
"""min(max(x + 3, 0), 6) / 6."""
_TANH = {"exp": 1, "add": 2, "div": 1, "mul": 1}
"""(e - 1) / (e + 1) with e = exp(2x)."""
_SOFTPLUS = {"exp": 1, "add": 1, "log": 1}
"""log(1 + exp(x))."""
_MISH = {kind: _SOFTPLUS.get(kind, 0) + _TANH.get(kind, 0) for kind in (*_SOFTPLUS, "div", "mul")}
"""tanh of that."""

COUNTED: Mapping[str, Callable[[Run], Counts]] = {
    "convolution": _convolution,
    **dict.fromkeys(("mm", "bmm"), _product),
    **dict.fromkeys(("addmm", "baddbmm"), _product_and_sum),
    "_scaled_dot_product_flash_attention_for_cpu": _attention,
    "native_batch_norm": _batch_norm,
    "_native_batch_norm_legit": _batch_norm_legit,
    "_native_batch_norm_legit_no_training": _batch_norm_known,
    "_fused_rms_norm": _rms_norm,
    "native_layer_norm": _layer_norm,
    "native_group_norm": _group_norm,
    **dict.fromkeys(("relu", "abs", "clamp_min", "maximum", "minimum", "threshold"), _each(cmp=1)),
    "leaky_relu": _each(cmp=1, mul=1),
    "hardtanh": _each(cmp=2),
    "clamp": _clamp,
    "sigmoid": _each(**_SIGMOID),
    "silu": _each(**_SIGMOID, mul=1),
    "tanh": _each(**_TANH),
    "gelu": _gelu,
    "softplus": _softplus,
    "mish": _each(**{**_MISH, "mul": _MISH["mul"] + 1}),
    "glu": _each(**_SIGMOID, mul=1),
    **dict.fromkeys(("prelu", "_prelu_kernel"), _each(cmp=1, mul=1)),
    "elu": _each(cmp=1, exp=1, add=1, mul=1),  # a factor times exp(x) - 1, of what is negative
    "selu": _each(cmp=1, exp=1, add=1, mul=2),
    "celu": _each(cmp=1, exp=1, add=1, mul=1, div=1),
    "hardsigmoid": _each(**_HARD_SIGMOID),
    "hardswish": _each(**_HARD_SIGMOID, mul=1),
    **dict.fromkeys(("eq", "ge", "gt", "le", "lt", "ne"), _comparison),
    **{each: _each(**{each: 1}) for each in ("exp", "erf", "log", "sin", "cos")},
    "log1p": _each(log=1, add=1),
    "sqrt": _each(sqrt=1),
    "rsqrt": _each(sqrt=1, div=1),
    **dict.fromkeys(("add", "sub", "rsub"), _addition),
    "mul": _each(mul=1),
    **dict.fromkeys(("div", "reciprocal"), _each(div=1)),
    "pow": _power,
    "addcmul": _product_added,
    "addcdiv": _quotient_added,
    "lerp": _each(mul=1, add=2),  # a + t·(b - a)
    **dict.fromkeys(("_softmax", "_safe_softmax"), _softmax),
    "_log_softmax": _log_softmax,
    "logsumexp": _log_of_sum,
    "mean": _average,
    **dict.fromkeys(("_adaptive_avg_pool2d", "_adaptive_avg_pool3d"), _adaptive_average),
    "sum": _sum,
    "prod": _product_of_all,
    "index_put": _put,
    "scatter": _scatter,
    "col2im": lambda run: {"add": run.x.size},  # each onto what lies there
    **dict.fromkeys(("alpha_dropout", "dropout", "feature_alpha_dropout", "feature_dropout"), _dropout),
    "native_dropout": _dropout,
    **dict.fromkeys(("amax", "amin", "max", "min", "argmax", "argmin"), _greatest),
    "cumsum": _running_sum,
    **dict.fromkeys(("var", "var_mean"), _variance),
    "std": _deviation,
    "linalg_vector_norm": _length,
    **dict.fromkeys(("adaptive_max_pool2d", "adaptive_max_pool3d"), _adaptive_greatest),
    **dict.fromkeys(("max_pool2d_with_indices", "max_pool3d_with_indices"), _max_pool),
    **dict.fromkeys(("avg_pool2d", "avg_pool3d"), _average_pool),
    # One step between two neighbours, three between four or seven between eight; each is a + t·(b - a).
    "upsample_linear1d": _each(mul=1, add=2),
    "upsample_bilinear2d": _each(mul=3, add=6),
    "upsample_trilinear3d": _each(mul=7, add=14),
}
"""What each operator computes, by its name without the underscore of one that works in place."""

FREE = frozenset(
    {
        # Views.
        *("_reshape_alias", "_unsafe_view", "alias", "as_strided", "chunk", "detach", "diagonal", "expand", "flatten"),
        *("permute", "reshape", "select", "slice", "split", "split_with_sizes", "squeeze", "t", "transpose", "unbind"),
        *("unfold", "unsafe_split", "unsqueeze", "view"),
        # Copies, and choices among what is there.
        *("_to_copy", "_unsafe_index", "cat", "channel_shuffle", "clone", "contiguous", "copy", "diag_embed"),
        *("embedding", "flip", "gather", "im2col", "index", "index_select", "lift_fresh", "masked_fill", "meshgrid"),
        *("pixel_shuffle", "pixel_unshuffle", "repeat", "roll", "select_scatter", "slice_scatter", "stack", "tril"),
        *("triu", "upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d", "where"),
        *("constant_pad_nd", "reflection_pad1d", "reflection_pad2d", "reflection_pad3d"),
        *("replication_pad1d", "replication_pad2d", "replication_pad3d"),
        "neg",  # a change of sign
        # Constants.
        *("arange", "empty", "empty_like", "empty_strided", "eye", "fill", "full", "full_like", "linspace"),
        *("new_empty", "new_empty_strided", "new_full", "new_ones", "new_zeros", "ones", "ones_like"),
        *("scalar_tensor", "tril_indices", "triu_indices", "zero", "zeros", "zeros_like"),
        # Masks, which comparisons make: these are counted.
        *("bitwise_and", "bitwise_not", "bitwise_or", "bitwise_xor"),
        *("logical_and", "logical_not", "logical_or", "logical_xor"),
    }
)
"""Views, copies, choices, constants and masks: no arithmetic."""

WITHOUT_MACS = frozenset(
    {
        # Functions that are no fixed number of operations.
        *("acos", "asin", "atan", "atan2", "cosh", "erfc", "erfinv", "exp2", "expm1", "log10", "log2"),
        *("log_sigmoid_forward", "logcumsumexp", "pow", "sinh", "tan", "linalg_vector_norm"),
        # Rounding, remainders and order.
        *("argsort", "ceil", "floor", "fmod", "frac", "kthvalue", "median", "remainder", "round", "sign", "sort"),
        *("topk", "trunc"),
        # Samples at places that are computed, and values that meet in one place.
        *("grid_sampler_2d", "grid_sampler_3d", "index_add", "scatter", "scatter_add", "scatter_reduce"),
        *("_adaptive_avg_pool2d", "_adaptive_avg_pool3d", "adaptive_max_pool2d", "adaptive_max_pool3d"),
        # Random numbers.
        *(
            "alpha_dropout",
            "bernoulli",
            "dropout",
            "feature_alpha_dropout",
            "feature_dropout",
            "exponential",
            "multinomial",
            "native_dropout",
            "normal",
            "rand",
            "rand_like",
        ),
        *("randint", "randn", "randn_like", "randperm", "uniform"),
    }
)
"""Operators that are not counted, or not always, and that multiply and accumulate nothing in any case."""
