from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from w2slab.data.examples import Examples, Truth
from w2slab.errors import DataError
from w2slab.ladders.chess.pretraining import RUNGS
from w2slab.models.chessformer.architecture import Architecture
from w2slab.models.chessformer.chessformer import SHIPPED, Chessformer
from w2slab.models.chessformer.chessformer_network import HIDDEN, build, read_weights, write_weights
from w2slab.models.chessformer.positions import collate, encode_positions
from w2slab.tasks.chess.position import mirror_fen
from w2slab.tasks.chess.puzzle_task import Chess

# Positions and some legal moves; the second has an en passant capture, the third castles, the fourth is in check.
ROWS = [
    (
        "r5k1/5ppp/8/8/8/8/5PPP/3R2K1 w - - 0 1",
        ["d1a1", "d1b1", "d1c1", "d1d8", "d1e1", "d1f1", "f2f3", "g1f1", "g2g4"],
    ),
    ("4k3/8/8/2pP4/8/8/8/4K3 w - c6 0 1", ["d5c6", "d5d6", "e1d1", "e1d2", "e1e2", "e1f1", "e1f2"]),
    ("r3k2r/6P1/8/8/8/8/8/4K3 b kq - 0 1", ["e8c8", "e8d7", "e8e7", "h8g8", "h8h1"]),
    ("7k/6P1/8/8/8/8/8/K6R b - - 0 1", ["h8g7", "h8g8"]),
]
SMALL = Architecture(width=8, layers=2, heads=2)


def examples(rows=ROWS) -> Examples:
    fens, moves = ([row[column] for row in rows] for column in (0, 1))
    ids = [f"p{number}" for number in range(len(rows))]
    return Examples(pa.table({"id": ids, "group": ids, "fen": fens, "candidates": moves}))


def mirrored(uci: str) -> str:
    return uci[0] + str(9 - int(uci[1])) + uci[2] + str(9 - int(uci[3])) + uci[4:]


@pytest.fixture
def network() -> torch.nn.Module:
    """A small network whose weights all matter."""
    network = build(SMALL, 3)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return network.eval()


@pytest.fixture
def rung(network, tmp_path) -> Chessformer:
    write_weights(network, tmp_path / "small.safetensors", torch.float32)
    return Chessformer("small", tmp_path)


def logits(network, rung, given, indices=None):
    encoded = rung.encode(given)
    with torch.no_grad():
        return network(**rung.collate(encoded, np.arange(len(given)) if indices is None else np.array(indices)))


def test_each_legal_move_has_a_logit_and_nothing_else_has(network, rung):
    given = examples()
    found = logits(network, rung, given)
    assert found.shape == (4, 9)
    for row, n_moves in zip(found, given.n_candidates, strict=True):
        assert (row[:n_moves].abs() < 1e4).all()
        assert (row[n_moves:] == HIDDEN).all()
        assert len(set(row[:n_moves].tolist())) == n_moves


def test_company_in_a_batch_changes_nothing(network, rung):
    given = examples()
    together = logits(network, rung, given)
    for index, n_moves in enumerate(given.n_candidates):
        alone = logits(network, rung, given, [index])
        assert alone.shape == (1, n_moves)
        torch.testing.assert_close(alone[0], together[index, :n_moves], rtol=1e-5, atol=1e-5)


def test_a_position_with_colours_exchanged_is_the_same_position(network, rung):
    given = examples()
    turned = examples([(mirror_fen(fen) + " 0 1", [mirrored(uci) for uci in moves]) for fen, moves in ROWS])
    assert torch.equal(logits(network, rung, given), logits(network, rung, turned))


def test_logits_stand_in_the_order_of_the_moves(network, rung):
    turned = examples([(fen, moves[::-1]) for fen, moves in ROWS])
    for index, (_, moves) in enumerate(ROWS):
        straight, back = logits(network, rung, examples(), [index]), logits(network, rung, turned, [index])
        torch.testing.assert_close(straight, back.flip(1), rtol=1e-5, atol=1e-5)
        assert straight.shape == (1, len(moves))


