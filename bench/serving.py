"""Times streams of a server that runs, alone and 32 at once, against ``transformers serve`` in its own environment.

    PYTHONPATH=src python bench/serving.py run --model FOLDER [--peer PYTHON] [--only load,sampling] [--rounds 5]
    PYTHONPATH=src python bench/serving.py page

``FOLDER`` is what ``outcrop models export smollm2-135m-instruct-q4_1 FOLDER`` writes; ``PYTHON`` is the interpreter of
an environment with ``transformers[serving]`` of the same version and the same torch, and no Outcrop. Results go to
``results/serving.json``, and from there into ``serving.md``. How it is measured is said there.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import log, sqrt
from pathlib import Path
from statistics import linear_regression, mean, median, stdev
from typing import Any

from continuous_batching import thirty_two
from scipy.stats import t as student
from serving_client import Chat, Converse, Stream, Wire, together

from evaluation import new_adapter
from outcrop import Outcrop
from outcrop.domain.models import Identity, ModelKind
from outcrop.models.chat import ChatTokenizer
from outcrop.models.weights import weights_hash
from outcrop.versions import machine, versions

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "serving.json"
PAGE = HERE / "serving.md"
BEGIN, END = "<!-- serving: written by bench/serving.py -->", "<!-- end of serving -->"

BASE = "meta.llama3-1-8b-instruct-v1:0"
TOKENS, ADAPTERS = 64, 8
#: How many streams are sampled at once, at most, and the most tokens of each.
SAMPLED, SAMPLED_TOKENS = 8, 32
#: What is varied, the others left as they are: all tokens at temperature 1.
VARIED = {
    "temperature": (0.0, 0.3, 0.6, 1.0),
    "top_p": (0.1, 0.4, 0.7, 1.0),
    "top_k": (1, 10, 100, 500),
}
STORY = "Tell a long story about a lighthouse keeper, a storm, and a ship that came home after forty years at sea."

OUTCROP, PEER, PEER_BATCHING = "outcrop", "transformers serve", "transformers serve --continuous-batching"
#: Left to itself it takes 60 % of the memory; these sizes hold more than twice what 32 requests need.
BATCHING = ("--continuous-batching", "--cb-num-blocks", "64", "--cb-max-batch-tokens", "4096")


@dataclass(frozen=True)
class Server:
    """A server that runs: where, how it is spoken to, and what it calls the model, or several adapters of it."""

    address: str
    wire: Wire
    model: str
    adapters: tuple[str, ...] = ()

    def ask(self, models: Sequence[str], prompts: Sequence[str], tokens: int, **sampling: float) -> list[Stream]:
        """Stream answers to all prompts at once, the models taking turns."""
        requests = [
            self.wire.request(models[place % len(models)], prompt, tokens, **sampling)
            for place, prompt in enumerate(prompts)
        ]
        return together(self.address, self.wire, requests)


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=["run", "page"])
    parser.add_argument("--model", type=Path)
    parser.add_argument("--peer", type=Path)
    parser.add_argument("--sides", help="of those that there are, with commas between; all where not given")
    parser.add_argument("--only", default=",".join(PARTS), help=f"of {', '.join(PARTS)}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--streams", type=int, default=32, help="at once, 32 at most")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    if options.what == "run":
        if options.model is None:
            parser.error("--model is needed")
        run(options)
    write_page()


def run(options: argparse.Namespace) -> None:
    """Start all servers, and measure the parts that are asked for."""
    with ExitStack() as stack:
        servers: dict[str, Server] = {}
        starts: dict[str, Callable[[], Any]] = {OUTCROP: lambda: outcrop(options)}
        if options.peer:
            starts[PEER] = lambda: peer(options)
            starts[PEER_BATCHING] = lambda: peer(options, *BATCHING)
        for name in options.sides.split(",") if options.sides else starts:
            servers[name] = stack.enter_context(starts[name]())
            warm = servers[name].ask([servers[name].model, *servers[name].adapters], [STORY] * (ADAPTERS + 1), 2)
            _require(warm)
        for part in options.only.split(","):
            keep(part, options, PARTS[part](servers, options))


@contextmanager
def outcrop(options: argparse.Namespace) -> Iterator[Server]:
    """``outcrop serve`` on a fresh home with the model, an alias of it, and adapters."""
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch, "home")
        with Outcrop(home) as opened:
            opened.models.add(str(options.model), "default")
            opened.models.alias(BASE, "default")
            names = tuple(add_adapter(opened, options.model, Path(scratch), seed) for seed in range(ADAPTERS))
            new = opened.keys.create("bench")
        environment = _environment(options, OUTCROP_HOME=str(home), OUTCROP_REQUESTS_PER_SECOND="1000000")
        command = [sys.executable, "-m", "outcrop", "serve", "--port", "0", "--json"]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True) as process:
            try:
                address = _address(process)
                yield Server(address, Converse(address, (new.key.id, new.secret)), BASE, names)
            finally:
                process.terminate()


def add_adapter(opened: Outcrop, folder: Path, scratch: Path, seed: int) -> str:
    """Put a LoRA adapter with small random weights on the model; its name."""
    files, under = new_adapter(folder, scratch / f"adapter-{seed}", seed), opened.models.show("default")
    model = replace(
        under,
        name=f"adapter-{seed}",
        kind=ModelKind.ADAPTER,
        base=under.name,
        uri=f"models/adapter-{seed}",
        identity=Identity(weights_hash(files), under.identity.tokenizer, under.identity.template),
    )
    opened.services.store.put_folder(files, model.uri)
    opened.services.catalog.add_model(model)
    return model.name


def _address(process: subprocess.Popen[str]) -> str:
    """Where a server of ours answers, when it listens."""
    assert process.stdout is not None
    assert process.stderr is not None
    while "listening" not in (line := process.stderr.readline()):
        if not line:
            raise SystemExit("outcrop serve ended before it listened")
    os.set_blocking(process.stdout.fileno(), False)
    address: str = json.loads(process.stdout.read())["environment"]["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"]
    return address


@contextmanager
def peer(options: argparse.Namespace, *more: str) -> Iterator[Server]:
    """``transformers serve`` with the model loaded."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [str(options.peer.with_name("transformers")), "serve", str(options.model), "--device", "cpu"]
    command += ["--dtype", "float32", "--host", "127.0.0.1", "--port", str(port), *more]
    environment = _environment(options)
    environment.pop("PYTHONPATH", None)
    with (
        tempfile.TemporaryFile("w+") as said,
        subprocess.Popen(command, env=environment, stdout=said, stderr=said) as process,
    ):
        try:
            while not _healthy(address):
                if process.poll() is not None:
                    said.seek(0)
                    raise SystemExit(f"transformers serve ended:\n{said.read()[-4000:]}")
                time.sleep(0.2)
            yield Server(address, Chat(address), str(options.model))
        finally:
            process.terminate()


def _healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _environment(options: argparse.Namespace, **more: str) -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": str(options.threads), "HF_HUB_OFFLINE": "1", **more}


def load(servers: dict[str, Server], options: argparse.Namespace) -> dict[str, Any]:
    """One stream, 32 at once, and 32 over eight adapters, greedy; the servers take turns, another first each round."""
    prompts = thirty_two(ChatTokenizer.load(options.model))[: options.streams]
    rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in servers}
    texts: dict[str, list[str]] = {}
    for number in range(options.rounds):
        names = list(servers)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            server, found = servers[name], dict[str, Any](load=round(os.getloadavg()[0], 2))
            found["one"] = figures(server.ask([server.model], prompts[:1], TOKENS, temperature=0))
            crowd = server.ask([server.model], prompts, TOKENS, temperature=0)
            found["crowd"], texts[name] = figures(crowd), [stream.text.strip() for stream in crowd]
            if server.adapters:
                found["adapters"] = figures(server.ask(server.adapters, prompts, TOKENS, temperature=0))
            rounds[name].append(found)
            print(f"round {number + 1}, {name}: {json.dumps(found)}", flush=True)
    first = next(iter(texts.values()))
    same = {name: mean(a == b for a, b in zip(first, found, strict=True)) for name, found in texts.items()}
    return {"streams": len(prompts), "rounds": rounds, "equal_texts": same}


def figures(streams: Sequence[Stream]) -> dict[str, Any]:
    """What a load came to: milliseconds to the first text and between texts, and tokens a second of all together."""
    good = [stream for stream in streams if not stream.error]
    for error in {stream.error for stream in streams} - {""}:
        print(error, flush=True)
    if not good:
        return {"errors": len(streams)}
    seconds = max(stream.ended for stream in good) - min(stream.sent for stream in good)
    tokens = sum(stream.tokens for stream in good)
    first = sorted(1000 * (stream.arrivals[0] - stream.sent) for stream in good)
    between = sorted(1000 * gap for stream in good for gap in stream.gaps())
    return {
        "errors": len(streams) - len(good),
        "tokens": tokens,
        "seconds": round(seconds, 2),
        "tokens_per_second": round(tokens / seconds, 2),
        "first_ms": {name: round(first[int(share * (len(first) - 1))], 1) for name, share in SHARES},
        "between_ms": {name: round(between[int(share * (len(between) - 1))], 1) for name, share in SHARES},
    }


SHARES = (("p50", 0.5), ("p99", 0.99))


def sampling(servers: dict[str, Server], options: argparse.Namespace) -> dict[str, Any]:
    """Milliseconds between texts of eight streams at most, for each setting once a round, in an order drawn anew."""
    server, lot = servers[OUTCROP], random.Random(0)
    places = [(name, value) for name, values in VARIED.items() for value in values]
    rounds: list[dict[str, dict[str, float]]] = []
    for number in range(options.rounds):
        found: dict[str, dict[str, float]] = {name: {} for name in VARIED}
        for name, value in lot.sample(places, len(places)):
            settings = {"temperature": 1.0, "seed": number, name: value}
            streams = server.ask([server.model], [STORY] * min(SAMPLED, options.streams), SAMPLED_TOKENS, **settings)
            _require(streams)
            found[name][str(value)] = round(1000 * median(gap for stream in streams for gap in stream.gaps()), 2)
        rounds.append(found)
        print(f"round {number + 1}, sampling: {json.dumps(found)}", flush=True)
    return {"rounds": rounds, "change": {name: change([one[name] for one in rounds]) for name in VARIED}}


def change(rounds: Sequence[dict[str, float]]) -> dict[str, Any]:
    """By how much the time between texts changes from the least value to the greatest.

    A least-squares slope of the logarithm over the places of the values, from 0 to 1, in each round; their mean, with
    its 95 % interval from Student's t over the rounds, as shares: 0.1 is a tenth more.
    """
    values = sorted(rounds[0], key=float)
    steps = [place / (len(values) - 1) for place in range(len(values))]
    slopes = [linear_regression(steps, [log(one[value]) for value in values]).slope for one in rounds]
    middle = mean(slopes)
    if len(slopes) < 2:
        return {"mean": round(middle, 4), "interval": None}
    half = student.ppf(0.975, len(slopes) - 1) * stdev(slopes) / sqrt(len(slopes))
    return {"mean": round(middle, 4), "interval": [round(middle - half, 4), round(middle + half, 4)]}


PARTS: dict[str, Callable[[dict[str, Server], argparse.Namespace], dict[str, Any]]] = {
    "load": load,
    "sampling": sampling,
}


def _require(streams: Sequence[Stream]) -> None:
    for stream in streams:
        if stream.error:
            raise SystemExit(stream.error)


