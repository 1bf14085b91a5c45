"""The catalog as parameters."""

import pytest

import costmodel.layers  # noqa: F401  (registers the layers of the survey)
from costmodel.catalog import LAYERS


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give tests that ask for `layer` each one of the catalog."""
    if "layer" in metafunc.fixturenames:
        metafunc.parametrize("layer", LAYERS.values(), ids=list(LAYERS))
