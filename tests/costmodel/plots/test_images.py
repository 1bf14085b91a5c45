"""What the figures look like: every kind against an image that somebody has looked at.

The words are left out, since their letters and so the room that they take differ between versions of matplotlib;
`test_figure.py` has where they stand. After a change that is meant, `python tests/costmodel/plots/test_images.py`
draws the images anew. Look at them before they are committed.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from matplotlib.testing.compare import compare_images
from matplotlib.text import Text

from costmodel.plots import Cheapest, Curves, Ratio, Terms

IMAGES = Path(__file__).with_name("images")
TOLERANCE = 5
"""Root mean square of what the pixels differ by, of 255. 3.8.0 and 3.11.2 differ by at most 4."""

SIDE, C = range(4, 129), range(32, 4097, 32)
FIGURES: Mapping[str, Callable[[], Curves | Cheapest | Ratio | Terms]] = {
    "curves": lambda: Curves.of(
        ["danet-pam", "danet-cam", "non-local", "conv", "se", "cbam"], {"side": SIDE}, {"c": 512}
    ),
    "map": lambda: Cheapest.of(["danet-pam", "sparse-attention", "conv"], {"side": SIDE, "c": C}),
    "map-of-height-and-width": lambda: Cheapest.of(["danet-pam", "danet-cam"], {"h": SIDE, "w": SIDE}, {"c": 512}),
    "ratio": lambda: Ratio.of(["non-local", "conv"], {"side": SIDE, "c": C}),
    "terms": lambda: Terms.of(["sparse-attention:pattern=fixed"], {"side": range(8, 129)}, {"c": 16}, "arithmetic"),
}


def draw(figure: Figure, path: Path) -> None:
    """Write `figure` to `path` without words, small, and with its axes where they do not depend on words."""
    figure.set_layout_engine("none")
    figure.set_size_inches(3.4, 2.4)
    for axes, place in zip(figure.axes, [(0.06, 0.06, 0.78, 0.88), (0.88, 0.06, 0.05, 0.88)], strict=False):
        axes.set_position(place)
    for legend in figure.legends:
        legend.remove()
    for text in figure.findobj(Text):
        text.set_visible(False)
    figure.savefig(path, dpi=100)


@pytest.mark.parametrize("name", FIGURES)
def test_figures_look_as_they_did(tmp_path, name) -> None:
    """Lines, regions, colours, points and ticks are where they were."""
    draw(FIGURES[name]().figure(), tmp_path / "drawn.png")
    assert compare_images(str(IMAGES / f"{name}.png"), str(tmp_path / "drawn.png"), TOLERANCE) is None


OTHERS: Mapping[str, Callable[[], Curves | Cheapest | Ratio | Terms]] = {
    "curves": lambda: Curves.of(
        ["danet-pam", "danet-cam", "non-local", "conv", "se", "cbam"], {"side": SIDE}, {"c": 448}
    ),
    "map": lambda: Cheapest.of(["danet-pam:reduction=6", "sparse-attention", "conv"], {"side": SIDE, "c": C}),
    "ratio": lambda: Ratio.of(["non-local:reduction=1", "conv"], {"side": SIDE, "c": C}),
    "terms": lambda: Terms.of(["sparse-attention:pattern=fixed"], {"side": range(8, 129)}, {"c": 24}, "arithmetic"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_difference_is_noticed(tmp_path, name) -> None:
    """Slightly other costs make another image."""
    draw(OTHERS[name]().figure(), tmp_path / "drawn.png")
    assert compare_images(str(IMAGES / f"{name}.png"), str(tmp_path / "drawn.png"), TOLERANCE) is not None


def test_every_image_is_compared() -> None:
    """No image is left over."""
    assert {path.name for path in IMAGES.iterdir()} == {f"{name}.png" for name in FIGURES}


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    for name, made in FIGURES.items():
        draw(made().figure(), IMAGES / f"{name}.png")
