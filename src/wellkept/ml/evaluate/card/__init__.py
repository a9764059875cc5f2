"""Model cards: what a version is, how good it is and where it is weak, for people; Markdown and HTML with plots."""
