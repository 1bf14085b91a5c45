"""The tables of `costmodel.tools` against the tools themselves: what each of them reports, to the integer."""

from importlib.metadata import version
from itertools import product
from typing import Any

import counters
import pytest
import spellings
import torch
from torch import nn

import costmodel.layers  # noqa: F401  (registers the layers of the survey)
from costmodel import LAYERS, Tensor, ledger
from costmodel.ledger import Ledger
from costmodel.tools import SPELLINGS, TOOLS, Reading, Rule, spelled
from costmodel.validate.references import REFERENCES

# Three samples, since one tool averages over them, and not all.
SHAPE, VIDEO = spellings.SHAPE, spellings.VIDEO

# Options away from their defaults, each by itself: every one that changes what is called, or what a row is given.
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "conv": [{"out": 7, "stride": 2, "bias": True}, {"groups": 5, "kernel": 5, "bias": True}, {"dilation": 2}],
    "depthwise-separable": [{"norm": False}, {"out": 11, "stride": 2, "kernel": 5}],
    "linear": [{"out": 7}, {"flatten": True}, {"flatten": True, "bias": True}, {"bias": True}],
    "se": [{"bias": True}, {"reduction": 5}],
    "shared-fc": [{"shared": False, "reduction": 5}, {"branches": 3, "bias": False}, {"branches": 1}],
    "cbam-channel": [{"pool": "avg", "reduction": 5}, {"pool": "max", "bias": False}],
    "cbam-spatial": [{"compress": "conv"}, {"norm": False, "kernel": 3}],
    "cbam": [
        {"order": "parallel", "reduction": 5, "bias": False, "kernel": 3},
        {"order": "spatial-channel", "pool": "max", "compress": "conv", "norm": False},
    ],
    "bam": [{"reduction": 5, "dilation": 2}],
    "gc": [{"reduction": 5, "fusion": "mul", "bias": False}, {"pool": "avg", "norm": False, "reduction": 5}],
    "eca": [{"kernel": 7}],
    "non-local": [
        {"affinity": "gaussian", "scale": True},
        {"affinity": "dot-product", "subsample": "after"},
        {"affinity": "concatenation", "subsample": "before"},
        {"norm": False, "bias": False, "out_bias": False, "reduction": 5},
    ],
    "danet-pam": [{"reduction": 5}],
    "danet-cam": [],
    "danet-head": [{"inner": 16, "classes": 7}],
    "criss-cross": [{"count": "masked"}, {"reduction": 5, "loops": 1}],
    "dense-attention": [{"heads": 5, "causal": True}, {"bias": True}],
    "sparse-attention": [{"count": "masked"}, {"causal": False, "stride": 4, "heads": 5}, {"bias": True}],
}

# What cannot be predicted, and why. Whatever is not here is.
PAIRS = "a softmax over listed pairs, which torch lacks"
LAYOUT = "a bias that counts if the tokens are contiguous"
ROUNDED = "the first sample's count, divided by the batch and rounded"
SPARSE = ("sparse-attention", "sparse-attention causal=False stride=4 heads=5", "sparse-attention bias=True")
BIASED = ("linear bias=True", "dense-attention bias=True", "sparse-attention bias=True")
OPEN = {
    **dict.fromkeys(product(("ptflops-pytorch", "calflops", "deepspeed"), ("modules", "functions"), SPARSE), PAIRS),
    **dict.fromkeys(product(("thop",), ("modules",), SPARSE), PAIRS),
    **dict.fromkeys(product(("ptflops-aten",), SPELLINGS, BIASED), LAYOUT),
    **dict.fromkeys(product(("ptflops-pytorch",), ("modules",), ("nearest", "bilinear")), ROUNDED),
}


def named(name: str, options: dict[str, Any]) -> str:
    """A layer with options, as `OPEN` calls it."""
    return " ".join([name, *(f"{option}={value}" for option, value in options.items())])


def shape_of(operation: str) -> tuple[int, ...]:
    return VIDEO if "video" in operation else SHAPE


def alone(operation: str) -> Ledger:
    """The ledger of an operation and nothing else."""
    x = Tensor(shape_of(operation))
    spellings.OPERATIONS[operation][0](x)
    return x.ledger


def guess(said: Reading, tool: str, samples: int) -> int:
    """The total if every open row were weighed by the rule of the function that it calls."""
    plain = {"nn.Upsample(nearest)": "F.interpolate(nearest)", "nn.Upsample(bilinear)": "F.interpolate(bilinear)"}
    total = 0
    for row in said.rows:
        call = row.call.removesuffix(" of pairs")
        total += TOOLS[tool].rules[plain.get(call, call)].of(row.row, samples) if row.counted is None else row.counted
    return total


def hold(tool: str, spelling: str, subject: str, ours: Ledger, module: nn.Module, shape: tuple[int, ...]) -> None:
    """The integer that a tool reports is the one predicted; or the case is one of `OPEN`, and a guess is wrong."""
    with counters.quietly():
        theirs = counters.COUNTERS[tool](module, torch.zeros(shape))
    said = TOOLS[tool].read(ours, spelling, shape[0])
    reason = OPEN.get((tool, spelling, subject))
    if reason is None:
        assert said.total == theirs
    else:
        assert said.total is None
        # A bias by layout is no matter of one number: see below.
        assert reason == LAYOUT or guess(said, tool, shape[0]) != theirs


