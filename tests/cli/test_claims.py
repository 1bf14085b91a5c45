"""Claims from the command line."""

import json

import pytest


@pytest.mark.usefixtures("uncovered")
def test_the_surveys_claims_hold_as_recorded(costmodel_) -> None:
    """All of them, exit 0; in JSON each with its evidence."""
    result = costmodel_("claims", "--json")
    assert result.status == 0
    assert all(claim["agrees"] and claim["evidence"] for claim in result.document["claims"])
    assert costmodel_("claims").out.endswith(f"{len(result.document['claims'])} statements, all as recorded\n")


def test_a_false_claim_comes_out_false(costmodel_, tmp_path) -> None:
    """A planted one: exit 1, and both verdicts are shown."""
    path = tmp_path / "mine.toml"
    path.write_text(
        'source = "me"\n[[claim]]\nname = "planted"\nsays = "SE is dearer."\n'
        """[[claim.statement]]\nstates = 'macs("se") > macs("cbam")'\nverdict = "holds"\n""",
        encoding="utf-8",
    )
    result = costmodel_("claims", "--file", str(path))
    assert result.status == 1
    assert "→ fails: 2·N·C²/r > 98·N·H·W + 4·N·C²/r" in result.out
    assert "! the record says: holds" in result.out


def test_planted_shares_and_lengths_come_out_false(costmodel_, tmp_path) -> None:
    """With names of the claim's own, other widths and several places: each place is judged."""
    path = tmp_path / "mine.toml"
    path.write_text(
        'source = "me"\n[[claim]]\nname = "planted"\nsays = "SE is small, sparse attention always longer."\n'
        """[claim.where]\nblock = 'params("conv:kernel=3,groups=1", C=C/4, C_out=C/4) + C*C/2'
share = 'params("se:reduction=16") / block'\nsparse = 'macs("sparse-attention", "scores", P=30*n)'\n"""
        """[[claim.statement]]\nstates = 'share < 1/10'\nat = [{ C = 256 }, { C = 512 }]\nverdict = "holds"\n"""
        """[[claim.statement]]\nstates = 'sparse <= macs("dense-attention", "scores", P=n)'
at = { n = 12288, l = 128 }\nverdict = "holds"\n""",
        encoding="utf-8",
    )
    result = costmodel_("claims", "--file", str(path))
    assert result.status == 1
    assert '  where share = params("se:reduction=16") / block' in result.out
    assert result.out.count("→ fails: 2/17 (≈ 0.1176) < 1/10") == 2
    assert "→ fails: 577835072·N·C ≤ 150994944·N·C" in result.out
    assert "3 not as recorded" in result.out
    documents = json.loads(costmodel_("claims", "--file", str(path), "--json").out)["claims"]
    assert [document["at"] for document in documents] == [{"C": 256}, {"C": 512}, {"n": 12288, "l": 128}]
    assert all(set(document["where"]) == {"block", "share", "sparse"} for document in documents)


def test_one_claim_by_its_name(costmodel_, refusal) -> None:
    """Or the nearest name."""
    assert costmodel_("claims", "shared-fc").out.startswith("shared-fc: ")
    assert "did you mean 'shared-fc'" in refusal("claims", "shared-fcc")
    assert "cannot be read" in refusal("claims", "--file", "absent.toml")


def test_a_size_that_a_layer_has_not(refusal, tmp_path) -> None:
    """One sentence: what was given, what there is, and the nearest right spelling."""
    path = tmp_path / "mine.toml"
    path.write_text(
        'source = "me"\n[[claim]]\nname = "one"\nsays = "b"\n'
        """[[claim.statement]]\nstates = 'macs("conv", C_ot=2*C) < 3'\nverdict = "fails"\n""",
        encoding="utf-8",
    )
    assert "conv has no size 'C_ot' (did you mean 'C_out'?); it has" in refusal("claims", "--file", str(path))


def test_published_figures_come_out_as_recorded(costmodel_) -> None:
    """All of them, exit 0, in 80 columns; in JSON each with our exact count."""
    result = costmodel_("claims", "--published", "--json")
    figures, totals = result.document["figures"], result.document["totals"]
    assert all(figure["agrees"] for figure in figures)
    assert sum(totals.values()) == len(figures) == 191
    assert next(figure for figure in figures if figure["value"] == "7.570")["counts"] == [7_570_194_432]
    out = costmodel_("claims", "--published").out
    assert max(map(len, out.splitlines())) <= 80
    assert "SE-ResNet-50 r=16        GMACs           3.87                 3.860 as pools\n" in out
    assert out.endswith("all as recorded\n")


def test_published_figures_by_name(costmodel_, refusal) -> None:
    """Of one source, or one model; the readings that occur are explained below."""
    result = costmodel_("claims", "--published", "tsm-r50 + nl")
    assert result.status == 0
    assert result.out.startswith("mmaction2 model zoo\n")
    assert "\nas truncated: cut off after the last digit, not rounded\n" in result.out
    assert "6 figures: 3 reproduced, 3 under another reading" in result.out
    assert "did you mean 'mobilenet_v2'" in refusal("claims", "--published", "mobilenet_v22")
    assert "exclude each other" in refusal("claims", "--published", "--file", "mine.toml")


def test_a_published_figure_that_drifts(costmodel_, monkeypatch) -> None:
    """Exit 1, with what is on record."""
    from costmodel.claims import published

    figures = published.figures()
    monkeypatch.setattr(published, "figures", lambda: [figures[0]._replace(value="11689513"), *figures[1:]])
    result = costmodel_("claims", "--published", "torchvision")
    assert result.status == 1
    assert "off -1 ! the record says: reproduced" in " ".join(result.out.split())
    assert result.out.endswith("1 not as recorded\n")
