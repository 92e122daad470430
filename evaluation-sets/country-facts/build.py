"""Builds the question-answering set: facts about countries, out of three collections of such facts."""

from __future__ import annotations

import json
import re
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from making.packages import Package  # noqa: E402
from making.sets import Curated, Made, Record, build, digest, drawn, part_of  # noqa: E402

SET = Curated(
    HERE,
    "question-answering",
    "Capitals, currencies and official languages of countries, and the countries of regions",
    "GPL-2.0-or-later AND LGPL-2.1-or-later AND Unicode-DFS-2016",
    (
        Package(
            "kgeography-data",
            "4:22.12.3-1",
            "1cdaf45dea7cbf1682a05109b4e9299934f0a60ca8866fa957cf4d9dcfe3982a",
            "GPL-2.0-or-later",
        ),
        Package(
            "unicode-cldr-core",
            "41-0.1",
            "35d30d5d3bee4d8244e95236259c4c2a0db06e21bad696515751fcfeee4d0260",
            "Unicode-DFS-2016",
        ),
        Package(
            "iso-codes",
            "4.15.0-1",
            "b1beb869303229c38288d4ddacfd582c91f594759b5767c9cecebd87f16ff70e",
            "LGPL-2.1-or-later",
        ),
    ),
)
QUOTAS = {
    "train": {"capital": 12, "currency": 12, "language": 12, "region": 12},
    "test": {"capital": 80, "currency": 90, "language": 80, "region": 90},
}
#: More official languages than this, and the question is one of counting.
MOST_LANGUAGES = 4
#: Regions of one country that are asked for.
REGIONS = 3


@dataclass(frozen=True)
class Country:
    """A country of ISO 3166-1: its code, its name in English, and other names for it."""

    code: str
    name: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Cldr:
    """English names and facts of the Unicode Common Locale Data Repository."""

    english: ElementTree.Element
    facts: ElementTree.Element

    def name(self, kind: str, code: str) -> str | None:
        """The English name of a territory, a language or a currency."""
        found = self.english.find(f".//localeDisplayNames//{kind}[@type='{code}']")
        return None if found is None else found.text

    def currency_names(self, code: str) -> list[str]:
        """All English names of a currency, the usual first, and its code last."""
        names = [each.text or "" for each in self.english.findall(f".//currency[@type='{code}']/displayName")]
        return [*names, code]


def countries(cldr: Cldr, file: Path) -> list[Country]:
    """The members of the United Nations, under the name that CLDR calls them by."""
    entries = json.loads(file.read_text(encoding="utf-8"))["3166-1"]
    group = cldr.facts.find(".//territoryContainment/group[@type='UN']")
    members = set() if group is None else set(group.get("contains", "").split())
    found = []
    for entry in entries:
        name = cldr.name("territory", entry["alpha_2"])
        others = [entry.get(key) for key in ("common_name", "name", "official_name")]
        if entry["alpha_2"] in members and name and not re.search(r"[&()]| - ", name):
            plain = [other for other in others if other and "," not in other]
            found.append(Country(entry["alpha_2"], name, tuple(dict.fromkeys([name, *plain]))))
    return found


def record(category: str, country: Country, prompt: str, answers: list[str]) -> Record:
    """A question with all its right answers, those that differ only in case once."""
    distinct = list({answer.casefold(): answer for answer in reversed(answers)}.values())[::-1]
    right: Record = {"prompt": prompt, "referenceResponse": distinct[0]}
    if len(distinct) > 1:
        right["references"] = distinct
    return right | {"category": category, "cluster": country.code}


def called(country: Country) -> str:
    """The country's name as it stands in a sentence."""
    with_article = re.search(
        r"(Islands|Republic|Emirates|Kingdom|States|Netherlands|Philippines|Bahamas|Maldives)$|^Gambia", country.name
    )
    return f"the {country.name}" if with_article else country.name


def gives_itself_away(place: str, country: str) -> bool:
    """Tells whether a place is called like its country: Djibouti, Guatemala City."""
    return place.casefold() in country.casefold() or country.casefold() in place.casefold()


