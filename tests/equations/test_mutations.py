"""Do the equation tests notice when an equation is computed wrongly?

Each mutant changes one fragment of the source of one function (a sign, a mask, a factor). The tests of its equation, found
by the `Eq. (n)` in their docstrings, have to fail.
"""

import __future__

import importlib.util
import inspect
import textwrap
from collections import Counter
from pathlib import Path
from unittest.mock import patch

import pytest
from equation_index import EQUATIONS, named_in
from hypothesis import settings

from pmf_minimal import aligner, encoders, freezing, fusion, losses, metrics, model, relevance

MODULES = {
    m.__name__.rpartition(".")[2]: m for m in (aligner, encoders, freezing, fusion, losses, metrics, model, relevance)
}
MUTANTS = [
    # equation, function, fragment, what takes its place
    (1, "aligner.Aligner.encode", ", rows)", ", rows if rows is None else rows.flip(0))"),
    (1, "aligner.Aligner.encode", "out[m] = encoder(", "out[m] = (-1 if m == 'image' else 1) * encoder("),
    (1, "encoders.LinearEncoder.forward", "features[rows]", "features[: len(rows)]"),
    (2, "relevance.score", "w[left], w[right] = relevance", "w[right], w[left] = relevance"),
    (2, "relevance.score", "(present[:n_left], present[n_left:])", "(present[:n_left] | True, present[n_left:])"),
    (2, "relevance.score", "(present[:n_left], present[n_left:])", "(present[:n_left], present[n_left:] | True)"),
    (2, "relevance.score", "relevance(alpha_right, threshold)", "relevance(alpha_right, 0.0)"),
    (3, "relevance.relevance", "torch.relu(", "torch.abs("),
    (3, "relevance.relevance", "alpha.max() - threshold)", "alpha.max())"),
    (3, "relevance.relevance", "(alpha - threshold)", "(alpha + threshold)"),
    (3, "relevance.relevance", "alpha.max() <= threshold", "False"),
    (3, "relevance.relevance", "alpha.max() <= threshold", "alpha.max() < threshold"),
    (4, "relevance.best_match", "cosine.amax(dim=1)", "cosine.mean(dim=1)"),
    (4, "relevance.best_match", "cosine.amax(dim=0)", "cosine.amin(dim=0)"),
    (4, "relevance.best_match", "torch.maximum(alpha_right, cosine.amax(dim=0))", "cosine.amax(dim=0)"),
    (4, "relevance.best_match", "normalize(left), normalize(right)", "left, normalize(right)"),
    (4, "relevance.best_match", "right.new_full((len(right),), -1.0)", "right.new_full((len(right),), 0.0)"),
    (5, "freezing.freeze", "embedding, embedding.detach()", "embedding.detach(), embedding"),
    (5, "freezing.freeze", "embedding.detach()", "embedding"),
    (5, "freezing.freeze", "embedding.detach()", "torch.zeros_like(embedding)"),
    (5, "aligner.Aligner._start", "here.clone()", "torch.ones_like(here)"),
    (6, "freezing.active", "relevance > 0", "relevance >= 0"),
    (6, "freezing.active", "relevance > 0", "relevance == 0"),
    (6, "freezing.active", "relevance > 0", "relevance > 0.5"),
    (7, "fusion.fuse", "torch.cat(parts, dim=1)", "torch.cat(parts[::-1], dim=1)"),
    (7, "fusion.fuse", "torch.cat(parts, dim=1)", "torch.cat(parts, dim=1) / len(parts)"),
    (7, "model.PMF.weights", "w[rows]", "w[: len(rows)]"),
    (7, "model.PMF.weights", "w[rows]", "torch.ones_like(w[rows])"),
    (8, "fusion.fuse", "w[:, None] * normalize(h)", "normalize(w[:, None] * h)"),
    (8, "fusion.fuse", "w[:, None] * normalize(h)", "w[:, None] * h"),
    (8, "fusion.fuse", "w[:, None] * normalize(h)", "w[:, None].square() * normalize(h)"),
    (8, "fusion.fuse", 'mode == "weights"', 'mode != "weights"'),
    (9, "losses.total_loss", "cross_modality + cross_graph", "cross_modality - cross_graph"),
    (9, "losses.total_loss", "cross_modality + cross_graph", "0.5 * (cross_modality + cross_graph)"),
    (9, "model.PMF.total_loss", 'if "-" in n', 'if "-" in n[:-12]'),
    (10, "losses.log_agreement", "hit - torch.log(rows + columns", "hit + torch.log(rows + columns"),
    (10, "losses.log_agreement", " - hit.exp()", ""),
    (10, "losses._sums", "similarities.sum(dim=0)", "similarities.sum(dim=1)"),
    (10, "losses._hits", "- 1) / temperature", "- 1) * temperature"),
    (10, "losses.log_agreement", "normalize(p), normalize(q)", "normalize(p), q"),
    (11, "losses.modality_loss", "(forth + back)", "forth"),
    (11, "losses.modality_loss", "-beta_p * beta_q", "beta_p * beta_q"),
    (11, "losses.modality_loss", "-beta_p * beta_q", "-beta_p"),
    (11, "losses.log_agreement", "torch.log(columns)", "torch.log(rows)"),
    (11, "model.PMF._cross_modality", "has[p][side] & has[q][side]", "has[p][side] | has[q][side]"),
    (11, "model.PMF._cross_modality", "config.beta[q]", "config.beta[p]"),
    (11, "model.PMF.losses", "out.get(name, 0) + loss", "loss"),
    (12, "losses.log_matches", " + own_left", ""),
    (12, "losses.log_matches", "columns + own_right", "columns + own_left"),
    (12, "losses.log_matches", "columns + own_right", "rows + own_right"),
    (12, "losses._own_sums", ", without_self=True", ""),
    (12, "losses.log_matches", "normalize(left), normalize(right)", "normalize(left), right"),
    (12, "losses._similarities", "alpha=1 / temperature", "alpha=-1 / temperature"),
    (13, "losses.alignment_loss", "-0.5 * torch.logaddexp", "0.5 * torch.logaddexp"),
    (13, "losses.alignment_loss", "-0.5 * torch.logaddexp", "-1.0 * torch.logaddexp"),
    (13, "losses.alignment_loss", "torch.logaddexp(forth, back)", "(forth + back)"),
    (13, "losses.alignment_loss", "-0.5 * (forth + back)", "-(forth + back)"),
    (13, "model.PMF._cross_graph", "has[m][left] & has[m][right]", "has[m][left] | has[m][right]"),
    (13, "model.PMF._cross_graph", "joint[left], joint[right]", "joint[left], joint[left]"),
    (14, "encoders.DiagonalGATConv.forward", "-leaky_relu(", "leaky_relu("),
    (14, "encoders.DiagonalGATConv.forward", ", 0.2)", ", 0.02)"),
    (14, "encoders.DiagonalGATConv.forward", "at_target[head, target]", "at_target[head, source]"),
    (14, "encoders.DiagonalGATConv.forward", "out / len(self.weight)", "out"),
    (14, "encoders.DiagonalGATConv.forward", "out + weight * self", "out + self"),
    (14, "encoders._WeightedSum.backward", "alpha[reverse]", "alpha"),
    (14, "encoders._WeightedSum.backward", "return d_alpha,", "return -d_alpha,"),
    (14, "encoders.Neighbours", "to_undirected(edge_index, num_nodes=n)", "edge_index"),
    (14, "encoders.Neighbours", "add_self_loops(to_undirected(edge_index, num_nodes=n), num_nodes=n)[0]", "to_undirected(edge_index, num_nodes=n)"),
    (14, "encoders.StructureEncoder._through", "elu(first(x, neighbours))", "first(x, neighbours)"),
    (15, "encoders.LinearEncoder.forward", "self.bias", "-self.bias"),
    (15, "encoders.LinearEncoder.forward", "linear(e, self.weight", "linear(e, self.weight.abs()"),
    (15, "encoders.LinearEncoder.forward", "if self.binary else e", ""),
    (16, "metrics.hits", "(n - better)", "(n + 1 - better)"),
    (16, "metrics.hits", ".minimum(equal) / equal", ".clamp(max=1) / 1"),
    (16, "metrics.count_better_and_tied", "similarity > own + TIE", "similarity > own - TIE"),
    (16, "metrics.count_better_and_tied", "similarity >= own - TIE", "similarity >= own - 0.3"),
    (17, "metrics.mrr", "harmonic[better + equal] - harmonic[better]", "harmonic[better + equal] - harmonic[better - 1]"),
    (17, "metrics.mrr", ") / equal)", "))"),
    (17, "metrics.mrr", "torch.arange(1, int", "torch.arange(0, int"),
]  # fmt: skip


