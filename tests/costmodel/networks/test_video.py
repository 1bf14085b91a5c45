"""Networks for video."""

from collections.abc import Callable
from typing import Any

import pytest

from costmodel import CostModelError, metrics, subjects
from costmodel.ledger import Ledger

CLIP = (2, 3, 9, 37, 71)

NON_LOCAL = "non-local:subsample=after,out-bias=false"


def total(text: str, metric: str) -> int:
    """At the input that the network was made for."""
    asked = subjects.read(text)
    count: int = metrics.total(asked.layer.run(asked.layer.input, asked.options), metric)
    return count


@pytest.mark.parametrize(
    "name, options",
    [
        ("c2d-resnet50", {"classes": 7}),
        ("i3d-resnet50", {"inflate": "3x3x3"}),
        ("tsm-resnet50", {}),
    ],
    ids=str,
)
def test_agrees_with_its_reference(agree: Callable[..., Ledger], name: str, options: dict[str, Any]) -> None:
    """At odd sizes, with several clips."""
    agree(name, CLIP, **options)


@pytest.mark.parametrize(
    "name, inserted, at",
    [
        ("c2d-resnet50", "non-local:subsample=before", ""),
        ("i3d-resnet50", "non-local", "all@between"),
        ("tsm-resnet50", "non-local:affinity=dot-product,out_bias=false", "res3:even,res4:even"),
        ("tsm-resnet50", "non-local:affinity=gaussian,subsample=after", "res4:2@branch,head"),
    ],
)
def test_agrees_with_layers_inserted(agree: Callable[..., Ledger], name: str, inserted: str, at: str) -> None:
    """Non-local blocks see clips."""
    agree(name, (1, 3, 9, 65, 71), inserted, at)


def test_frames_are_pictures() -> None:
    """Eight frames through TSM cost eight pictures through ResNet-50, but for the mean of their classes.

    Before each of the 16 branches two eighths are shifted and joined with the others, which computes nothing.
    """
    clip = subjects.read("tsm-resnet50").layer.run((1, 3, 8, 224, 224), {})
    pictures = subjects.read("resnet50").layer.run((8, 3, 224, 224), {"classes": 400})
    copies = [row for row in clip.rows if row.kind in ("pad", "concat")]
    assert [row.name.rpartition(".")[2] for row in copies] == ["later", "earlier", "shift"] * 16
    # res2.1 has 64 channels of 8 frames at 56².
    assert [(row.read, row.written) for row in copies[:3]] == [
        *[(8 * 8 * 56**2, 8 * 8 * 56**2)] * 2,
        (64 * 8 * 56**2, 64 * 8 * 56**2),
    ]
    *rows, consensus = (row for row in clip.rows if row not in copies)
    assert [(row.params, row.arithmetic) for row in rows] == [(row.params, row.arithmetic) for row in pictures.rows]
    assert (consensus.name, consensus.arithmetic) == ("head.consensus", {"add": 400 * 7, "div": 400})


def test_published_tsm() -> None:
    """MMAction2's figures, by fvcore, of which it prints as many digits and does not round."""
    assert total("tsm-resnet50", "fvcore") // 10**7 == 3288
    for affinity, params, cost in (
        ("dot-product", 3168, 6130),
        ("embedded-gaussian", 3168, 6130),
        ("gaussian", 2800, 5906),
    ):
        name = f"tsm-resnet50 with {NON_LOCAL},affinity={affinity}"
        assert (total(name, "params") // 10**4, total(name, "fvcore") // 10**7) == (params, cost)


def test_parameters_of_inflated_networks() -> None:
    """The released I3D is said to have 35 million with five non-local blocks, and near 28 without."""
    assert total("i3d-resnet50", "params") == 28_043_472
    assert total("i3d-resnet50 with non-local", "params") // 10**6 == 35


def test_what_the_paper_says_of_them() -> None:
    """§5.1: ResNet-50 with 5 blocks has "~70%" of the parameters and "~80%" of the FLOPs of ResNet-101.

    ResNet-101 with 5 has 1.2× its FLOPs, and as I3D 1.5×. All if blocks subsample before their convolutions, as the
    released code does.
    """
    few = "c2d-resnet50 with non-local:subsample=before"
    many = "c2d-resnet101 with non-local:subsample=before at res3:even,res4:7+14+21"
    ratios = {
        (few, "params"): 73,
        (few, "macs"): 80,
        (many, "macs"): 123,
        ("i3d-resnet101", "macs"): 146,
    }
    for (name, metric), percent in ratios.items():
        assert 100 * total(name, metric) // total("c2d-resnet101", metric) == percent


def test_inflation_by_hand() -> None:
    """I3D 3×1×1 of ResNet-50: conv1 5 deep, and the first 1×1 of 3 + 2 + 3 + 1 blocks with two slices more."""
    slices = 64 * 64 + 2 * 256 * 64 + (256 + 512) * 128 + (512 + 2 * 1024) * 256 + 2048 * 512
    assert total("i3d-resnet50", "params") - total("c2d-resnet50", "params") == 4 * 3 * 64 * 49 + 2 * slices
    cubes = 3 * 64**2 + 2 * 128**2 + 3 * 256**2 + 512**2
    deep = total("i3d-resnet50:inflate=3x3x3", "params") - total("c2d-resnet50", "params")
    assert deep == 4 * 3 * 64 * 49 + 2 * 9 * cubes


def test_pictures_are_refused() -> None:
    """A clip has frames."""
    with pytest.raises(CostModelError, match="c2d-resnet50 takes N×C×T×H×W input, not one of 4 dimensions"):
        subjects.read("c2d-resnet50").layer.run((1, 3, 224, 224), {})