@pytest.mark.usefixtures("uncovered")
@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("name", spellings.LAYERS)
@pytest.mark.parametrize("tool", TOOLS)
def test_layers(tool: str, name: str, spelling: str) -> None:
    """Every layer of the survey, with its defaults and with each variant, in every spelling."""
    for options in [{}, *VARIANTS[name]]:
        module = spellings.layer(name, spelling, SHAPE, **options)
        hold(tool, spelling, named(name, options), ledger(name, SHAPE, **options), module, SHAPE)
    if LAYERS[name].video:
        module = spellings.layer(name, spelling, VIDEO, subsample="after")
        hold(tool, spelling, name, ledger(name, VIDEO, subsample="after"), module, VIDEO)


@pytest.mark.usefixtures("uncovered")
@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("name", spellings.OPERATIONS)
@pytest.mark.parametrize("tool", TOOLS)
def test_operations(tool: str, name: str, spelling: str) -> None:
    """Every other operation that a tensor has, by itself."""
    hold(tool, spelling, name, alone(name), spellings.operation(name, spelling), shape_of(name))


def test_a_wrong_rule_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison can fail: by one unit of one rule, and by a call that is not in the table."""
    right = TOOLS["FlopCounterMode"]
    ours, module = ledger("se", SHAPE), spellings.layer("se", "modules", SHAPE)
    for rules in (right.rules | {"nn.ReLU": Rule({"output element": 1})}, {"nn.ConvNd": right.rules["nn.ConvNd"]}):
        monkeypatch.setitem(TOOLS, "FlopCounterMode", right._replace(rules=rules))
        with pytest.raises(AssertionError):
            hold("FlopCounterMode", "modules", "se", ours, module, SHAPE)


def test_a_bias_by_layout() -> None:
    """The same linear layer of the same tokens is two counts to ptflops' aten backend: why `OPEN` has it."""
    linear = nn.Linear(40, 11)
    counted = {
        tokens.is_contiguous(): counters.COUNTERS["ptflops-aten"](linear, tokens)
        for tokens in (torch.zeros(3, 35, 40), torch.zeros(3, 40, 35).transpose(1, 2))
    }
    assert counted == {True: 3 * 35 * 11 * (40 + 1), False: 3 * 35 * 11 * 40}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("name", spellings.LAYERS)
def test_it_is_the_reference(name: str, spelling: str) -> None:
    """With the parameters of the reference a spelling computes what the reference computes."""
    torch.manual_seed(0)
    x = torch.randn(SHAPE)
    for options in [{}, *VARIANTS[name]]:
        theirs = REFERENCES[name](SHAPE[1], **options).eval()
        theirs(x)
        for parameter in theirs.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
        ours = spellings.layer(name, spelling, SHAPE, **options)
        ours.load_state_dict(theirs.state_dict())
        torch.testing.assert_close(ours(x), theirs(x))


def test_every_layer_and_every_option_is_a_subject() -> None:
    """A layer or an operation added to the catalog needs a spelling here, and an option a variant."""
    survey = {name for name, layer in LAYERS.items() if layer.program.__module__.startswith("costmodel.")}
    assert set(spellings.LAYERS) == set(VARIANTS) == survey
    # They choose how many pairs there are, and nothing of what is called.
    pairs = {"pattern", "window", "summary", "block"}
    for name in survey:
        assert set(LAYERS[name].options) - pairs == {option for options in VARIANTS[name] for option in options}, name


def test_every_rule_is_held() -> None:
    """No rule stands in a table that no subject here calls for."""
    ledgers = [ledger(name, SHAPE, **options) for name in VARIANTS for options in [{}, *VARIANTS[name]]]
    rows = [row for of in [*ledgers, *map(alone, spellings.OPERATIONS)] for row in of.rows]
    called = {spelled(row, spelling) for row in rows for spelling in SPELLINGS}
    assert {call for tool in TOOLS.values() for call in tool.rules} - called == set()


@pytest.mark.parametrize("tool", TOOLS)
def test_versions(tool: str) -> None:
    """The tables name the versions that they are held against."""
    package = TOOLS[tool].package
    counters.imported(package)
    assert version(package).partition("+")[0].replace("-", ".post") == TOOLS[tool].version


def test_the_spread() -> None:
    """Two tools that both say MACs differ by 785 on one SE block, in ResNet's first stage."""
    shape = (1, 64, 56, 56)
    module = spellings.layer("se", "modules", shape)
    with counters.quietly():
        one, other = (counters.COUNTERS[tool](module, torch.zeros(shape)) for tool in ("torchinfo", "ptflops-pytorch"))
    # 2·64·4 MACs; and beside them the pool's 64·56² and the ReLU's 4, each twice.
    assert (one, other) == (512, 512 + 2 * 64 * 56**2 + 2 * 4)
    assert other // one == 785
