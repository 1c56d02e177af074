"""A trial as Ray Tune knows it."""

from ray import tune

from raytemplate.engines.ray.trials.trial_calls import TrialCalls


class TrialTrainable(TrialCalls, tune.Trainable):
    """What Tune runs. In a Ray of our own a `TrialActor` runs in its place."""
