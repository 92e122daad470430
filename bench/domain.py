"""Two sets of texts for continued pre-training, from Debian packages: a domain, and ordinary prose to hold against it.

The domain is Debian's German manual pages (package manpages-de, GPL-3+), which a model of English was not made for: of
each page the beginning of its description. The prose is "An Anarchist FAQ" (package anarchism, GPL-2+), English essays:
of each page the beginning. Nothing of either is kept in this repository. docs/how-to/continue-pre-training.md has the
commands that go on from here, and results/domain.json what they gave.

    apt-get install manpages-de anarchism groff-base
    python bench/domain.py OUT
"""

from __future__ import annotations

import argparse
import gzip
import html
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

#: Characters of a text: a few hundred tokens, so that many independent texts fit into a few minutes.
LEAST, MOST = 300, 900

_DESCRIPTION = re.compile(r"^BESCHREIBUNG\n(.*?)(?=^\S|\Z)", re.MULTILINE | re.DOTALL)
_PARAGRAPH = re.compile(r"<p\b[^>]*>(.*?)</p>", re.IGNORECASE | re.DOTALL)


def main() -> None:
    """Write ``domain.jsonl`` and ``general.jsonl``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--root", type=Path, default=Path("/"), help="Where the packages are unpacked.")
    parser.add_argument("--domain", type=int, default=160, help="Texts of the domain.")
    parser.add_argument("--general", type=int, default=40, help="Texts of ordinary prose.")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    pages = sorted((given.root / "usr/share/man/de").glob("man[158]/*.gz"))
    essays = sorted((given.root / "usr/share/doc/anarchism/html").glob("sec[A-J][0-9]*.html"))
    write(given.out / "domain.jsonl", spread(list(descriptions(pages)), given.domain))
    write(given.out / "general.jsonl", spread(list(openings(essays)), given.general))


def descriptions(pages: list[Path]) -> Iterator[str]:
    """The beginning of each manual page's description."""
    for page in pages:
        if page.is_symlink():
            continue
        source = gzip.decompress(page.read_bytes())
        # Long lines, no hyphens and a ragged edge: paragraphs as they were written.
        made = subprocess.run(
            ["groff", "-man", "-Kutf8", "-Tutf8", "-P-cbou", "-rHY=0", "-rLL=100000n", "-dAD=l"],
            input=source,
            capture_output=True,
            check=True,
        )
        found = _DESCRIPTION.search(made.stdout.decode())
        if found:
            text = beginning(found[1].split("\n"))
            if len(text) >= LEAST:
                yield text


def openings(pages: list[Path]) -> Iterator[str]:
    """The beginning of each essay."""
    for page in pages:
        paragraphs = _PARAGRAPH.findall(page.read_text(encoding="utf-8", errors="replace"))
        text = beginning([html.unescape(re.sub(r"<[^>]+>", " ", one)) for one in paragraphs])
        if len(text) >= LEAST:
            yield text


def beginning(paragraphs: list[str]) -> str:
    """As many paragraphs as fit."""
    text = ""
    for paragraph in (" ".join(one.split()) for one in paragraphs):
        if paragraph and len(text) + len(paragraph) < MOST:
            text += f"\n{paragraph}" if text else paragraph
        elif paragraph:
            break
    return text


def spread(texts: list[str], most: int) -> list[str]:
    """So many of them, evenly picked."""
    return [texts[number * len(texts) // most] for number in range(most)] if len(texts) > most else texts


def write(path: Path, texts: list[str]) -> None:
    """JSON Lines in the format ``input``."""
    path.write_text("".join(json.dumps({"input": text}, ensure_ascii=False) + "\n" for text in texts), encoding="utf-8")
    print(f"{path}: {len(texts)} texts, {sum(map(len, texts)):,} characters")


if __name__ == "__main__":
    main()
