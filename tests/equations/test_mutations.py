"""Do the equation tests notice when an equation is computed wrongly?

Each mutant changes one expression in one function (a sign, a mask, a factor). The tests of its equation, found by the
`Eq. (n)` in their docstrings, have to fail. Expressions are compared as syntax trees, so a new layout changes nothing here.
"""

import __future__

import ast
import functools
import importlib
import importlib.util
import inspect
import textwrap
from collections import Counter
from pathlib import Path
from unittest.mock import patch

import pytest
from equation_index import EQUATIONS, named_in
from hypothesis import settings

ENCODED = "encoder(features if m not in self.fillings else features + self.fillings[m], rows)"
SHIFTED = "(a.to(precise) * b.to(precise)).sum(dim=1) - 1"
SCORE = "leaky_relu(at_target[head, target] + at_source[head, source], {})"
HEARD = "self.propagate(neighbours.adjacency, x=x, alpha=alpha, neighbours=neighbours)"
BOTH_WAYS = "to_undirected(edge_index, num_nodes=n)"
COSTS = "self.pair_loss(x[left], x[{}], self.temperature, self.symmetric)"
WEIGHED = "weights[m].to(h.dtype)[:, None]"
PRODUCT = "torch.addmm(a.new_tensor(-1 / temperature), a, b.T, alpha={} / temperature)"
RECIPROCAL = "torch.arange({}, int((better + equal).max()) + 1, dtype=torch.float64, device=better.device)"