def keep(part: str, options: argparse.Namespace, found: dict[str, Any]) -> None:
    """Write a part's results beside the other's."""
    known = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    known[part] = {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "threads": options.threads,
        "versions": versions(),
        "peer_versions": _peer_versions(options.peer) if options.peer else {},
        **found,
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")


def _peer_versions(python: Path) -> dict[str, str]:
    names = ("torch", "transformers", "fastapi", "uvicorn")
    code = f"import importlib.metadata as m, json; print(json.dumps({{n: m.version(n) for n in {names!r}}}))"
    done = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def write_page() -> None:
    """Put the tables of the results into the page."""
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    tables = [TABLES[part](results[part]) + "\n\n" + _place(results[part]) for part in PARTS if part in results]
    page = PAGE.read_text(encoding="utf-8")
    before, after = page.partition(BEGIN)[0], page.partition(END)[2]
    text = "\n\n".join(tables)
    PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def _load_table(found: dict[str, Any]) -> str:
    lines = [
        "| | streams | errors | tokens/s: median (lowest to highest) | × one stream's | first text, ms: p50 | p99 |"
        " between texts, ms: p50 | p99 | Outcrop's tokens/s ÷ these |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    own, many = found["rounds"].get(OUTCROP), str(found["streams"])
    for name, runs in found["rounds"].items():
        for kind, title in (("one", "1"), ("crowd", many), ("adapters", f"{many}, of {ADAPTERS} adapters")):
            if kind in runs[0]:
                against = own if name != OUTCROP else None
                lines.append(f"| {name} | {title} | {' | '.join(_cells(runs, kind, against))} |")
    return "\n".join(lines)


def _cells(runs: list[dict[str, Any]], kind: str, own: list[dict[str, Any]] | None) -> list[str]:
    rates = [run[kind].get("tokens_per_second", 0.0) for run in runs]
    times = [rate / run["one"]["tokens_per_second"] for rate, run in zip(rates, runs, strict=True)]
    middles = [
        f"{median(run[kind][what][name] for run in runs if what in run[kind]):,.0f}"
        for what in ("first_ms", "between_ms")
        for name, _ in SHARES
    ]
    ratios = [mine[kind]["tokens_per_second"] / rate for mine, rate in zip(own or [], rates, strict=False) if rate]
    return [
        str(sum(run[kind]["errors"] for run in runs)),
        _span(rates, ".1f"),
        "" if kind == "one" else _span(times, ".2f"),
        *middles,
        _span(ratios, ".2f") if ratios else "",
    ]


def _span(values: Sequence[float], form: str) -> str:
    return f"{median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def _sampling_table(found: dict[str, Any]) -> str:
    lines = [
        "| | ms between texts, median of the rounds | change from least to greatest | its 95 % interval |",
        "|---|---|---|---|",
    ]
    for name in VARIED:
        each = [f"{value}: {median(one[name][str(value)] for one in found['rounds']):.1f}" for value in VARIED[name]]
        interval = found["change"][name]["interval"]
        shown = " to ".join(f"{100 * end:+.1f} %" for end in interval) if interval else ""
        lines.append(f"| {name} | {', '.join(each)} | {100 * found['change'][name]['mean']:+.1f} % | {shown} |")
    return "\n".join(lines)


def _place(found: dict[str, Any]) -> str:
    used = [f"{name} {number}" for name, number in found["versions"].items() if name in ("outcrop", "torch")]
    beside = ", ".join(f"{name} {number}" for name, number in found["peer_versions"].items())
    place = f"{found['machine']}, {found['threads']} threads, {found['made'][:10]}; {', '.join(used)}"
    return place + (f"; beside it {beside}." if beside else ".")


TABLES: dict[str, Callable[[dict[str, Any]], str]] = {"load": _load_table, "sampling": _sampling_table}


if __name__ == "__main__":
    main()
