"""The references are real modules, apart from the shape programs, with the catalog's names and options."""

import ast
import inspect
from itertools import product
from pathlib import Path

import pytest
import torch
from torch import nn

import costmodel.layers  # noqa: F401  (registers the layers of the survey)
from costmodel import LAYERS
from costmodel.validate import references
from costmodel.validate.references import REFERENCES, reference
from costmodel.validate.references.sparse_attention import SparseAttention, attended

SOURCES = sorted(Path(references.__file__).parent.glob("*.py"))


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


def test_there_is_one_for_every_layer() -> None:
    """The names are the catalog's."""
    assert set(REFERENCES) == {name for name in LAYERS if LAYERS[name].program.__module__.startswith("costmodel.")}


@pytest.mark.parametrize("name", sorted(REFERENCES))
def test_options_are_those_of_the_catalog(name: str) -> None:
    """The options have the catalog's names and defaults; video is one where the layer takes it."""
    layer = LAYERS[name]
    _, channels, *options = inspect.signature(REFERENCES[name].__init__).parameters.values()
    assert channels.default is inspect.Parameter.empty
    expected = {option.name: option.default for option in layer.options.values()}
    assert {option.name: option.default for option in options} == expected | ({"video": False} if layer.video else {})


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
