"""What README.md says, done."""

import os
import re
import shlex
import subprocess
import sysconfig
from pathlib import Path

import pytest
from matplotlib.testing.compare import compare_images

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
SHOWN = [text.partition("\n") for language, text in BLOCKS if language == "console"]


def printed(command: str, folder: Path | None = None) -> str:
    program, *arguments = shlex.split(command)
    result = subprocess.run(
        [Path(sysconfig.get_path("scripts"), program), *arguments],
        cwd=folder,
        env=os.environ | {"COLUMNS": "80", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout


def test_first_blocks_are_the_two_lines() -> None:
    """The first block installs the tool and does its main job, the second installs the tests' needs and runs them."""
    (_, install_and_compare), (_, install_and_test), *_ = BLOCKS
    pip, _, compare = install_and_compare.strip().partition(" && ")
    assert pip == "pip install ."
    assert printed(compare) == printed(SHOWN[0][0].removeprefix("$ "))
    assert install_and_test.strip() == "pip install -e '.[test]' -c constraints.txt && pytest"


@pytest.mark.parametrize("prompt, output", [(prompt, output) for prompt, _, output in SHOWN], ids=[s[0] for s in SHOWN])
def test_shown_output_is_what_is_printed(prompt: str, output: str, tmp_path: Path) -> None:
    """Every command that the README shows prints what the README shows, and draws the figure that is beside it."""
    assert printed(prompt.removeprefix("$ "), tmp_path) == output
    for drawn in tmp_path.iterdir():
        assert compare_images(str(ROOT / "docs/images" / drawn.name), str(drawn), tol=5) is None


def test_files_it_points_to_exist() -> None:
    """Every file that the README names is there."""
    named = re.findall(r"`((?:docs|benchmarks|notebooks|\.ci)/[\w./-]+|\w+\.(?:md|txt))`", README)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []
