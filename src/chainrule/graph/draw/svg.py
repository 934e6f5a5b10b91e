"""A laid-out picture as SVG: one self-contained text, for light and dark pages."""

import zlib
from collections import Counter
from collections.abc import Iterator
from html import escape

from chainrule.graph.draw.layout import Curve, Layout, Rect, Value
from chainrule.graph.draw.measure import LINE, MARGIN, SMALL_SIZE, Sizes, text_width
from chainrule.graph.draw.picture import KINDS, Item

_HEADER = 66.0
_TIP = 7.0
_STRAIGHT = 5.0
"""A step aside of less is drawn as a straight line."""

_STYLE = """
.cr { --page: #ffffff; --text: #1b2733; --soft: #5b6b7a; --line: #8393a3; --op: #ffffff;
  --plain: #64748b; --forward: #2563a8; --backward: #b4490f; --update: #23783c; --fill: .07;
  --input: #e3e8ee; --parameter: #efe4fb; --parameter-line: #8a5cc4; --constant: #fdf3d0;
  --constant-line: #a98a1d; --output: #1b2733; --output-text: #ffffff;
  font-family: "Helvetica Neue", Helvetica, Arial, "Liberation Sans", sans-serif; }
@media (prefers-color-scheme: dark) {
  .cr { --page: #14191f; --text: #e4eaf0; --soft: #9fb0c0; --line: #74879a; --op: #202932;
    --plain: #94a3b8; --forward: #6ca9ea; --backward: #f0935a; --update: #67c283; --fill: .11;
    --input: #36424e; --parameter: #3d2f52; --parameter-line: #b491e6; --constant: #453c17;
    --constant-line: #d9bb55; --output: #e4eaf0; --output-text: #14191f; } }
.cr text { font-size: 12px; fill: var(--text); text-anchor: middle; }
.cr .page { fill: var(--page); }
.cr .small { font: 10px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  fill: var(--soft); }
.cr .start { text-anchor: start; }
.cr .head { font-size: 15px; font-weight: 600; text-anchor: start; }
.cr .title { font-size: 12px; font-weight: 600; text-anchor: start; fill: var(--hue);
  paint-order: stroke; stroke: var(--page); stroke-width: 4px; stroke-linejoin: round; }
.cr .plain { --hue: var(--plain); } .cr .forward { --hue: var(--forward); }
.cr .backward { --hue: var(--backward); } .cr .update { --hue: var(--update); }
.cr .box { fill: var(--hue); fill-opacity: var(--fill); stroke: var(--hue); }
.cr .band { stroke-dasharray: 6 4; fill-opacity: calc(var(--fill) / 2); }
.cr .wire { fill: none; stroke: var(--hue); stroke-opacity: .75; stroke-width: 1.3px; }
.cr .tip { fill: var(--hue); }
.cr g:hover > .wire { stroke-width: 3px; stroke-opacity: 1; }
.cr .op { fill: var(--op); stroke: var(--hue); stroke-width: 1.3px; }
.cr .module { fill: var(--op); stroke: var(--hue); stroke-width: 2.2px; }
.cr .input { fill: var(--input); stroke: var(--line); }
.cr .parameter { fill: var(--parameter); stroke: var(--parameter-line); }
.cr .constant { fill: var(--constant); stroke: var(--constant-line); stroke-dasharray: 3 2; }
.cr .reference { fill: none; stroke: var(--hue); stroke-dasharray: 2 2; }
.cr .output { fill: var(--output); stroke: var(--output); }
.cr .on-output { fill: var(--output-text); }
"""


def as_svg(layout: Layout, sizes: Sizes) -> str:
    """The SVG text of a layout, with a heading and a legend."""
    legend, legend_width = _legend(layout)
    picture = layout.picture
    head = text_width(picture.title, 15.0)
    width = max(layout.width, legend_width, head) + 2 * MARGIN
    height = layout.height + _HEADER + 2 * MARGIN
    shift = (width - layout.width) / 2
    about = _describe(layout)
    label = f"cr{zlib.crc32(f'{picture.title}{about}{width}{height}'.encode()):08x}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="cr" role="img" '
        f'aria-labelledby="{label}t {label}d" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}">',
        f'<title id="{label}t">{escape(picture.title)}</title>',
        f'<desc id="{label}d">{escape(about)}</desc>',
        f"<style>{_STYLE}</style>",
        f'<rect class="page" width="{width:.0f}" height="{height:.0f}"/>',
        f'<text class="head" x="{MARGIN:g}" y="26">{escape(picture.title)}</text>',
        f'<g class="plain" transform="translate({MARGIN:g} 38)">',
        *legend,
        "</g>",
        f'<g transform="translate({shift:.1f} {_HEADER + MARGIN:g})">',
        *_drawing(layout, sizes),
        "</g>",
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _describe(layout: Layout) -> str:
    """What a person who cannot see the drawing should know."""
    picture = layout.picture
    counts = Counter(item.kind for item in picture.everything())
    parts = [f"{count} x {KINDS[kind]}" for kind, count in counts.items()]
    boxes = [group.title for group in layout.groups if group.title]
    return f"A graph of {', '.join(parts)}." + (f" Boxes: {', '.join(boxes)}." if boxes else "")


def _legend(layout: Layout) -> tuple[list[str], float]:
    """A sample of each kind of item that occurs, with its name; and how wide that is."""
    kinds = {item.kind for item in layout.picture.everything()}
    phases = {item.phase for item in layout.picture.everything()}
    lines, x = [], 0.0
    for kind in KINDS:
        if kind in kinds:
            lines.append(_shape(kind, Rect(x, 2, 26, 14)))
            lines.append(_text(KINDS[kind], x + 32, 12.5, "small start"))
            x += 48 + text_width(KINDS[kind], SMALL_SIZE, True)
    for phase in ("forward", "backward", "update"):
        if phase in phases:
            lines.append(f'<path class="wire {phase}" d="M{x:g} 9h26"/>')
            lines.append(_text(f"{phase} value", x + 32, 12.5, "small start"))
            x += 48 + text_width(f"{phase} value", SMALL_SIZE, True)
    return lines, x


