"""Why members that ask for what is not supported are refused."""

from __future__ import annotations

NO_BIAS = "the probabilities of single tokens can't be changed"
NO_GUARDRAILS = "there are no guardrails yet"
NO_LIKELIHOODS = "log-probabilities are not told in responses"
NO_REASONING = "reasoning is not told apart from the response"
NO_SCHEMA = "responses can't be held to a JSON schema yet"
NO_TOOLS = "models here do not call tools yet"
ONE_RESPONSE = "a request has one response"
TEXTS_ALONE = "models here read and write texts alone"