def test_en_passant_and_castling_are_seen():
    encoded = encode_positions([row[0] for row in ROWS], [row[1] for row in ROWS], list("abcd"))
    assert encoded.states.tolist() == [[0, 0], [0, 3], [3, 0], [0, 0]]
    taken = Chessformer("any").collate(encoded, np.array([1]))
    pawn = (taken["pieces"][0] == 7).nonzero().item()
    assert taken["captured"][0].tolist() == [pawn + 1, 0, 0, 0, 0, 0, 0]


def test_promotions_become_what_they_are():
    encoded = encode_positions(["8/P6k/8/8/8/8/8/K7 w - - 0 1"], [["a7a8b", "a7a8n", "a7a8q", "a7a8r", "a1a2"]], ["x"])
    assert Chessformer("any").collate(encoded, np.array([0]))["becomes"].tolist() == [[3, 2, 5, 4, 6]]


def test_weights_come_back_as_they_were(network, tmp_path):
    write_weights(network, tmp_path / "w.safetensors", torch.float32)
    again = read_weights(tmp_path / "w.safetensors")
    assert again.architecture == SMALL
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name])


def test_first_weights_leave_the_global_generator_alone():
    before = torch.get_rng_state()
    first, again, other = build(SMALL, 1), build(SMALL, 1), build(SMALL, 2)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first.read.weight, again.read.weight)
    assert not torch.equal(first.read.weight, other.read.weight)


def test_size_is_known_without_the_network(network, rung):
    assert rung.n_parameters() == sum(parameter.numel() for parameter in network.parameters())
    assert Chessformer("small", rung.files()[0]).n_parameters() == rung.n_parameters()
    assert Chessformer("nowhere").n_parameters() is None


@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "other weights", "no architecture", "bad architecture"])
def test_malformed_weights_are_refused_with_a_remedy(network, tmp_path, damage):
    from safetensors.torch import save_file

    path = tmp_path / "small.safetensors"
    write_weights(network, path)
    if damage == "missing":
        path.unlink()
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    elif damage == "other weights":
        save_file({"a": torch.zeros(2)}, path, {"architecture": '{"width": 8, "layers": 2, "heads": 2}'})
    elif damage == "no architecture":
        save_file({"a": torch.zeros(2)}, path)
    else:
        save_file({"a": torch.zeros(2)}, path, {"architecture": '{"depth": 8}'})
    with pytest.raises(DataError, match=r"small\.safetensors: .*w2slab chess pretrain"):
        Chessformer("small", tmp_path).build(examples(), 0)


@pytest.mark.parametrize(
    ("fen", "moves", "says"),
    [
        ("8/8/8 w - - 0 1", ["e2e4"], "3 ranks"),
        (ROWS[0][0], ["d1z9"], "not UCI"),
        (ROWS[0][0], ["d4d5"], "no piece of the side to move"),
        (ROWS[0][0], ["a8a7"], "no piece of the side to move"),
    ],
)
def test_what_is_no_position_is_refused_by_name(rung, fen, moves, says):
    with pytest.raises(DataError, match=f"example p0: .*{says}"):
        rung.encode(examples([(fen, moves)]))


def test_other_tasks_are_refused(rung):
    with pytest.raises(DataError, match="chess positions"):
        rung.encode(Examples(pa.table({"id": ["a"], "group": ["a"], "text": ["x"]}), ("no", "yes")))


def test_importing_the_family_costs_no_torch():
    code = (
        "import sys, w2slab.models.chessformer.chessformer; sys.exit('torch' in sys.modules or 'chess' in sys.modules)"
    )
    source = Path(__file__).parents[2] / "src"
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(source)}).returncode == 0


