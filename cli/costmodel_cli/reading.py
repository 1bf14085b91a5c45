"""What users type, read: shapes, sizes, metrics and limits. Parsed, never evaluated."""

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from costmodel import catalog
from costmodel.catalog import LONGEST, Subject, is_number, nearest
from costmodel.dimension import CostModelError, abbreviate
from costmodel.memory import CASES, DTYPES, STEPS
from costmodel.metrics import ASKED, BYTES, METRICS, TIMES, known, roofline, seconds
from costmodel.subjects import read
from costmodel_cli.exit_codes import Unchecked

FORMS = ("text", "latex", "python", "json")
DEVICES = ("auto", "cpu", "cuda")
LONGEST_AXIS = 10**7
"""The most values of an axis, all of which are held in memory."""
FIGURES = ("curves", "map", "ratio", "terms")
AXES = ("side", "h", "w", "p", "n", "c", "t")


def shape(text: str) -> tuple[int, ...]:
    """``1x512x28x28`` → ``(1, 512, 28, 28)``; five numbers for video."""
    parts = text.lower().replace("×", "x").split("x")
    if len(parts) not in (4, 5):
        raise CostModelError(
            f"a shape is written N×C×H×W, such as 1x512x28x28, or N×C×T×H×W for video, not {abbreviate(text)}"
        )
    names = "NCHW" if len(parts) == 4 else "NCTHW"
    return tuple(size(part, f"{name} in the shape {abbreviate(text)}") for part, name in zip(parts, names, strict=True))


def input_sizes(text: str) -> tuple[int, ...]:
    """``2x49x64`` → ``(2, 49, 64)``: two to five numbers."""
    parts = text.lower().replace("×", "x").split("x")
    if not 2 <= len(parts) <= 5:
        raise CostModelError(f"an input is two to five numbers, such as 2x64x28x28 or 2x49x64, not {abbreviate(text)}")
    return tuple(size(part, f"a size of the input {abbreviate(text)}") for part in parts)


def size(text: str, what: str) -> int:
    """A positive integer."""
    if not is_number(text) or int(text) == 0:
        limit = f" of at most {LONGEST} digits" if len(text) > LONGEST else ""
        raise CostModelError(f"{what} must be a positive integer{limit}, not {abbreviate(text)}")
    return int(text)


def metric(text: str, dtype: str | None = None, profile: str | None = None) -> str:
    """One of `ASKED`, of elements of `dtype`, on the device of `profile`."""
    name, *named = text.split(":")
    if name not in ASKED:
        raise CostModelError(f"a metric is one of {', '.join(ASKED)}, not {abbreviate(text)}{nearest(text, ASKED)}")
    given = {"--device-profile": (profile, TIMES), "--dtype": (dtype, (*BYTES, *TIMES))}
    for flag, (value, accepted) in given.items():
        if value is not None and name not in accepted:
            raise CostModelError(f"{flag} is for {', '.join(accepted)}, not for {name}")
    case = [word for word in named[-1:] if word in CASES]
    if (profile or dtype) and len(named) > len(case):
        raise CostModelError(f"{abbreviate(text)} names what --device-profile and --dtype are for: give one of the two")
    if dtype is not None:
        one_of(dtype, "--dtype", tuple(DTYPES))
    if name in TIMES and text == name and profile is None:
        raise CostModelError(f"{name} is that of a device: --device-profile names it, such as h200")
    text = ":".join([name, *named[: len(named) - len(case)], *filter(None, (profile, dtype)), *case])
    if not known(text):
        raise CostModelError(f"{abbreviate(text)}: behind a colon {name} takes {_taken(name)}")
    if name in TIMES:
        roofline(text)  # or says why there is none
    return text


def more(texts: Iterable[str], dtype: str | None = None, profile: str | None = None) -> list[str]:
    """Of `ASKED` those that are told only where they are asked for; each takes what it can of `dtype` and `profile`."""
    texts = list(texts)
    flags = {"--device-profile": (profile, TIMES), "--dtype": (dtype, (*BYTES, *TIMES))}
    # What names a device or a dtype itself takes neither.
    takes = {
        text: {flag for flag, (_, accepted) in flags.items() if name in accepted and not {*named} - CASES.keys()}
        for text in texts
        for name, *named in [text.split(":")]
    }
    for flag, (value, accepted) in flags.items():
        if value is not None and not any(flag in taken for taken in takes.values()):
            raise CostModelError(f"{flag} is for a --metric that takes one: {', '.join(accepted)}")
    asked = {
        metric(text, dtype if "--dtype" in taken else None, profile if "--device-profile" in taken else None): None
        for text, taken in takes.items()
    }
    return [name for name in asked if name not in METRICS]


