"""Claims from the command line."""


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


def test_one_claim_by_its_name(costmodel_, refusal) -> None:
    """Or the nearest name."""
    assert costmodel_("claims", "shared-fc").out.startswith("shared-fc: ")
    assert "did you mean 'shared-fc'" in refusal("claims", "shared-fcc")
    assert "cannot be read" in refusal("claims", "--file", "absent.toml")
