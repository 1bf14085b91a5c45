"""Where layers cross, and what fits, as a user asks."""

import pytest

from costmodel import find, totals
from costmodel.subjects import find as find_network


def test_an_exact_crossing(costmodel_) -> None:
    """The root in closed form, the integers on both sides, and both layers counted there."""
    document = costmodel_("crossover", "danet-pam", "danet-cam", "--over", "p", "--at", "c=512", "--json").document
    assert document == {
        "a": "danet-pam",
        "b": "danet-cam",
        "over": "p",
        "at": {"c": 512},
        "metric": "macs",
        "difference": "576*N*P**2 - 196608*N*P",
        "rounded": False,
        "crossings": [
            {
                "exact": "1024/3",
                "decimal": "341.333333333",
                "last_before": 341,
                "first_after": 342,
                "cheaper_before": "danet-pam",
                "cheaper_after": "danet-cam",
            }
        ],
        "verdict": "danet-pam is cheaper up to p = 341, danet-cam from 342 on",
    }
    out = costmodel_("crossover", "danet-pam", "danet-cam", "--over", "p", "--at", "c=512").out
    for positions in (341, 342):
        for layer in ("danet-pam", "danet-cam"):
            counted = totals(find(layer).run((1, 512, positions, 1), {}))["macs"]
            assert f"{counted:,}" in out


def test_what_is_open_stays_open(costmodel_) -> None:
    """Without C the answer is in C, and there are no integers to name."""
    document = costmodel_("crossover", "danet-pam", "danet-cam", "--over", "p", "--json").document
    (crossing,) = document["crossings"]
    assert (crossing["exact"], crossing["decimal"], crossing["last_before"]) == ("2*C/3", None, None)
    assert "equal at p = 2·C/3" in costmodel_("crossover", "danet-pam", "danet-cam", "--over", "p").out


def test_options_of_the_layers_and_an_option_that_varies(costmodel_) -> None:
    """se:bias=true is a layer with an option; out-bias is spelled with a hyphen, and no number."""
    document = costmodel_(
        "crossover", "se:bias=true", "cbam-spatial", "--over", "reduction", "--at", "c=512,side=7", "--json"
    ).document
    assert document["a"] == "se:bias=true"
    assert document["crossings"][0]["cheaper_before"] == "cbam-spatial"


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["se", "cbam", "--over", "q"], ["'q'", "reduction", "side"]),
        (["non-local", "se", "--over", "out-bias"], ["'out-bias'"]),
        (["se", "cbam", "--over", "c", "--at", "c=4"], ["twice"]),
        (["se", "cbam", "--over", "c", "--at", "side=0"], ["side=0"]),
        (["se", "cbam", "--over", "c", "--at", "side"], ["name=integer", "'side'"]),
        (["se", "cbam", "--over", "c", "--at", "h=7,h=8"], ["'h'", "twice"]),
        (["se", "cbam", "--over", "c", "--metric", "watts"], ["'watts'"]),
        (["se", "--over", "c"], ["B"]),
        (["conv:stride=2", "linear", "--over", "p", "--at", "c=8"], ["depends on H and W apart"]),
    ],
)
def test_questions_that_are_none(refusal, arguments, said) -> None:
    """One sentence, exit 2."""
    sentence = refusal("crossover", *arguments)
    assert all(part in sentence for part in said)


def test_what_fits(costmodel_) -> None:
    """The largest side, its cost, and the next one's."""
    arguments = ["fit", "non-local", "--over", "side", "--limit", "5e9", "--at", "c=512"]
    document = costmodel_(*arguments, "--json").document
    assert (document["largest"], document["limit"]) == (51, 5_000_000_000)
    assert document["cost"] == totals(find("non-local").run((1, 512, 51, 51), {}))["macs"]
    assert f"{document['cost']:,}" in costmodel_(*arguments).out
    nothing = [*arguments[:4], "--limit", "5", "--at", "c=512"]
    assert costmodel_(*nothing, "--json").document["largest"] is None
    assert costmodel_(*nothing).out == "non-local: macs over side at c = 512 exceeds 5 everywhere\n"


@pytest.mark.parametrize("limit", ["", "0", "-5", "5.5", "1e-3", "nan", "inf", "5G", "1e9999", "5_000"])
def test_limits_that_are_none(refusal, limit) -> None:
    """A limit is a whole number."""
    assert "whole number" in refusal("fit", "se", "--over", "c", "--at", "side=7", "--limit", limit)