def _taken(name: str) -> str:
    """What may stand behind a metric, in words."""
    parts = ["a device"] if name in TIMES else []
    parts += [f"a dtype ({', '.join(DTYPES)})"] if name in (*BYTES, *TIMES) else []
    parts += [f"what learns nothing ({', '.join(CASES)})"] if name in STEPS else []
    return ", ".join(parts) or "nothing"


def one_of(text: str, what: str, accepted: tuple[str, ...]) -> str:
    """`text`, which must be one of `accepted`."""
    if text not in accepted:
        raise CostModelError(f"{what} is one of {', '.join(accepted)}, not {abbreviate(text)}{nearest(text, accepted)}")
    return text


def subject(text: str, known: Mapping[str, int], *, inside: bool = False) -> Subject:
    """What `subjects` reads, or a torch module as ``package.module:Name`` or ``path/file.py:Name``, there too.

    What is to stand `inside` a network is no network.
    """
    if " " in text or "." not in text.partition(":")[0]:
        return catalog.read(text) if inside else read(text, inserted=guest)
    from costmodel.validate import Unavailable, require

    try:
        require("torch", "costmodel.trace", what="a torch module")
    except Unavailable as error:
        raise Unchecked(str(error)) from None
    from costmodel.trace import as_subject

    return as_subject(text, known, inside=inside)


def guest(text: str) -> Subject:
    """A layer or a torch module that is inserted into a network."""
    return subject(text, {}, inside=True)


def sizes(pairs: Iterable[str]) -> dict[str, int]:
    """``c=512,n=1`` → ``{"c": 512, "n": 1}``; several texts join."""
    found: dict[str, int] = {}
    for pair in (part for text in pairs for part in text.split(",")):
        name, equals, value = (part.strip() for part in pair.partition("="))
        if not (name and equals and is_number(value) and int(value)):
            raise CostModelError(f"a size is fixed as name=integer, such as c=512, not {abbreviate(pair)}")
        if name in found:
            raise CostModelError(f"{abbreviate(name)} is fixed twice")
        found[name] = int(value)
    return found


def limit(text: str, metric: str) -> int:
    """``5000000000``, ``5e9`` or ``1.5e9``, of bytes ``16GiB`` or ``80GB``, of time ``1.5ms``, in whole ticks of it."""
    tick = seconds(metric)
    if tick:
        if found := re.fullmatch(r"([0-9]{1,30}(?:\.[0-9]{1,30})?) ?(s|ms|us|µs|ns)", text):
            return int(Fraction(found[1]) / (1000 ** ("s", "ms", "us", "ns").index(found[2].replace("µ", "u")) * tick))
        raise CostModelError(f"a limit of time is written with its unit, such as 1.5ms or 20us, not {abbreviate(text)}")
    if unit := re.fullmatch(r"([0-9]{1,30}(?:\.[0-9]{1,30})?) ?([KMGT])(i?)B", text):
        count = Decimal(unit[1]) * (1024 if unit[3] else 1000) ** ("KMGT".index(unit[2]) + 1)
        if count >= 1 and count == int(count):
            return int(count)
    if re.fullmatch(r"[0-9]{1,30}(\.[0-9]{1,30})?(e[0-9]{1,3})?", text.lower()):
        number = Decimal(text)
        if number >= 1 and number == int(number):
            return int(number)
    raise CostModelError(f"a limit is a whole number, such as 5000000000, 5e9 or 16GiB, not {abbreviate(text)}")


def axes(given: Iterable[str], flag: str, usual: Mapping[str, Sequence[int]]) -> dict[str, Sequence[int]]:
    """``c=64:2048:64``, each name once; a name alone stands for its `usual` values, if there are any."""
    found: dict[str, Sequence[int]] = {}
    for pair in given:
        name, equals, text = pair.partition("=")
        name = name.strip().lower()
        if not name or not (equals or name in usual):
            raise CostModelError(
                f"{flag} is written name=values, such as c=64:2048:64 or c=64,128,256, not {abbreviate(pair)}"
            )
        if name in found:
            raise CostModelError(f"{flag} {abbreviate(name)} is given twice")
        found[name] = _values(name, text) if equals else usual[name]
    return found


def _values(name: str, text: str) -> Sequence[int]:
    """``64:2048:64``, with its end if a step hits it, or ``64,128,256``."""
    if ":" not in text:
        return [size(part.strip(), name) for part in text.split(",")]
    start, stop, *step = [size(part.strip(), name) for part in text.split(":")]
    if len(step) > 1:
        raise CostModelError(f"{name} is written start:stop or start:stop:step, not {abbreviate(text)}")
    values = range(start, stop + 1, *step)
    if not 0 < len(values) <= LONGEST_AXIS:
        has = "no values" if not values else f"more than {LONGEST_AXIS:,} values"
        raise CostModelError(f"the axis {name} has {has}: {abbreviate(text)}")
    return values
