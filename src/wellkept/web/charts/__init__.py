"""Charts as inline SVG, drawn on the server: no script, no styles but the page's own, and words for screen readers."""
