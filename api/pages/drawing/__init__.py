"""Pictures as SVG, drawn from figures; attributes only, for a page may have no style of its own."""