def capitals(file: Path, known: list[Country]) -> Iterator[Record]:
    """The capitals on the map of the world."""
    by_name = {name.casefold(): country for country in known for name in country.names}
    for division in ElementTree.parse(file).getroot().findall("division"):
        name, capital = division.findtext("name") or "", division.findtext("capital") or ""
        country = by_name.get(name.casefold())
        if country and capital and "," not in capital and not gives_itself_away(capital, country.name):
            yield record("capital", country, f"What is the capital of {called(country)}?", [capital])


def currencies(cldr: Cldr, known: list[Country]) -> Iterator[Record]:
    """The currencies that are legal tender now, where there is one."""
    for country in known:
        region = cldr.facts.find(f".//currencyData/region[@iso3166='{country.code}']")
        rows = [] if region is None else region.findall("currency")
        now = [row.get("iso4217", "") for row in rows if not row.get("to") and row.get("tender") != "false"]
        if len(now) == 1:
            yield record(
                "currency", country, f"What is the currency of {called(country)}?", cldr.currency_names(now[0])
            )


def languages(cldr: Cldr, known: list[Country]) -> Iterator[Record]:
    """The official languages, any of which will do."""
    for country in known:
        path = f".//territoryInfo/territory[@type='{country.code}']/languagePopulation"
        rows = [
            row for row in cldr.facts.findall(path) if row.get("officialStatus") in {"official", "de_facto_official"}
        ]
        rows.sort(key=lambda row: -float(row.get("populationPercent", 0)))
        codes = dict.fromkeys(row.get("type", "").partition("_")[0] for row in rows)
        names = [name for code in codes if (name := cldr.name("language", code))]
        if names and len(names) == len(codes) <= MOST_LANGUAGES:
            yield record("language", country, f"What is an official language of {called(country)}?", names)


def regions(file: Path, known: list[Country]) -> Iterator[Record]:
    """Subdivisions of ISO 3166-2 whose name only one country has."""
    by_code = {country.code: country for country in known}
    entries = json.loads(file.read_text(encoding="utf-8"))["3166-2"]
    owners: dict[str, set[str]] = {}
    for entry in entries:
        owners.setdefault(entry["name"].casefold(), set()).add(entry["code"][:2])
    for entry in entries:
        country = by_code.get(entry["code"][:2])
        name, kind = entry["name"], entry["type"].lower()
        plain = re.fullmatch(r"[^\W\d_]+(?:[ '’-][^\W\d_]+)*", name) and re.fullmatch(r"[a-z ]+", kind)
        if country and plain and len(owners[name.casefold()]) == 1 and not gives_itself_away(name, country.name):
            article = "an" if kind[0] in "aeio" else "a"
            answers = list(country.names)
            yield record("region", country, f"{name} is {article} {kind} of which country?", answers)


def make(folder: Path) -> Made:
    """The parts, out of the unpacked packages; all facts of a country are in one part."""
    cldr_folder = folder / "usr/share/unicode/cldr/common"
    cldr = Cldr(
        ElementTree.parse(cldr_folder / "main/en.xml").getroot(),
        ElementTree.parse(cldr_folder / "supplemental/supplementalData.xml").getroot(),
    )
    codes = folder / "usr/share/iso-codes/json"
    known = countries(cldr, codes / "iso_3166-1.json")
    found = [
        *capitals(folder / "usr/share/kgeography/world.kgm", known),
        *currencies(cldr, known),
        *languages(cldr, known),
        *regions(codes / "iso_3166-2.json", known),
    ]
    parts: Made = {}
    for part, quotas in QUOTAS.items():
        own = [each for each in found if part_of(each["cluster"]) == part]
        parts[part] = drawn(few_regions(own), lambda each: each["prompt"], quotas)
    return parts


def few_regions(records: list[Record]) -> Iterator[Record]:
    """Leaves out all but some regions of each country, those with the lowest digests."""
    met: dict[str, int] = {}
    for each in sorted(records, key=lambda each: digest(each["prompt"])):
        if each["category"] == "region":
            met[each["cluster"]] = met.get(each["cluster"], 0) + 1
            if met[each["cluster"]] > REGIONS:
                continue
        yield each


if __name__ == "__main__":
    build(SET, make)
