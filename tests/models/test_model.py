"""The base of model families: what a family that offers nothing special offers, and what it refuses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from w2slab.errors import JobError, StudyError
from w2slab.models.chessformer.chessformer import Chessformer
from w2slab.models.hf.huggingface import HuggingFace
from w2slab.models.linear.linear import Linear
from w2slab.models.model import Model
from w2slab.models.network import Network


@dataclass(frozen=True)
class Plain(Model):
    """A family that writes the least it may."""

    width: int = 2


def test_a_family_has_a_name_first_and_a_rate_by_keyword():
    model = Plain("small", 3, lr=0.1)
    assert (model.name, model.width, model.lr) == ("small", 3, 0.1)
    with pytest.raises(StudyError, match="lr: input should be greater than 0"):
        Plain("small", lr=0.0)


def test_what_a_family_does_not_say_has_a_default():
    model = Plain("small")
    assert not model.has_features
    assert not model.generates
    assert (model.readouts, model.example_readouts) == (("head",), ())
    assert list(model.problems(None)) == []
    assert model.lengths(np.zeros((4, 2))).tolist() == [1, 1, 1, 1]
    assert model.notes(None) == {}
    assert (model.files(), model.resolved(), model.reading_at("head")) == ((), model, model)
    assert (model.n_parameters(), model.memory(8), model.reads()) == (None, None, None)


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda model: model.build_language(0), "small: no causal language model; it cannot continue a text"),
        (lambda model: model.tokens(["a"]), "small: no causal language model"),
        (lambda model: model.save_base(None, None), "small: no causal language model"),
        (lambda model: model.starting_from(None), "small: it cannot start from a language model"),
        (lambda model: model.save_encoded(None, None), "small: its encoded examples cannot be cached"),
    ],
)
def test_what_a_family_cannot_do_is_refused_by_name(ask, words):
    with pytest.raises(JobError, match=words):
        ask(Plain("small"))


@pytest.mark.parametrize("family", [Linear, Chessformer, HuggingFace])
def test_ours_are_such_families_with_features(family):
    assert issubclass(family, Model)
    assert family.has_features
    assert family.readouts[0] == "head"


def test_a_network_without_head_or_features_says_so():
    class Bare(Network):
        """Neither."""

    with pytest.raises(JobError, match="Bare: the network has no `head` that reads features"):
        Bare().head_layer()
    with pytest.raises(JobError, match="Bare: the network has no features"):
        Bare().features(values=torch.zeros(1))
    assert not Bare().checkpoint_activations()
