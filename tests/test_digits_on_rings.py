"""The example of digits on rings: the group acts as turns of images, and softness pays."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from test_rmd17 import load_example


@pytest.fixture(scope="module")
def example():
    return load_example("digits_on_rings")


def test_quarter_turns_of_images_are_shifts_of_rings(example):
    images = load_digits().images[:5]
    quarter = example.on_rings(np.rot90(images, axes=(1, 2)))
    shifted = np.roll(example.on_rings(images), -8, axis=2)
    np.testing.assert_allclose(quarter, shifted, atol=1e-12)
    elements = [g.apply(shifted.reshape(5, -1)) for g in example.G.elements()]
    assert any(np.allclose(g, example.on_rings(images).reshape(5, -1)) for g in elements)


def test_the_soft_kernel_mistakes_fewer_digits(example):
    digits = load_digits()
    rings = example.on_rings(digits.images) / 16.0
    labels, found, softness = example.trial(rings, digits.target, 0, 120, n_test=600)
    wrong = {name: np.mean(labels != values) for name, values in found.items()}
    assert wrong["soft"] < wrong["all turns"] and wrong["soft"] < wrong["plain"]
    assert example.six_as_nine(labels, found["soft"]) < 0.02
    assert example.six_as_nine(labels, found["all turns"]) > 0.02
    assert 0.01 < softness < 0.6


def test_the_picture_is_written(example, tmp_path):
    rows = {"plain": (0.1, 0.01, 0.0, 0.0), "soft": (0.05, 0.0, 0.01, 0.0)}
    example.draw(tmp_path / "digits.png", rows, 0.1)
    assert (tmp_path / "digits.png").stat().st_size > 10_000