# equation, module.function, expression (which stands there exactly once), what takes its place
MUTANTS = [
    (1, "model.EntityAligner.encode", ENCODED, ENCODED.replace(", rows)", ", rows if rows is None else rows.flip(0))")),
    (1, "model.EntityAligner.encode", ENCODED, f"(-1 if m == 'image' else 1) * {ENCODED}"),
    (1, "encoders.LinearEncoder.forward", "features[rows]", "features[: len(rows)]"),
    (2, "relevance.score", "(w[left], w[right])", "(w[right], w[left])"),
    (2, "relevance.score", "(mask[:n_left], mask[n_left:])", "(mask[:n_left] | True, mask[n_left:])"),
    (2, "relevance.score", "(mask[:n_left], mask[n_left:])", "(mask[:n_left], mask[n_left:] | True)"),
    (2, "relevance.score", "relevance(alpha_right, threshold)", "relevance(alpha_right, 0.0)"),
    (3, "relevance.relevance", "torch.relu", "torch.abs"),
    (3, "relevance.relevance", "alpha.max() - threshold", "alpha.max()"),
    (3, "relevance.relevance", "alpha - threshold", "alpha + threshold"),
    (3, "relevance.relevance", "alpha.max() <= threshold", "False"),
    (3, "relevance.relevance", "alpha.max() <= threshold", "alpha.max() < threshold"),
    (4, "relevance.best_products", "block.amax(dim=1)", "block.mean(dim=1)"),
    (4, "relevance.best_products", "block.amax(dim=0)", "block.amin(dim=0)"),
    (4, "relevance.best_products", "torch.maximum(of_columns, block.amax(dim=0))", "block.amax(dim=0)"),
    (4, "relevance.best_match", "normalize(left)", "left"),
    (4, "relevance.best_products", "right.new_full((len(right),), -torch.inf)", "right.new_full((len(right),), 0.0)"),
    (5, "freezing.freeze", "torch.where(active[:, None], embedding, embedding.detach())", "torch.where(active[:, None], embedding.detach(), embedding)"),
    (5, "freezing.freeze", "embedding.detach()", "embedding"),
    (5, "freezing.freeze", "embedding.detach()", "torch.zeros_like(embedding)"),
    (5, "model.EntityAligner.__init__", "here.clone()", "torch.ones_like(here)"),
    (6, "freezing.active", "relevance > 0", "relevance >= 0"),
    (6, "freezing.active", "relevance > 0", "relevance == 0"),
    (6, "freezing.active", "relevance > 0", "relevance > 0.5"),
    (7, "fusion.fuse", "torch.cat(parts, dim=1)", "torch.cat(parts[::-1], dim=1)"),
    (7, "fusion.fuse", "torch.cat(parts, dim=1)", "torch.cat(parts, dim=1) / len(parts)"),
    (7, "model.PMF.weights", "w[rows]", "w[: len(rows)]"),
    (7, "model.PMF.weights", "w[rows]", "torch.ones_like(w[rows])"),
    (8, "fusion.fuse", f"{WEIGHED} * normalize(h)", f"normalize({WEIGHED} * h)"),
    (8, "fusion.fuse", f"{WEIGHED} * normalize(h)", f"{WEIGHED} * h"),
    (8, "fusion.fuse", f"{WEIGHED} * normalize(h)", f"{WEIGHED}.square() * normalize(h)"),
    (8, "fusion.keep_or_drop", "relevance > 0", "relevance"),
    (8, "fusion.keep_or_drop", "relevance > 0", "mask"),
    (9, "losses.total_loss", "cross_modality + cross_graph", "cross_modality - cross_graph"),
    (9, "losses.total_loss", "cross_modality + cross_graph", "0.5 * (cross_modality + cross_graph)"),
    (9, "model.PMF.total_loss", "name[0] == 'cross'", "name[1:] == ('structure', 'image')"),
    (10, "losses.NEGATIVES.both", "hit - torch.log(rows + columns - hit.exp())", "hit + torch.log(rows + columns - hit.exp())"),
    (10, "losses.NEGATIVES.both", "rows + columns - hit.exp()", "rows + columns"),
    (10, "losses.sums_of_exp", "similarities.sum(dim=0)", "similarities.sum(dim=1)"),
    (10, "losses.log_hits", f"({SHIFTED}) / temperature", f"({SHIFTED}) * temperature"),
    (10, "losses.log_agreement", "normalize(q)", "q"),
    (11, "losses.modality_loss", "forth + back", "forth"),
    (11, "losses.modality_loss", "-beta_p * beta_q", "beta_p * beta_q"),
    (11, "losses.modality_loss", "-beta_p * beta_q", "-beta_p"),
    (11, "losses.NEGATIVES.one", "torch.log(columns)", "torch.log(rows)"),
    (11, "losses.CrossModalityLoss.forward", "mask[p][side] & mask[q][side]", "mask[p][side] | mask[q][side]"),
    (11, "losses.CrossModalityLoss.forward", "self.beta[q]", "self.beta[p]"),
    (11, "losses.CrossModalityLoss.forward", "out.get(name, 0) + loss[counts].mean()", "loss[counts].mean()"),
    (12, "losses.log_matches", "rows + own_left", "rows"),
    (12, "losses.log_matches", "columns + own_right", "columns + own_left"),
    (12, "losses.log_matches", "columns + own_right", "rows + own_right"),
    (12, "losses.sums_of_exp_among", "exp_similarities(a, a, temperature, without_self=True)", "exp_similarities(a, a, temperature)"),
    (12, "losses.log_matches", "normalize(right)", "right"),
    (12, "scale.kernels.exp_similarities", PRODUCT.format(1), PRODUCT.format(-1)),
    (13, "losses.SYMMETRIC.joint", "-0.5 * torch.logaddexp(forth, back)", "0.5 * torch.logaddexp(forth, back)"),
    (13, "losses.SYMMETRIC.joint", "-0.5 * torch.logaddexp(forth, back)", "-1.0 * torch.logaddexp(forth, back)"),
    (13, "losses.SYMMETRIC.joint", "torch.logaddexp(forth, back)", "forth + back"),
    (13, "losses.SYMMETRIC.separate", "-0.5 * (forth + back)", "-(forth + back)"),
    (13, "losses.CrossGraphLoss.forward", "mask[m][left] & mask[m][right]", "mask[m][left] | mask[m][right]"),
    (13, "losses.CrossGraphLoss.joint", COSTS.format("right"), COSTS.format("left")),
    (14, "encoders.DiagonalGATConv.forward", f"-{SCORE.format(0.2)}", SCORE.format(0.2)),
    (14, "encoders.DiagonalGATConv.forward", SCORE.format(0.2), SCORE.format(0.02)),
    (14, "encoders.DiagonalGATConv.forward", "at_target[head, target]", "at_target[head, source]"),
    (14, "encoders.DiagonalGATConv.forward", "out / len(self.weight)", "out"),
    (14, "encoders.DiagonalGATConv.forward", f"weight * {HEARD}", HEARD),
    (14, "encoders.WeightedSum.backward", "alpha[reverse]", "alpha"),
    (14, "encoders.WeightedSum.backward", "(d_alpha, d_x, None, None, None)", "(-d_alpha, d_x, None, None, None)"),
    (14, "encoders.Neighbours.__init__", BOTH_WAYS, "edge_index"),
    (14, "encoders.Neighbours.__init__", f"add_self_loops({BOTH_WAYS}, num_nodes=n)[0]", BOTH_WAYS),
    (14, "encoders.StructureEncoder._through", "elu(first(x, neighbours))", "first(x, neighbours)"),
    (15, "encoders.LinearEncoder.forward", "self.bias", "-self.bias"),
    (15, "encoders.LinearEncoder.forward", "self.weight", "self.weight.abs()"),
    (15, "encoders.LinearEncoder.forward", "e.clamp(max=1) if self.binary else e", "e.clamp(max=1)"),
    (16, "metrics.hits", "n - better", "n + 1 - better"),
    (16, "metrics.hits", "(n - better).clamp(min=0).minimum(equal) / equal", "(n - better).clamp(min=0).clamp(max=1) / 1"),
    (16, "metrics.count_better_and_tied", "similarity > own + TIE", "similarity > own - TIE"),
    (16, "metrics.count_better_and_tied", "similarity >= own - TIE", "similarity >= own - 0.3"),
    (17, "metrics.mrr", "harmonic[better]", "harmonic[better - 1]"),
    (17, "metrics.mrr", "(harmonic[better + equal] - harmonic[better]) / equal", "harmonic[better + equal] - harmonic[better]"),
    (17, "metrics.mrr", RECIPROCAL.format(1), RECIPROCAL.format(0)),
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


def look_up(owner, name):
    """An attribute, or what a dictionary of policies has under that name."""
    return owner[name] if isinstance(owner, dict) else getattr(owner, name)


def resolve(path):
    """(owner, name, object) of a function, method or policy of the package, such as ``model.PMF.losses``.

    A function is replaced where it is looked up, so an imported one is named by the module that imports it.
    """
    module, *owners, name = path.split(".")
    owner = functools.reduce(look_up, owners, importlib.import_module(f"pmf_minimal.{module}"))
    return owner, name, look_up(owner, name)


def shape(node):
    """An expression's tree as text, whether it is read or assigned to."""
    return ast.dump(node).replace("Store()", "Load()")


def assigned(node):
    """The expression as what stands left of an assignment."""
    node.ctx = ast.Store()
    for part in getattr(node, "elts", []):
        assigned(part)
    return node


class Replace(ast.NodeTransformer):
    """Puts one expression in the place of another, and counts how often."""

    def __init__(self, old, new):
        self.old, self.new, self.count = shape(ast.parse(old, mode="eval").body), new, 0

    def visit(self, node):
        if isinstance(node, ast.expr) and shape(node) == self.old:
            self.count += 1
            new = ast.parse(self.new, mode="eval").body
            return assigned(new) if isinstance(getattr(node, "ctx", None), ast.Store) else new
        return self.generic_visit(node)


def mutant(path, old, new):
    """A patch that puts the mutated function in its place."""
    owner, name, function = resolve(path)
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    replace = Replace(old, new)
    replace.visit(tree)
    assert replace.count == 1, f"{path} holds {old!r} {replace.count} times: bring this mutant up to date"
    tree.body[0].name = "changed"  # a method may call a function of its own name
    if inspect.isclass(owner):  # super() and __class__ need the class around them
        made = ast.parse("def make(__class__):\n    return changed").body[0]
        made.body[:0] = tree.body
        tree.body = [made]
    flags = __future__.annotations.compiler_flag  # the modules defer their annotations, so this has to
    found = {}
    exec(
        compile(ast.fix_missing_locations(tree), f"<mutant of {path}>", "exec", flags),
        vars(inspect.getmodule(function)),
        found,
    )
    made = found["make"](owner) if inspect.isclass(owner) else found["changed"]
    return patch.dict(owner, {name: made}) if isinstance(owner, dict) else patch.object(owner, name, made)


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
