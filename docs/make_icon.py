"""Draw icon.png, a coin with a tick, 512 x 512, by distance to its shapes."""

import math
import struct
import zlib
from pathlib import Path

SIZE = 512
GREEN, GOLD, PALE, DARK = (15, 92, 86), (245, 190, 65), (255, 226, 150), (10, 60, 57)
Point = tuple[float, float]
Colour = tuple[int, int, int]


def rounded_square(at: Point, half: float, radius: float) -> float:
    """How far a point is outside a square around the middle, with rounded corners."""
    x, y = (max(abs(part - SIZE / 2) - half + radius, 0.0) for part in at)
    return math.hypot(x, y) - radius


def circle(at: Point, radius: float) -> float:
    """How far a point is outside a circle around the middle."""
    return math.hypot(at[0] - SIZE / 2, at[1] - SIZE / 2) - radius


def stroke(at: Point, begin: Point, end: Point, width: float) -> float:
    """How far a point is outside a line with round ends."""
    along = (end[0] - begin[0], end[1] - begin[1])
    offset = (at[0] - begin[0], at[1] - begin[1])
    share = (offset[0] * along[0] + offset[1] * along[1]) / (along[0] ** 2 + along[1] ** 2)
    share = min(max(share, 0.0), 1.0)
    return math.hypot(offset[0] - share * along[0], offset[1] - share * along[1]) - width / 2


def over(below: Colour, above: Colour, distance: float) -> Colour:
    """A shape over a colour, with a soft edge of one pixel."""
    cover = min(max(0.5 - distance, 0.0), 1.0)
    red, green, blue = (round(b + (a - b) * cover) for a, b in zip(above, below, strict=True))
    return red, green, blue


def pixel(at: Point) -> bytes:
    """Colour and opacity of one point."""
    colour = over(GREEN, GOLD, circle(at, 168))
    colour = over(colour, PALE, circle(at, 140))
    colour = over(colour, GOLD, circle(at, 128))
    knee = (238.0, 318.0)
    tick = min(stroke(at, (182, 264), knee, 40), stroke(at, knee, (334, 204), 40))
    colour = over(colour, DARK, tick)
    opacity = min(max(0.5 - rounded_square(at, 248, 104), 0.0), 1.0)
    return bytes((*colour, round(255 * opacity)))


def chunk(kind: bytes, data: bytes) -> bytes:
    """A part of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def icon() -> bytes:
    """The whole file."""
    rows = (b"\0" + b"".join(pixel((x + 0.5, y + 0.5)) for x in range(SIZE)) for y in range(SIZE))
    head = struct.pack(">IIBBBBB", SIZE, SIZE, 8, 6, 0, 0, 0)
    body = zlib.compress(b"".join(rows), 9)
    parts = chunk(b"IHDR", head), chunk(b"IDAT", body), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


if __name__ == "__main__":
    (Path(__file__).parent.parent / "icon.png").write_bytes(icon())
