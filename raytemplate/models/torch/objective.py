"""What training minimises: one number from a network's output and the target."""

from dataclasses import dataclass

import torch
from torch import nn

from raytemplate.models.context import Layout
from raytemplate.models.options import TrainingSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class Objective:
    """The loss of a batch, summed over its rows."""

    criterion: nn.Module
    """(output, target) -> sum of losses; for numbers both are in standard deviations of the target."""

    mean: float
    """Mean of the target, which is subtracted; 0 for classes."""

    std: float
    """Standard deviation of the target, by which it is divided; 1 for classes."""

    unit: float
    """Factor that converts the mean loss to the target's own unit; 1 if the loss is not in a multiple of that unit."""

    def loss(self, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """output float32 as a network gives it, target float32 [rows] as a batch holds it -> sum of losses, []."""
        return self.criterion(output, (target - self.mean) / self.std)


def objective(training: TrainingSpec, layout: Layout) -> Objective:
    """The objective that a template asks for."""
    if layout.task != "regression":
        weights = _class_weights(layout) if training.class_weights == "balanced" else None
        return Objective(criterion=LogLoss(layout.num_outputs, weights), mean=0.0, std=1.0, unit=1.0)
    return Objective(
        criterion=_criterion(training),
        mean=layout.target_mean,
        std=layout.target_std,
        unit=layout.target_std if training.loss in ("mae", "quantile") else 1.0,
    )


def _class_weights(layout: Layout) -> torch.Tensor:
    """float32 [classes], inversely proportional to the frequency of each class; their mean over all rows is 1."""
    counts = torch.tensor(layout.class_counts, dtype=torch.float64)
    return (counts.sum() / (len(counts) * counts.clamp(min=1))).float()


class LogLoss(nn.Module):
    """The sum of the negative log probabilities of the rows' classes, each times the weight of the class.

    Args:
        num_outputs: 1 for two classes, the logit of the second; else a logit for each class.
        weights: float32 [classes]; None for 1 each.
    """

    weights: torch.Tensor | None

    def __init__(self, num_outputs: int, weights: torch.Tensor | None) -> None:
        super().__init__()
        self.num_outputs = num_outputs
        self.register_buffer("weights", weights)

    def forward(self, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """output: float32 [rows] or [rows, classes]; target: index of the class [rows] -> sum of losses, []."""
        if self.num_outputs == 1:
            losses = nn.functional.binary_cross_entropy_with_logits(output, target, reduction="none")
        else:
            losses = nn.functional.cross_entropy(output, target.long(), reduction="none")
        return losses.sum() if self.weights is None else (losses * self.weights[target.long()]).sum()


class QuantileLoss(nn.Module):
    """The sum of quantile * e for targets that are e above the prediction, and (1 - quantile) * e for those below.

    Koenker and Bassett 1978, "Regression Quantiles", Econometrica 46(1).
    """

    def __init__(self, quantile: float) -> None:
        super().__init__()
        self.quantile = quantile

    def forward(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """prediction and target: float32 [rows] -> sum of losses, []."""
        above = target - prediction
        return torch.maximum(self.quantile * above, (self.quantile - 1) * above).sum()


def _criterion(training: TrainingSpec) -> nn.Module:
    if training.loss == "quantile":
        assert training.quantile is not None
        return QuantileLoss(training.quantile)
    return {"mae": nn.L1Loss, "mse": nn.MSELoss, "huber": nn.HuberLoss}[training.loss](reduction="sum")
