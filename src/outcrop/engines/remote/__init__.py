"""Models that a server elsewhere runs: any server that speaks as OpenAI's does, and Amazon Bedrock.

``protocol`` says what a client of such a server does: one request, once. ``openai`` and ``bedrock`` are the two there
are. ``engine`` asks for many, through ``dispatch``, which knows how many at once (``concurrency``), when again
(``retries``) and for how much (``ledger``).
"""
