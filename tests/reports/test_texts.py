from __future__ import annotations

import html

from outcrop.reports.texts import clean, metric_label, one_line, quoted, setting, trimmed


def test_what_a_terminal_obeys_and_what_utf8_lacks_is_replaced() -> None:
    assert clean("a\x1b[31mb\x00\ud800\tc\r\nd\re") == "a\ufffd[31mb\ufffd\ufffd\tc\nd\ne"
    assert clean("naïve 🦀 שלום") == "naïve 🦀 שלום"


def test_a_name_is_one_line_and_turns_nothing_round() -> None:
    assert one_line(" a\n b\t\u202ec ") == "a b c"
    assert quoted("b\u202e") == "“b”"
    assert quoted("שלום") == "“\u2068שלום\u2069”"


def test_a_text_is_trimmed_by_what_it_costs_on_the_page() -> None:
    for text in ("<" * 500, "🦀" * 500, "plain " * 100, '"é&' * 200):
        shown, left_out = trimmed(text, 300)
        assert text.startswith(shown)
        assert len(shown) + left_out == len(text)
        assert 290 <= len(html.escape(shown).encode()) <= 300
    assert trimmed("short", 300) == ("short", 0)
    assert trimmed("", 0) == ("", 0)


def test_metrics_are_written_as_people_write_them() -> None:
    assert metric_label("rougeLsum") == "ROUGE-Lsum"
    assert metric_label("my\nmetric") == "my metric"
    assert metric_label("profanity_proxy") == "Profanity (a proxy)"
    assert metric_label("drop_rougeL:typos+lower_case") == "ROUGE-L drop (typos+lower_case)"
    assert metric_label("delta_mine:typos") == "mine delta (typos)"
    assert metric_label("pairwise_token_f1") == "Token F1 between samples"


def test_settings_are_written_as_json() -> None:
    assert [setting(one) for one in ("greedy", 0.5, ["\n"], None, True)] == ["greedy", "0.5", '["\\n"]', "null", "true"]
