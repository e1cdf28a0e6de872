"""Examples that the gallery does not execute run; their fits are short here, and mean nothing."""

import runpy
import warnings
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
pytestmark = pytest.mark.skipif(not EXAMPLES.exists(), reason="the sources are elsewhere")
SHORTER = {
    "N_IMAGES, N_VALIDATION = 600, 200": "N_IMAGES, N_VALIDATION = 60, 20",
    '"codec__max_iter": 100': '"codec__max_iter": 5',
    '"image_encoder__max_iter": 300': '"image_encoder__max_iter": 5',
}
# In this process: another one takes ten times as long to begin as one of these fits. Searches in
# several are tested by themselves (test_sklearn.py, test_cluster.py).
OF_EACH = {
    "search_by_halving": {
        "FEWEST_STEPS, MOST_STEPS = 450, 900": "FEWEST_STEPS, MOST_STEPS = 4, 8",
        "n_jobs=2": "n_jobs=1",
    },
    "search_on_a_cluster": {
        '"gan__max_iter": 500': '"gan__max_iter": 5',
        "processes=True": "processes=False",
        '"n_workers": 2': '"n_workers": 1',
    },
}
NEEDED = {"search_by_halving": "optuna", "search_on_a_cluster": "distributed"}
EXPECTED = {
    "search_by_halving": ("  8 steps, ", "Optuna\n  n_latents "),
    "search_on_a_cluster": ("cv_results_ of both are equal to the bit",),
}


@pytest.mark.parametrize("name", NEEDED)
def test__search__runs_to_its_end(name, tmp_path, capsys):
    pytest.importorskip(NEEDED[name])
    code = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
    for long, short in (SHORTER | OF_EACH[name]).items():
        assert code.count(long) == 1
        code = code.replace(long, short)
    script = tmp_path / f"{name}.py"
    script.write_text(code, encoding="utf-8")
    with warnings.catch_warnings(action="ignore"):
        runpy.run_path(str(script), run_name="__main__")
    printed = capsys.readouterr().out
    assert all(text in printed for text in EXPECTED[name]), printed
