"""Counts and rates, against scikit-learn."""

import json

import numpy as np
import pytest
from sklearn import metrics

import chainrule as cr
from chainrule.errors import DataError, ShapeError

CASES = {
    "three classes": (3, np.array([0, 1, 2, 2, 1, 0, 2, 2]), np.array([0, 2, 2, 1, 1, 0, 2, 0])),
    "a class never predicted": (3, np.array([0, 1, 2, 2]), np.array([0, 1, 1, 0])),
    "a class that does not occur": (4, np.array([0, 1, 2, 2]), np.array([0, 3, 2, 2])),
    "all right": (2, np.array([0, 1, 1]), np.array([0, 1, 1])),
    "all wrong": (2, np.array([0, 1, 1]), np.array([1, 0, 0])),
}


@pytest.mark.parametrize("case", CASES)
def test_rates_agree_with_scikit_learn(case: str) -> None:
    count, truth, predicted = CASES[case]
    labels = np.arange(count)
    confusion = cr.train.confusion_matrix(truth, predicted, count)
    names = tuple(map(str, labels))
    ours = cr.train.Evaluation(0.5, len(truth), names, confusion)

    np.testing.assert_array_equal(
        confusion, metrics.confusion_matrix(truth, predicted, labels=labels)
    )
    theirs = metrics.precision_recall_fscore_support(
        truth, predicted, labels=labels, zero_division=0
    )
    for mine, expected in zip((ours.precision, ours.recall, ours.f1), theirs, strict=False):
        np.testing.assert_allclose(mine, expected, rtol=1e-12)
    assert ours.accuracy == metrics.accuracy_score(truth, predicted)


def test_many_random_predictions_agree_with_scikit_learn() -> None:
    generator = np.random.default_rng(3)
    truth, predicted = generator.integers(0, 10, (2, 5000))
    ours = cr.train.confusion_matrix(truth, predicted, 10)
    np.testing.assert_array_equal(ours, metrics.confusion_matrix(truth, predicted))


def test_an_evaluation_is_shown_as_a_table_and_as_json() -> None:
    confusion = np.array([[3, 1], [0, 4]])
    result = cr.train.Evaluation(0.25, 8, ("cat", "dog"), confusion)
    text = str(result)
    assert "accuracy 0.8750" in text
    assert "loss 0.2500 on 8 samples" in text
    assert [line.split() for line in text.splitlines()[-2:]] == [
        ["cat", "3", "1"],
        ["dog", "0", "4"],
    ]
    document = json.loads(json.dumps(result.to_dict()))
    assert document["recall"] == [0.75, 1.0]
    assert document["confusion"] == [[3, 1], [0, 4]]


def test_a_regression_has_a_loss_alone() -> None:
    result = cr.train.Evaluation(0.25, 8)
    assert result.accuracy is None
    assert result.to_dict() == {"samples": 8, "loss": 0.25}
    assert str(result) == "loss 0.2500 on 8 samples"


def test_wrong_ids_and_shapes_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"truth has shape \(2,\) and predictions \(3,\)"):
        cr.train.confusion_matrix(np.array([0, 1]), np.array([0, 1, 1]), 2)
    with pytest.raises(
        DataError, match="predictions go from 0 to 7; expected class ids from 0 to 1"
    ):
        cr.train.confusion_matrix(np.array([0, 1]), np.array([0, 7]), 2)
