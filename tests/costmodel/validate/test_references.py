"""The references are real modules, apart from the shape programs, with the catalog's names and options."""

import ast
import inspect
from itertools import product
from pathlib import Path

import pytest
import torch
from torch import nn

import costmodel.layers
import costmodel.networks  # noqa: F401  (and the networks)
from costmodel import LAYERS
from costmodel.catalog import NETWORKS
from costmodel.validate import references
from costmodel.validate.references import REFERENCES, reference
from costmodel.validate.references.sparse_attention import SparseAttention, attended

SOURCES = sorted(Path(references.__file__).parent.rglob("*.py"))


def foreign_imports(source: str) -> set[str]:
    """The modules of ours that a source imports, other than references."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names} if not node.level else {"costmodel.?"}
    return {
        name
        for name in names
        if name.partition(".")[0] == "costmodel" and not name.startswith("costmodel.validate.references.")
    }


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_references_know_no_shape_program(path: Path) -> None:
    """A reference imports nothing of ours but other references."""
    assert foreign_imports(path.read_text(encoding="utf-8")) == set()


@pytest.mark.parametrize(
    "line", ["from costmodel.layers import cbam", "import costmodel.patterns", "from costmodel import Tensor"]
)
def test_that_guard_can_fail(line: str) -> None:
    """Each way to import a shape program or a pair count is found."""
    assert foreign_imports(f"import torch\n{line}\n") != set()


def test_there_is_one_for_every_layer_and_network() -> None:
    """The names are the catalog's."""
    known = LAYERS | NETWORKS
    assert set(REFERENCES) == {name for name in known if known[name].program.__module__.startswith("costmodel.")}


@pytest.mark.parametrize("name", sorted(REFERENCES))
def test_options_are_those_of_the_catalog(name: str) -> None:
    """The options have the catalog's names and defaults; video is one where a layer takes it, `insert` of networks."""
    entry = (LAYERS | NETWORKS)[name]
    channels, *options = inspect.signature(REFERENCES[name]).parameters.values()
    assert channels.default is inspect.Parameter.empty
    expected = {option.name: option.default for option in entry.options.values()}
    if entry.input:
        expected["insert"] = None
    elif entry.video:
        expected["video"] = False
    assert {option.name: option.default for option in options} == expected


def test_a_name_is_registered_once() -> None:
    """A second reference of a layer is an error, and changes nothing."""
    with pytest.raises(ValueError, match="'se' has a reference already: SqueezeExcitation"):
        reference("se")(nn.Identity)
    assert REFERENCES["se"].__name__ == "SqueezeExcitation"
    # The same definition again, as in a cell of a notebook that is run twice, is no second one.
    assert reference("se")(REFERENCES["se"]) is REFERENCES["se"]


def test_the_pairs_of_the_paper() -> None:
    """Both patterns over five positions with l = 2, written out by hand from §4.3."""
    by_hand = {
        ("strided", True): ["0", "01", "012", "123", "0234"],
        ("strided", False): ["012 4", "0123", "01234", "1234", "0 234"],
        ("fixed", True): ["0", "01", "12", "123", "134"],
        ("fixed", False): ["013", "013", "123", "123", "134"],
    }
    for (pattern, causal), rows in by_hand.items():
        pairs = attended(5, pattern=pattern, stride=2, summary=1, causal=causal, window="paper")
        assert pairs == tuple((i, int(j)) for i, row in enumerate(rows) for j in row.replace(" ", ""))


@pytest.mark.parametrize("window", ["paper", "code"])
@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("pattern", ["strided", "fixed"])
@pytest.mark.parametrize("count", ["ideal", "block", "masked"])
def test_sparse_attention_attends_to_its_pairs(count: str, pattern: str, causal: bool, window: str) -> None:
    """An output depends on an input exactly if they are a pair, however it is computed: the gradient is zero or not."""
    torch.manual_seed(0)
    module = SparseAttention(
        4, heads=2, stride=4, summary=2, block=5, pattern=pattern, causal=causal, window=window, count=count
    ).double()
    x = torch.randn(1, 4, 3, 7, dtype=torch.float64, requires_grad=True)
    output = module(x)[0]
    depends = []
    for i in range(21):
        (gradient,) = torch.autograd.grad(output[i].sum(), x, retain_graph=True)
        depends += [(i, int(j)) for j in gradient[0].flatten(1).abs().sum(0).nonzero()]
    assert tuple(depends) == module.pairs(21)


@pytest.mark.parametrize("video", [False, True])
def test_non_local_starts_as_the_identity_of_its_residual(video: bool) -> None:
    """With an output convolution of zeros and no bias, z = x for every affinity and every subsampling (§3.3)."""
    x = torch.randn(2, 6, *((3, 4, 5) if video else (4, 5)))
    affinities = ("embedded-gaussian", "gaussian", "dot-product", "concatenation")
    for affinity, subsample in product(affinities, ("none", "after", "before")):
        module = REFERENCES["non-local"](
            6, affinity=affinity, subsample=subsample, norm=False, out_bias=False, video=video
        ).eval()
        nn.init.zeros_(module.out.weight)
        assert torch.equal(module(x), x)


@pytest.mark.parametrize("count", ["ideal", "masked"])
def test_criss_cross_attends_to_its_row_and_column(count: str) -> None:
    """After one loop an output depends on its cross alone, after two on every position (§3.3)."""
    torch.manual_seed(0)
    x = torch.randn(1, 4, 3, 5, dtype=torch.float64, requires_grad=True)
    for loops in (1, 2):
        module = REFERENCES["criss-cross"](4, reduction=2, loops=loops, count=count).double()
        nn.init.ones_(module.gamma)
        y = module(x)
        for i, j in product(range(3), range(5)):
            (gradient,) = torch.autograd.grad(y[0, :, i, j].sum(), x, retain_graph=True)
            depends = {tuple(place) for place in gradient[0].abs().sum(0).nonzero().tolist()}
            assert depends == {(a, b) for a, b in product(range(3), range(5)) if loops == 2 or a == i or b == j}


@pytest.mark.parametrize("shape", [(2, 8, 3, 5), (2, 8, 1, 5), (2, 8, 5, 1), (1, 8, 1, 1)])
def test_criss_cross_is_the_same_by_cross_and_by_line(shape: tuple[int, ...]) -> None:
    """What is masked is not attended to."""
    torch.manual_seed(0)
    x = torch.randn(shape, dtype=torch.float64)
    ideal, masked = (REFERENCES["criss-cross"](8, count=count).double() for count in ("ideal", "masked"))
    nn.init.ones_(ideal.gamma)
    masked.load_state_dict(ideal.state_dict())
    torch.testing.assert_close(ideal(x), masked(x))


def test_global_context_is_one_for_all_positions() -> None:
    """What is added is the same everywhere (Eq. 5)."""
    x = torch.randn(2, 32, 3, 5)
    added = REFERENCES["gc"](32).eval()(x) - x
    torch.testing.assert_close(added, added[:, :, :1, :1].expand_as(added))
