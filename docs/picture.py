"""Draw the README's picture, docs/digits.png: an orbit, and what knowing it is worth.

Run with ``python docs/picture.py`` after ``pip install '.[demo]'``; takes a minute.
"""

from pathlib import Path

from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from symkernel import demo, groups
from symkernel.plotting import plot_orbit


def main() -> None:
    """Measure, draw and save."""
    group = groups.Image((8, 8), "D4")
    figure = Figure(figsize=(10.5, 4.4), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[1, 1.45])
    panels = left.subplots(3, 3).ravel()
    order = [0, 1, 2, 3, 5, 6, 7, 8]  # the middle stays free for words
    plot_orbit([panels[i] for i in order], group, load_digits().images[15])
    for i in order:
        panels[i].set(xlim=(-1, 8), ylim=(8, -1))  # a margin of white paper
    panels[4].axis("off")
    panels[4].text(0.5, 0.5, "one orbit\nof $D_4$", ha="center", va="center", fontsize=13)
    axes = right.subplots()
    demo.draw_errors(axes, demo.measure())
    axes.set_title("digits, every image in a random pose", fontsize=11)
    figure.savefig(Path(__file__).with_name("digits.png"), dpi=150)


if __name__ == "__main__":
    main()
