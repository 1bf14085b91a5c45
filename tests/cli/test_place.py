"""`costmodel place`."""

import pytest

from costmodel import plots

SE = ("place", "se", "--network", "resnet50")


def test_places_cost_what_is_said(costmodel_) -> None:
    """Each of the front, put into the network by `network`, adds what is reported."""
    document = costmodel_(
        "place", "se", "cbam", "danet-cam", "--network", "resnet50", "--at", "res4,res5", "--json"
    ).document
    bare = costmodel_("network", "resnet50", "--json").document
    assert (document["params"], document["macs"]) == (bare["params"], bare["macs"])
    layers = set()
    for equal in document["front"]:
        one = equal[0]
        layers.add(one["layer"])
        options = ",".join(f"{name}={value}" for name, value in one["options"].items())
        whole = costmodel_(
            *("network", "resnet50", "--with", f"{one['layer']}{':' * bool(options)}{options}"),
            *("--at", one["at"], "--json"),
        ).document
        assert whole["params"] - bare["params"] == one["params"]
        assert whole["macs"] - bare["macs"] == one["macs"]
        assert len(whole["with"][0]["places"]) == one["blocks"]
    assert layers == {"se", "danet-cam"}


def test_the_table(costmodel_) -> None:
    """What fits, and of that what nothing beats; SE with the most reduction at every block, then without the last."""
    out = costmodel_(*SE, "--limit", "macs<=1.0001x").out
    assert "resnet50 at 1×3×224×224: 25,557,032 params, 4.089 G MACs" in out
    assert "candidates fit macs<=1.0001x." in out
    assert "se: reduction=32 res2:1-3, res3:1-4, res4:2-6     12  405,504 405,504" in out
    assert max(map(len, out.splitlines())) <= 80


def test_all_that_fit(costmodel_) -> None:
    """--all lists every candidate: of res5's three blocks and five reductions, 15."""
    document = costmodel_(*SE, "--at", "res5", "--all", "--json").document
    assert document["candidates"] == document["fitting"] == len(document["all"]) == 15
    assert "15 of 15 candidates fit.\n\n" in costmodel_(*SE, "--at", "res5", "--all").out


def test_ties_are_said(costmodel_) -> None:
    """Two spellings of the same layer cost the same, under each of their options."""
    out = costmodel_("place", "se:bias=true", "shared-fc:branches=1", "--network", "resnet50", "--at", "res5").out
    assert "shared by several that cost and attend the same" in out


def test_nothing_fits(costmodel_) -> None:
    """Exit 1, with what comes nearest; or that the network is too large by itself."""
    result = costmodel_(*SE, "--at", "res5", "--limit", "params<=1.001x")
    assert (result.status, result.err) == (1, "")
    words = " ".join(result.out.split())
    assert "None of 15 candidates fits params<=1.001x. The one that adds the least params is se: reduction=32" in words
    assert "at res5:3: 262,144 params and 262,144 MACs." in words
    result = costmodel_(*SE, "--limit", "macs<=4e9", "--limit", "params<=2x")
    assert result.status == 1
    assert "It is above macs<=4e9 with nothing inserted." in result.out
    document = costmodel_(*SE, "--limit", "macs<=4e9", "--json")
    assert document.status == 1
    assert '"front": []' in document.out


def test_what_is_tried_and_what_is_wanted(costmodel_) -> None:
    """--try, --against and options that are fixed."""
    arguments = ("--network", "resnet50", "--at", "res5:last,res4:last", "--against", "positions", "--all", "--json")
    found = costmodel_("place", "se", "cbam:reduction=4,kernel=3", *arguments, "--try", "reduction=4,64").document[
        "all"
    ]
    assert {(one["layer"], one["options"]["reduction"]) for one in found} == {("se", 4), ("se", 64), ("cbam", 4)}
    assert {one["positions"] for one in found} == {49, 196, 245}


@pytest.mark.parametrize("suffix, start", [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_a_figure(costmodel_, tmp_path, monkeypatch, suffix, start) -> None:
    """Beside the table, or beside JSON."""
    monkeypatch.chdir(tmp_path)
    arguments = (*SE, "--at", "res5", "-o", f"a.{suffix}")
    assert costmodel_(*arguments).out.endswith(f"\n\nwritten: a.{suffix}\n")
    assert (tmp_path / f"a.{suffix}").read_bytes().startswith(start)
    assert len(list(tmp_path.iterdir())) == 1
    assert costmodel_(*arguments, "--json").document["fitting"] == 15


def test_nothing_to_draw(costmodel_, tmp_path) -> None:
    """Is said, and nothing is written."""
    result = costmodel_(*SE, "--limit", "params<=1x", "-o", str(tmp_path / "a.png"))
    assert result.status == 1
    assert result.out.endswith("Nothing is drawn.\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["place", "se"], "--network"),
        (["place", "--network", "resnet50"], "LAYER"),
        (["place", "se", "--network", "conv"], "conv is a layer, not a network"),
        (["place", "resnet18", "--network", "resnet50"], "no layer is called 'resnet18'"),
        ([*SE, "--limit", "macs<1x"], "a limit is a metric, <= and a number or a multiple, as macs<=1.05x"),
        ([*SE, "--limit", "mac<=1x"], "a limit is on params, macs, flops, fvcore, arithmetic, not 'mac' (did you mean"),
        ([*SE, "--against", "block"], "--against is one of blocks, positions, not 'block' (did you mean 'blocks'?)"),
        ([*SE, "--at", "res6"], "it has no stage 'res6'"),
        ([*SE, "--at", ""], "a place is stage"),
        ([*SE, "--try", "reduction"], "--try is written name=values"),
        ([*SE, "--try", "kernel=3"], "no layer here has an integer option 'kernel' that is not given"),
        (["place", "se:reduction=4", "--network", "resnet50", "--try", "reduction=8"], "what can be tried is none"),
        (["place", "cbam:kernel=4", "--network", "resnet50"], "fits nowhere there with any option that is tried: same"),
        (["place", "se", "--network", "tsm-resnet50"], "se takes N×C×H×W input"),
        ([*SE, "--input", "1x4x224x224"], "resnet50 takes 3 channels, not 4"),
        ([*SE, "-o", "a.gif"], "ending in .png, .svg, .pdf, not 'a.gif'"),
        ([*SE, "-o", "no/a.png"], "no/a.png cannot be written: its folder does not exist"),
    ],
    ids=lambda value: " ".join(value[1:]) if isinstance(value, list) else "",
)
def test_bad_input(refusal, tmp_path, monkeypatch, arguments, words) -> None:
    """One sentence, and nothing on disk."""
    monkeypatch.chdir(tmp_path)
    assert words in refusal(*arguments)
    assert list(tmp_path.iterdir()) == []


def test_too_many_candidates(refusal, monkeypatch) -> None:
    """Of each place and each combination of options there are more than are counted."""
    monkeypatch.setattr("costmodel.search.MOST", 2000)
    tried = ("--try", "reduction=1:256", "--try", "kernel=3:9:2")
    words = "more than 2,000 candidates: fewer places (--at) or options (--try)"
    assert words in refusal("place", "cbam", "--network", "mobilenet-v2", *tried)


def test_figures_are_checked_before_counting(refusal, monkeypatch) -> None:
    """A path that cannot be written is refused first."""
    monkeypatch.setattr("costmodel_cli.place.search", None)
    assert "cannot be written" in refusal(*SE, "-o", "no/a.png")
    assert plots.Placement