def test_shipped_rungs_are_what_their_card_says():
    rungs = json.loads((SHIPPED / "ladder.json").read_text())["rungs"]
    assert {rung["name"] for rung in rungs} == {path.stem for path in SHIPPED.glob("*.safetensors")} == set(RUNGS)
    for rung in rungs:
        family = Chessformer(rung["name"])
        network = family.build(examples(), 0)
        assert network.architecture == RUNGS[rung["name"]].architecture
        assert family.n_parameters() == rung["n_parameters"]
    finetuned = [rung["evaluation"]["puzzles"]["finetuned"] for rung in rungs]
    assert finetuned == sorted(finetuned)
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 10_000_000


def test_a_shipped_rung_still_solves_its_puzzles():
    """A change of the encoding, or of the order of moves, would show here as a fall to chance."""
    card = next(r for r in json.loads((SHIPPED / "ladder.json").read_text())["rungs"] if r["name"] == "chess-25k")
    puzzles, rung = Chess().load(), Chessformer("chess-25k")
    rows = np.flatnonzero(puzzles.in_test)[:400]
    given = puzzles.examples.take(rows)
    found = logits(rung.build(given, 0).eval(), rung, given).argmax(dim=1).numpy()
    right = Truth(given.ids, [puzzles.truth.right[row] for row in rows]).is_right(found)
    assert abs(right.mean() - card["evaluation"]["puzzles"]["zero_shot"]) < 0.1


def test_relations_worked_out_beforehand_are_those_of_the_batch():
    examples = Chess().load().examples.take(np.arange(700))
    rung = Chessformer("chess-8k")
    encoded = rung.encode(examples)
    indices = np.random.default_rng(0).permutation(700)[:40]
    at_hand, worked_out = collate(encoded, indices, encoded.sight), collate(encoded, indices)
    assert at_hand.keys() == worked_out.keys()
    for name, tensor in at_hand.items():
        assert torch.equal(tensor, worked_out[name]), name


def features(network, rung, given, **reading):
    with torch.no_grad():
        return network.features(**rung.collate(rung.encode(given), np.arange(len(given))), **reading)


def test_features_are_what_the_logits_are_read_from(network, rung):
    given = examples()
    moves = features(network, rung, given)
    assert moves.shape == (given.n_candidates.sum(), SMALL.width)
    own = logits(network, rung, given)
    with torch.no_grad():
        torch.testing.assert_close(network.logit(moves)[:, 0], own[own > HIDDEN])


def test_a_position_has_a_state_behind_every_block(network, rung):
    given = examples()
    last, first, second = (features(network, rung, given, readout="state", layer=layer) for layer in (None, 1, 2))
    assert last.shape == (4, SMALL.width)
    assert torch.equal(last, second)
    assert (last - first).abs().max() > 1e-3
    both = features(network, rung, given, readout="with-state")
    expected = torch.cat([features(network, rung, given), last.repeat_interleave(torch.tensor([9, 7, 5, 2]), 0)], dim=1)
    torch.testing.assert_close(both, expected)


@pytest.mark.parametrize(("readout", "layer", "words"), [("state", 3, "has 2 blocks"), ("head", 1, "leave layer out")])
def test_a_layer_that_is_not_there_is_refused(network, rung, readout, layer, words):
    with pytest.raises(DataError, match=words):
        features(network, rung, examples(), readout=readout, layer=layer)


# "Tokenize once per (model, task) and store": positions are read once for all rungs.
def test_positions_that_were_kept_make_the_same_batches_for_every_rung(tmp_path):
    labelled = Chess().load()
    examples = labelled.examples.take(np.arange(50))
    small, large = Chessformer("chess-800"), Chessformer("chess-25k")
    assert small.reads() == large.reads()
    encoded = small.encode(examples)
    small.save_encoded(encoded, tmp_path)
    kept = large.load_encoded(tmp_path)
    indices = np.array([7, 3, 49, 0])
    batches = small.collate(encoded, indices), large.collate(kept, indices)
    assert batches[0].keys() == batches[1].keys()
    assert all(torch.equal(batches[0][name], batches[1][name]) for name in batches[0])
    np.testing.assert_array_equal(small.lengths(encoded), large.lengths(kept))