def load_checks():
    """Equation -> its tests, as plain functions and with a search that stops at the first counterexample."""
    checks = {n: [] for n in EQUATIONS}
    settings.load_profile("mutants")
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        if path != Path(__file__):
            spec = importlib.util.spec_from_file_location(f"checks_{path.stem}", path)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            for name, function in vars(module).items():
                if name.startswith("test_"):
                    for n in named_in(function.__doc__ or ""):
                        checks[n].append(function)
    settings.load_profile("equations")
    return checks


CHECKS = load_checks()


def mutant(path, old, new):
    """A patch that puts the mutated function or class in its place; the fragment must stand in its source exactly once."""
    module, *owners, name = path.split(".")
    owner = module = MODULES[module]
    for part in owners:
        owner = getattr(owner, part)
    source = textwrap.dedent(inspect.getsource(getattr(owner, name)))
    *docstring, body = source.split('"""', 2)  # a formula in the docstring is no code
    assert body.count(old) == 1, f"{path} holds {old!r} {body.count(old)} times: bring this mutant up to date"
    mutated = '"""'.join([*docstring, body.replace(old, new)])
    found = {}
    flags = __future__.annotations.compiler_flag  # the modules defer their annotations, so this has to
    exec(compile(mutated, f"<mutant of {path}>", "exec", flags), vars(module), found)
    return patch.object(owner, name, found[name])


@pytest.mark.parametrize(("equation", "path", "old", "new"), MUTANTS)
def test_noticed(equation, path, old, new):
    with mutant(path, old, new):
        for check in CHECKS[equation]:
            try:
                check()
            except AssertionError:
                return
    pytest.fail(f"the tests of Eq. ({equation}) do not notice that {path} has {new!r} instead of {old!r}")


@pytest.mark.parametrize(("path", "equation", "old"), {path: (path, n, old) for n, path, old, _ in MUTANTS}.values())
def test_an_unchanged_copy_passes(path, equation, old):
    """What the tests notice is the change, not the copying."""
    with mutant(path, old, old):
        for check in CHECKS[equation][:2]:
            check()


def test_every_equation_has_two_mutants():
    count = Counter(equation for equation, *_ in MUTANTS)
    assert all(count[n] >= 2 for n in EQUATIONS)