def test_a_torch_module_is_crossed_like_a_layer(costmodel_, refusal) -> None:
    """By its name and its arguments; what cannot be imported is said."""
    module = "costmodel.validate.references.non_local:NonLocal:channels=64"
    document = costmodel_("crossover", module, "conv", "--over", "p", "--json").document
    assert [crossing["exact"] for crossing in document["crossings"]] == ["7*C"]
    assert "'nowhere.at_all' cannot be imported" in refusal("crossover", "nowhere.at_all:X:c=8", "conv", "--over", "p")
    assert "not rational in P" in refusal("crossover", "non-local", "sparse-attention", "--over", "p")


def test_a_torch_module_fits_like_a_layer(costmodel_) -> None:
    """Up to where its layer does."""
    module = "costmodel.validate.references.non_local:NonLocal:channels=512"
    rest = ("--over", "side", "--limit", "5e9", "--at", "c=512", "--json")
    ours, theirs = (costmodel_("fit", name, *rest).document for name in ("non-local", module))
    assert (theirs["largest"], theirs["cost"]) == (ours["largest"], ours["cost"])


def test_a_network_and_what_is_inserted(costmodel_) -> None:
    """The side at which five non-local blocks cost more than the backbone, and both counted on either side of it."""
    alone = "non-local at res3:even,res4:even in resnet50"
    document = costmodel_("crossover", "resnet50", alone, "--over", "side", "--json").document
    (crossing,) = document["crossings"]
    assert (crossing["last_before"], crossing["first_after"]) == (368, 369)
    assert (crossing["cheaper_before"], crossing["cheaper_after"]) == (alone, "resnet50")
    out = costmodel_("crossover", "resnet50", alone, "--over", "side").out
    for side in (368, 369):
        costs = [
            costmodel_("cost", text, "--shape", f"1x3x{side}x{side}", "--json").document["macs"]
            for text in ("resnet50", alone)
        ]
        assert (costs[1] > costs[0]) == (side == 369)
        assert all(f"{cost:,}" in out for cost in costs)


def test_channels_belong_to_layers(costmodel_, refusal) -> None:
    """A network has its own: c is that of a layer beside it, and means nothing without one."""
    assert "c is the channels of layers" in refusal("crossover", "resnet50", "resnet18", "--over", "c")
    assert "c is the channels of layers" in refusal(
        "crossover", "resnet50", "resnet18", "--over", "side", "--at", "c=64"
    )
    assert "c is the channels of layers" in refusal(
        "fit", "resnet50", "--over", "side", "--at", "c=64", "--limit", "5e9"
    )
    arguments = ("crossover", "resnet18", "non-local", "--over", "side", "--at", "c=6", "--json")
    *_, crossing = costmodel_(*arguments).document["crossings"]
    for side, cheaper in ((crossing["last_before"], "non-local"), (crossing["first_after"], "resnet18")):
        network = totals(find_network("resnet18").run((1, 3, side, side), {}))["macs"]
        layer = totals(find("non-local").run((1, 6, side, side), {}))["macs"]
        assert (network < layer) == (cheaper == "resnet18")


def test_what_fits_of_a_network(costmodel_) -> None:
    """The largest side, with and without a layer, and with an option of either."""
    for name, *flags in (["resnet50"], ["resnet50 with se", "-p", "reduction=4"], ["resnet50 with se:reduction=4"]):
        found = costmodel_("fit", name, *flags, "--over", "side", "--limit", "5e9", "--json").document
        side = found["largest"]
        counts = [
            costmodel_("cost", name, *flags, "-s", f"1x3x{each}x{each}", "--json").document["macs"]
            for each in (side, side + 1)
        ]
        assert counts[0] <= 5 * 10**9 < counts[1]


def test_networks_for_video(costmodel_) -> None:
    """Frames are a size of theirs, which --at fixes."""
    arguments = ("crossover", "i3d-resnet50", "non-local in i3d-resnet50", "--over", "side", "--at", "t=32", "--json")
    crossings = costmodel_(*arguments).document["crossings"]
    assert crossings
    for crossing in crossings:
        for side, cheaper in (
            (crossing["last_before"], crossing["cheaper_before"]),
            (crossing["first_after"], crossing["cheaper_after"]),
        ):
            backbone, added = (
                costmodel_("cost", text, "--shape", f"1x3x32x{side}x{side}", "--json").document["macs"]
                for text in ("i3d-resnet50", "non-local in i3d-resnet50")
            )
            assert (backbone < added) == (cheaper == "i3d-resnet50")


def test_a_long_difference_is_left_to_json(costmodel_) -> None:
    """That of two networks in time is a sum of maxima over pages; the rest of the answer is as of layers."""
    arguments = ("crossover", "resnet18", "mobilenet-v1", "--over", "side", "--metric", "time:h200")
    document = costmodel_(*arguments, "--json").document
    out = costmodel_(*arguments).out
    assert "characters, which --json has" in out
    assert document["difference"].count("Max") > 10
    assert document["verdict"] in " ".join(out.split())
