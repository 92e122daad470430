"""InvokeModel of models that give texts vectors."""

from __future__ import annotations

import json
from typing import Any

from outcrop.dialects.embedding import read_embedding
from outcrop.server.bedrock.context import Context
from outcrop.server.bedrock.replies import Reply, headers
from outcrop.server.model_requests import Target, awaited

#: How ids of such models begin at AWS; behind them may be a model that writes text, too.
_FAMILIES = ("amazon.titan-embed", "cohere.embed")


def gives_vectors(target: Target) -> bool:
    """Whether a model is asked for vectors, and not for text."""
    return target.model.engine == "encoder" or target.family.startswith(_FAMILIES)


def embedded(context: Context, target: Target, body: Any) -> Reply:
    """The answer to a body that asks for vectors.

    Raises:
        WireError: ModelTimeoutException: it takes too long.
        OutcropError: The body or the model can't be used.
    """
    request = read_embedding(target.family, body)
    vectors, tokens = awaited(context.serving.embed(target.model, request.texts))
    request.require_width(vectors.shape[1])
    answer = json.dumps(request.write(vectors.tolist(), tokens), ensure_ascii=False, allow_nan=False)
    return Reply(200, {**headers(), "X-Amzn-Bedrock-Input-Token-Count": str(tokens)}, answer.encode())
