"""How hypothesis searches here: the same examples in every run, and no time limit of its own on a busy machine."""

from hypothesis import HealthCheck, Phase, settings

every_run = dict(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("equations", max_examples=40, **every_run)
# For code that is known to be wrong, any counterexample will do; the smallest takes long to find.
settings.register_profile("mutants", max_examples=40, phases=[Phase.explicit, Phase.generate], **every_run)
settings.load_profile("equations")
