"""Large numbers, as people read them."""

_COUNTS = ("", "k", "M", "G", "T", "P", "E")
_SIZES = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def human_count(number: int) -> str:
    """Gives a number in three digits with its unit: `640`, `1.82 G`."""
    return _scaled(number, 1000, _COUNTS).rstrip()


def human_bytes(number: int) -> str:
    """Gives a size in three digits with its unit: `640 B`, `44.6 MiB`."""
    return _scaled(number, 1024, _SIZES)


def human_share(part: float, whole: float) -> str:
    """Gives a part in percent: `12.3`, `<0.1`, `100`, or nothing where there is nothing."""
    if not part or not whole:
        return ""
    percent = 100 * part / whole
    if percent < 0.05:  # noqa: PLR2004 - it would read 0.0
        return "<0.1"
    return "100" if part == whole else f"{min(percent, 99.9):.1f}"


def _scaled(number: int, base: int, units: tuple[str, ...]) -> str:
    value, unit = float(number), 0
    # What would round up to four digits belongs to the next unit.
    while value >= base - 0.5 and unit < len(units) - 1:
        value, unit = value / base, unit + 1
    if unit == 0:
        return f"{number} {units[0]}"
    decimals = 2 if value < 9.995 else 1 if value < 99.95 else 0  # noqa: PLR2004 - three digits
    return f"{value:.{decimals}f} {units[unit]}"