def _drawing(layout: Layout, sizes: Sizes) -> Iterator[str]:
    """Boxes below, then wires, then symbols, then the boxes' titles."""
    boxes = [(group, rect) for group, rect in layout.groups.items() if group.parent is not None]
    for group, (x, y, width, height) in boxes:
        band = " band" if group.band else ""
        yield (
            f'<rect class="box {group.phase or "plain"}{band}" rx="8" x="{x:.1f}" y="{y:.1f}" '
            f'width="{width:.1f}" height="{height:.1f}"/>'
        )
    wires: dict[Value, list[Curve]] = {}
    for curve in layout.curves:
        wires.setdefault(curve.value, []).append(curve)
    for (item, out), curves in wires.items():
        yield _wire(item, out, curves, sizes)
    for item, rect in layout.items.items():
        yield from _symbol(item, rect, layout, sizes)
    for group, (x, y, _, _) in boxes:
        phase = group.phase or "plain"
        yield _text(group.title, x + 10, y + 16, f"title {phase}")


def _wire(item: Item, out: int, curves: list[Curve], sizes: Sizes) -> str:
    """All pieces of a value's way, with an arrowhead wherever it arrives."""
    paths, tips = [], []
    for curve in curves:
        (a, b, c, d) = curve.points
        paths.append(_path(a, b, c, d, sizes, curve.tip))
        if curve.tip:
            tips.append(_arrow(d, sizes))
    hue = item.phase or "plain"
    text = escape(f"{item.tip.splitlines()[0]}\n{item.outs[out]}")
    heads = f'<path class="tip" d="{"".join(tips)}"/>' if tips else ""
    path = f'<path class="wire" d="{"".join(paths)}"/>'
    return f'<g class="{hue}"><title>{text}</title>{path}{heads}</g>'


def _path(a: tuple, b: tuple, c: tuple, d: tuple, sizes: Sizes, tip: bool) -> str:
    """A straight piece, a smooth step aside, and a straight piece."""
    back = _TIP - 1 if tip else 0.0
    end = (d[0], d[1] - back) if sizes.down else (d[0] - back, d[1])
    start = f"M{_at(a)}" + (f"L{_at(b)}" if a != b else "")
    aside = b[0] - c[0] if sizes.down else b[1] - c[1]
    if abs(aside) < _STRAIGHT:
        return f"{start}L{_at(c)}L{_at(end)}"
    if sizes.down:
        middle = (b[1] + c[1]) / 2
        bend = f"C{b[0]:.1f} {middle:.1f} {c[0]:.1f} {middle:.1f} {_at(c)}"
    else:
        middle = (b[0] + c[0]) / 2
        bend = f"C{middle:.1f} {b[1]:.1f} {middle:.1f} {c[1]:.1f} {_at(c)}"
    return f"{start}{bend}" + (f"L{_at(end)}" if c != end else "")


def _at(point: tuple[float, float]) -> str:
    return f"{point[0]:.1f} {point[1]:.1f}"


def _arrow(point: tuple[float, float], sizes: Sizes) -> str:
    side = _TIP / 2
    if sizes.down:
        return f"M{_at(point)}l{-side:g} {-_TIP:g}h{_TIP:g}z"
    return f"M{_at(point)}l{-_TIP:g} {-side:g}v{_TIP:g}z"


def _symbol(item: Item, rect: Rect, layout: Layout, sizes: Sizes) -> Iterator[str]:
    x, y, width, height = rect
    inside = layout.inside.get(item, [])
    yield f'<g class="{item.phase or "plain"}"><title>{escape(item.tip)}</title>'
    yield _shape(item.kind, rect)
    centre = x + width / 2
    on = " on-output" if item.kind == "output" else ""
    for number, line in enumerate(item.lines):
        kind = "small" if number else ""
        yield _text(line, centre, y + 18 + LINE * number, f"{kind}{on}".strip())
    at = x + MARGIN
    top = y + height - MARGIN - max((part.height for part in inside), default=0.0)
    for part in inside:
        yield _text(part.picture.title, at, top - 8, "small start")
        yield f'<g transform="translate({at:.1f} {top:.1f})">'
        yield from _drawing(part, sizes)
        yield "</g>"
        at += part.width + MARGIN
    yield "</g>"
    yield from _captions(item, rect, inside, sizes)


def _captions(item: Item, rect: Rect, inside: list[Layout], sizes: Sizes) -> Iterator[str]:
    """The shapes of the values that leave an item, where their wires begin."""
    x, y, width, height = rect
    for out, text in enumerate(item.outs):
        beside = sizes.leaving(item, inside, out)
        if sizes.down:
            yield _text(text, x + width / 2 + beside, y + height + 11, "small")
        else:
            yield _text(text, x + width / 2, y + height + 11 + LINE * out, "small")


def _shape(kind: str, rect: Rect) -> str:
    """The outline of an item: square-cut for ops, rounded for what comes in and goes out."""
    x, y, width, height = rect
    radius = {"op": 4, "module": 6, "constant": 0}.get(kind, height / 2)
    return (
        f'<rect class="{kind}" rx="{radius:g}" x="{x:.1f}" y="{y:.1f}" '
        f'width="{width:.1f}" height="{height:.1f}"/>'
    )


def _text(text: str, x: float, y: float, kind: str) -> str:
    style = f' class="{kind}"' if kind else ""
    return f'<text{style} x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'
