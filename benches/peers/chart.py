"""Draws ratios as horizontal bars, as SVG text."""

Bars = list[tuple[str, dict[str, float]]]

WIDTH, ROW, LABEL = 760, 22, 170
OURS, THEIRS = "#1f6f8b", "#b9c4c9"


def svg(groups: Bars) -> str:
    """A group a title, a bar a peer; within a group lengths are to scale, and the shortest is still seen."""
    parts: list[str] = []
    y = 8
    for title, ratios in groups:
        parts.append(f'<text x="0" y="{y + 14}" font-weight="bold">{title}, alluvium = 1 (less is better)</text>')
        y += ROW + 2
        longest = max(ratios.values())
        for name, ratio in ratios.items():
            length = max(ratio / longest * (WIDTH - LABEL - 60), 2)
            colour = OURS if name == "alluvium" else THEIRS
            parts.append(f'<text x="{LABEL - 8}" y="{y + 14}" text-anchor="end">{name}</text>')
            parts.append(f'<rect x="{LABEL}" y="{y + 2}" width="{length:.1f}" height="{ROW - 6}" fill="{colour}"/>')
            parts.append(f'<text x="{LABEL + length + 6:.1f}" y="{y + 14}">{ratio:.1f}</text>')
            y += ROW
        y += 12
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" font-family="sans-serif" font-size="13">'
        f'<rect width="{WIDTH}" height="{y}" fill="white"/>'
    )
    return "\n".join([head, *parts, "</svg>", ""])
