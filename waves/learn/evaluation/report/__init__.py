"""The evaluation report as a page of its own: HTML, SVG and Markdown without outside resources."""
