"""What other libraries call the fields and model families of a template."""

from collections.abc import Mapping

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "data.source": ("path", "file", "files", "dataset", "uri", "table"),
    "data.target": ("label", "labels", "target_column", "label_column", "y", "output_features"),
    "data.time": ("timestamp", "date", "date_column", "time_column", "datetime_column", "event_time"),
    "data.keys": ("id", "ids", "id_column", "primary_key", "index"),
    "data.drop": ("ignore_columns", "exclude", "drop_columns"),
    "data.windows": ("train_window", "lookback", "history"),
    "data.split": ("test_size", "val_size", "validation_split", "train_test_split", "holdout"),
    "data.rows": ("sample", "sample_size", "limit", "max_rows"),
    "features.numeric": ("numerical", "numbers", "continuous", "numeric_features"),
    "features.categorical": ("categories", "cat_features", "categorical_features", "category"),
    "features.datetime": ("dates", "times", "date_features"),
    "model.kind": ("type", "name", "family", "estimator", "class", "model_type"),
    "model.hidden": ("hidden_size", "hidden_units", "width", "units", "hidden_dim"),
    "model.layers": ("num_layers", "n_layers", "depth", "hidden_layers"),
    "model.num_trees": ("n_estimators", "num_boost_round", "num_iterations", "iterations", "trees"),
    "model.num_leaves": ("max_leaves", "leaves"),
    "model.max_depth": ("tree_depth",),
    "training.lr": ("learning_rate", "learningrate", "eta", "step_size", "learning_rate_init"),
    "training.lr_schedule": ("lr_scheduler", "learning_rate_schedule", "decay"),
    "training.epochs": ("num_epochs", "n_epochs", "max_epochs", "num_train_epochs", "max_iter"),
    "training.batch_size": ("batch", "minibatch_size", "per_device_train_batch_size", "train_batch_size"),
    "training.weight_decay": ("l2", "l2_reg", "reg_lambda", "alpha", "regularization"),
    "training.early_stopping": ("patience", "early_stop", "early_stopping_rounds", "early_stopping_patience"),
    "training.clip_norm": ("max_grad_norm", "gradient_clip_val", "grad_clip", "clip"),
    "training.precision": ("mixed_precision", "fp16", "bf16", "amp", "dtype"),
    "training.seed": ("random_state", "random_seed", "seed_everything"),
    "training.loss": ("criterion", "loss_fn", "loss_function"),
    "training.class_weights": ("class_weight", "scale_pos_weight"),
    "tuning.space": ("search_space", "param_space", "params", "parameters", "hyperparameters", "grid"),
    "tuning.search": ("sampler", "search_alg", "algorithm", "strategy"),
    "tuning.scheduler": ("pruner", "pruning"),
    "tuning.slots": ("max_concurrent_trials", "n_jobs", "max_concurrent", "parallelism", "concurrency"),
    "budget.trials": ("num_trials", "n_trials", "num_samples", "max_trials"),
    "budget.time": ("timeout", "max_time", "time_limit", "time_budget_s", "max_runtime", "duration"),
    "budget.cost": ("max_cost", "usd", "money", "dollars", "price"),
    "resources.workers": ("num_workers", "n_workers", "world_size", "replicas"),
    "resources.per_worker.cpus": ("num_cpus", "cpu", "cpus", "cpus_per_worker"),
    "resources.per_worker.gpus": ("num_gpus", "gpu", "gpus", "use_gpu", "gpus_per_worker", "devices"),
    "resources.per_worker.accelerator": ("accelerator_type", "gpu_type"),
    "evaluation.metric": ("metrics", "score", "scoring", "objective"),
    "evaluation.slices": ("segments", "groups", "slice_by"),
    "governance.gates": ("checks", "thresholds", "policies", "rules"),
    "governance.promotion": ("approval", "auto_promote", "deploy"),
    "tracking.uri": ("mlflow_uri", "tracking_uri", "mlflow"),
    "tracking.experiment": ("experiment_name",),
    "tracking.openlineage": ("open_lineage", "openlineage_url"),
    "code.modules": ("imports", "module", "source_code"),
}  # fmt: skip
"""Dotted path of a field -> names that people look for it under."""


def meanings(name: str) -> tuple[str, ...]:
    """The fields that a name of another library may mean, as dotted paths."""
    word = name.lower().replace("-", "_")
    return tuple(path for path, words in SYNONYMS.items() if word in words)


FAMILIES: Mapping[str, tuple[str, ...]] = {
    "lightgbm": ("gbm", "gbdt", "gbrt", "trees", "decision_tree", "random_forest", "gradient_boosting", "catboost"),
    "lightning": ("pl", "pytorch_lightning", "lightning_module"),
    "linear": (
        "ols", "glm", "ridge", "lasso", "elastic_net", "logistic", "logistic_regression", "linear_regression",
        "sklearn",
    ),
    "tabular-mlp": ("mlp", "nn", "ann", "dnn", "tabular", "tabnet", "neural_network", "feed_forward"),
    "torch": ("pytorch", "custom", "keras", "tensorflow", "transformers", "huggingface", "rnn", "lstm", "cnn"),
    "xgboost": ("xgb", "dart"),
}  # fmt: skip
"""Model family -> names that people look for it, or for what is nearest to it, under."""


def nearest_family(name: str) -> str | None:
    """The family that a name of another library means or comes nearest to."""
    word = name.lower().replace("-", "_")
    return next((family for family, words in FAMILIES.items() if word in words), None)
