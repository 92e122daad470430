"""A report as a web page, Markdown, a terminal's text, and plain JSON; its verdicts; the charts it draws."""
