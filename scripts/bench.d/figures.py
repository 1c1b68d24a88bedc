"""The rows of a section's table, and what the sections of scripts/bench compute alike."""

import os
import sys


class Table:
    """Rows of figures beside those they are held against. Bounds are kept or missed."""

    def __init__(self, title):
        self.kept = True
        self._rows = [f"{f'{title}, {os.cpu_count()} cores':<62} {'ours':>12}"]

    def row(self, name, ours, beside="", value=None, at_least=None, at_most=None):
        """A figure; `value` is what the bound is on, such as its ratio to the one beside it."""
        told = "" if value is None else f"{value:.4g}"
        missed = False
        for bound, word, is_missed in [
            (at_least, "at least", lambda bound: value < bound),
            (at_most, "at most", lambda bound: value > bound),
        ]:
            if bound is not None:
                told += f", {word} {bound:g}"
                missed |= is_missed(bound)
        self.kept = self.kept and not missed
        self._rows.append(f"{name:<62} {ours:>12} {beside:>18}  {told}{', missed' if missed else ''}".rstrip())

    def tell(self):
        """Prints the table. What the process is to end with: 1 when a bound was missed."""
        print(*self._rows, sep="\n", flush=True)
        return 0 if self.kept else 1


def arguments():
    """The programs that a section was given, and whether its short form is asked for."""
    given = sys.argv[1:]
    return [argument for argument in given if argument != "--short"], "--short" in given


def quantile(values, share):
    """The smallest value that `share` of all do not exceed."""
    values = sorted(values)
    return values[min(int(len(values) * share), len(values) - 1)]


def slope(points):
    """What y grows by for each unit of x, by least squares."""
    count = len(points)
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0
