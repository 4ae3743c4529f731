"""Pictures as SVG, drawn from figures; attributes only, because a page may have no style of its own."""
