"""What follows from `data.task`: defaults in other namespaces, and problems with fields that do not fit it."""

from typing import Any

from raytemplate import plugins
from raytemplate.data.conditions import condition_problem, is_condition
from raytemplate.data.options import DataSpec
from raytemplate.evaluation.metrics.metric import Metric, metrics_for
from raytemplate.evaluation.options import BaselineSpec, EvaluationSpec
from raytemplate.governance.options import GovernanceSpec
from raytemplate.models.options import Family, TrainingSpec
from raytemplate.spec.locate import Locations
from raytemplate.spec.wording import either

_LOSSES = {
    "regression": ("mse", "mae", "huber", "quantile"),
    "binary": ("log-loss",),
    "multiclass": ("log-loss",),
}


def task_of(parts: dict[str, Any]) -> str:
    """What the template predicts; "regression" if `data` cannot be read."""
    data: DataSpec | None = parts["data"]
    return data.task if data else "regression"


def fill_defaults(parts: dict[str, Any], family: Family | None) -> None:
    """Fills in unset fields with the defaults of the task (loss, deciding metric, baseline) and of the family (learning
    rate)."""
    task = task_of(parts)
    training: TrainingSpec | None = parts["training"]
    evaluation: EvaluationSpec | None = parts["evaluation"]
    if training:
        own: dict[str, Any] = {"lr": family.lr} if family else {}
        own |= {"loss": "log-loss"} if task != "regression" else {}
        unset = {name: value for name, value in own.items() if name not in training.model_fields_set}
        parts["training"] = training.model_copy(update=unset)
    if evaluation is None:
        return
    defaults: dict[str, Any] = {}
    if training and training.loss == "quantile":
        defaults = {"metric": "pinball", "baseline": BaselineSpec(quantile_by=())}
    if task != "regression":
        defaults = {"metric": "log-loss", "baseline": BaselineSpec(mean_by=())}
    unset = {name: value for name, value in defaults.items() if name not in evaluation.model_fields_set}
    parts["evaluation"] = evaluation.model_copy(update=unset)


def check_task(locations: Locations, parts: dict[str, Any], family: Family | None) -> None:
    """Notes a family, target, loss, metric or baseline that does not fit the task."""
    task, data = task_of(parts), parts["data"]
    if data:
        _check_target(locations, data)
    if family and locations.clean("data.task") and task not in family.tasks:
        locations.note("model.kind", f"{family.name} predicts {either(family.tasks)}, and data.task is {task}")
    if parts["training"] and locations.clean("data.task"):
        _check_loss(locations, parts["training"], task)
    if parts["evaluation"] and locations.clean("data.task"):
        training: TrainingSpec | None = parts["training"]
        # If training cannot be read, "quantile" avoids follow-up problems about metrics of quantiles.
        _check_metrics(locations, parts["evaluation"], task, training.loss if training else "quantile")
        _check_baseline(locations, parts["evaluation"], task, training.loss if training else "quantile")
    governance: GovernanceSpec | None = parts["governance"]
    if governance and task == "regression" and "calibration" in governance.gates and locations.clean("data.task"):
        locations.note("governance.gates.calibration", "is for classes, and data.task is regression; remove it")


def _check_target(locations: Locations, data: DataSpec) -> None:
    if data.positive and (data.task != "binary" or is_condition(data.target)):
        reason = "a condition is yes when it is true" if data.task == "binary" else f"data.task is {data.task}"
        locations.note("data.positive", f"says which value of a column is yes, but {reason}; remove it")
    if not is_condition(data.target):
        return
    if data.task != "binary":
        locations.note("data.target", f'got "{data.target}", a condition; that needs data.task: binary')
        return
    if problem := condition_problem(data.target, data.csv.missing):
        locations.note("data.target", problem)


def _check_loss(locations: Locations, training: TrainingSpec, task: str) -> None:
    fitting = _LOSSES[task]
    if training.loss not in fitting:
        locations.note("training.loss", f'got "{training.loss}", expected {either(fitting)}: data.task is {task}')
    elif training.loss == "quantile" and training.quantile is None:
        locations.note("training.quantile", "missing; loss quantile needs it, such as 0.9", missing=True)
    elif training.loss != "quantile" and training.quantile is not None:
        locations.note("training.quantile", f"goes with loss: quantile, but the loss is {training.loss}; remove it")
    if training.class_weights != "none" and task == "regression":
        locations.note("training.class_weights", "is for classes, and data.task is regression; remove it")


def _check_metrics(locations: Locations, evaluation: EvaluationSpec, task: str, loss: str) -> None:
    named = [("evaluation.metric", None, evaluation.metric)]
    named += [("evaluation.also", item, name) for item, name in enumerate(evaluation.also)]
    for path, item, name in named:
        if not plugins.is_known(plugins.METRICS, name):
            continue
        try:
            metric: Metric = plugins.load(plugins.METRICS, name)
        except plugins.PluginError as error:
            locations.note(path, str(error), item=item)
            continue
        if metric.tasks and task not in metric.tasks:
            fitting = ", ".join(metrics_for(task))
            message = f'"{name}" is a metric of {either(sorted(metric.tasks))}; for {task} there is {fitting}'
            locations.note(path, message, item=item)
        elif metric.needs_quantile and loss != "quantile":
            locations.note(path, f'"{name}" is a metric of a quantile; it needs training.loss: quantile', item=item)
        if item is None and metric.cannot_decide:
            locations.note(path, f'got "{name}", {metric.cannot_decide}')


def _check_baseline(locations: Locations, evaluation: EvaluationSpec, task: str, loss: str) -> None:
    if evaluation.baseline.quantile_by is not None and loss != "quantile":
        locations.note("evaluation.baseline.quantile_by", "goes with training.loss: quantile, which says the quantile")
    if task != "regression" and evaluation.baseline.median_by is not None:
        word = "rate" if task == "binary" else "share of each class"
        message = f"classes have no median; use mean_by, which is the {word}"
        locations.note("evaluation.baseline.median_by", message)
