"""The commands: each calls the public API and shows what came of it."""

import dataclasses
import shlex
import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import Any

import chainrule as cr
from chainrule.cli import compiling, pager
from chainrule.cli.console import Console, table
from chainrule.cli.environment import Environment
from chainrule.errors import DataError

INTERRUPTED = 130
UNSURE = 0.6
"""A prediction whose probability is below this comes with a warning."""

_MANY = 4
"""From this number of pictures on, each takes one line and no bars."""

_LAST_EPOCHS = 10


def train(options: Namespace, console: Console, environment: Environment) -> int:
    """`chainrule train`."""
    optimizer = _optimizer(options)
    if options.loss is not None:
        cr.nn.losses.by_name(options.loss)
    if options.augment is not None:
        cr.data.as_augmentation(options.augment)
    if options.out is not None:
        cr.train.check_free(options.out)
    source = _source(options)
    data, test = source.open(
        flatten=not cr.models.takes_pictures(options.model),
        cache=environment.cache,
        progress=console.download,
    )
    model = _model(options, data)
    console.note(
        f"{data.name}: {len(data):,} samples to train on, {len(test):,} to test on; "
        f"{options.model} with {model.parameter_count:,} parameters"
    )
    patience = options.patience
    run = cr.fit(
        model,
        data,
        loss=options.loss,
        optimizer=optimizer,
        validation=test,
        callbacks=[] if patience is None else [cr.train.EarlyStopping(patience=patience)],
        out=options.out,
        show=not options.quiet,
        source=source,
        **_settings(options),
        **compiling.settings(options, environment),
        **_given(
            epochs=options.epochs,
            schedule=options.schedule,
            checkpoint_seconds=options.checkpoint_seconds,
        ),
    )
    return _finish(run, test, console)


def find_lr(options: Namespace, console: Console, environment: Environment) -> int:
    """`chainrule find-lr`."""
    optimizer = _optimizer(options)
    source = _source(options)
    data, _ = source.open(
        flatten=not cr.models.takes_pictures(options.model),
        cache=environment.cache,
        progress=console.download,
    )
    found = cr.train.find_lr(
        _model(options, data),
        data,
        loss=options.loss,
        optimizer=optimizer,
        rates=(options.low, options.high),
        steps=options.steps,
        **_settings(options),
    )
    if options.plot is not None:
        found.plot(options.plot)
        console.note(f"drawn in {shlex.quote(options.plot)}")
    document = {
        "suggestion": found.suggestion,
        "lowest": found.lowest,
        "rates": found.rates.tolist(),
        "losses": found.losses.tolist(),
        "smoothed": found.smoothed.tolist(),
    }
    text = (
        f"the loss falls fastest at the learning rate {found.suggestion:.2g}, and is lowest at "
        f"{found.lowest:.2g}, which is already too large; try --lr {found.suggestion:.1g}"
    )
    console.answer(document, text)
    return 0


def untrained(
    options: Namespace, console: Console, environment: Environment, **settings: Any
) -> "cr.Run":
    """A run as it was asked for, that has its data and has taken no step."""
    optimizer = _optimizer(options)
    source = _source(options)
    data, _ = source.open(cache=environment.cache, progress=console.download)
    return cr.fit(
        _model(options, data),
        data,
        loss=options.loss,
        optimizer=optimizer,
        epochs=0,
        show=False,
        source=source,
        **_settings(options),
        **settings,
    )


def _optimizer(options: Namespace) -> "cr.optim.Optimizer":
    given = _given(lr=options.lr, weight_decay=options.weight_decay)
    optimizer = cr.optim.by_name(options.optimizer, **given)
    if options.group:
        optimizer = cr.optim.Groups(optimizer, dict(options.group))
    for name in options.wrap or ():
        optimizer = cr.optim.wrap(optimizer, name)
    return optimizer


def _source(options: Namespace) -> "cr.train.Source":
    return cr.train.Source(
        options.dataset,
        options.test,
        options.hold_out,
        options.seed,
        options.label,
        options.target,
    )


def _model(options: Namespace, data: "cr.data.Dataset") -> "cr.nn.Module":
    """The model that was asked for, with the inputs and outputs that the data needs."""
    return cr.models.fitting(
        options.model,
        data,
        **_given(
            hidden=options.hidden,
            activation=options.activation,
            init=options.init,
            norm=options.norm,
            dropout=options.dropout,
        ),
    )


def _settings(options: Namespace) -> dict[str, Any]:
    """The settings of each step."""
    return {
        "seed": options.seed,
        **_given(
            batch_size=options.batch_size,
            clip_norm=options.clip_norm,
            clip_value=options.clip_value,
            l1=options.l1,
            l2=options.l2,
            max_norm=options.max_norm,
            mixup=options.mixup,
            augment=options.augment,
        ),
    }


def _given(**options: Any) -> dict[str, Any]:
    """The options that were typed; the others keep the defaults of what they are passed to."""
    return {name: value for name, value in options.items() if value is not None}


def _finish(run: "cr.Run", test: Any, console: Console) -> int:
    """Say how training ended, and how good the model is."""
    if run.interrupted:
        folder = run.folder and shlex.quote(str(run.folder))
        if folder is None:
            console.warn("interrupted, and nothing is kept; a run with --out DIR can be resumed")
        elif console.quiet:
            console.warn(f"interrupted; go on with: chainrule resume {folder}")
        return INTERRUPTED
    result = run.evaluate(test)
    if run.folder is None:
        console.note("nothing is kept; to keep a run, to resume it and to predict, add --out DIR")
    else:
        kept = shlex.quote(str(run.folder))
        pictures = run.info.image_shape is not None
        next_step = f"predict {kept} IMAGE" if pictures else f"evaluate {kept}"
        console.note(f"kept in {kept}; now try: chainrule {next_step}")
    document = {
        "folder": run.folder and str(run.folder),
        "epochs": run.epoch,
        "steps": run.step,
        "stopped": run.stopped,
        "history": run.history,
        "test": result.to_dict(),
    }
    measure = "loss" if result.accuracy is None else "accuracy"
    console.answer(document, f"test {measure} {getattr(result, measure):.4f}")
    return 0 if run.unsaved is None else 1


def resume(options: Namespace, console: Console, environment: Environment) -> int:
    """`chainrule resume`."""
    kept = cr.load_run(options.folder)
    data, test = kept.reopen(cache=environment.cache, progress=console.download)
    run = cr.resume(
        options.folder,
        data,
        validation=None if kept.validation_info is None else test,
        show=not options.quiet,
        **compiling.settings(options, environment),
        **_given(epochs=options.epochs),
    )
    return _finish(run, test, console)


def evaluate(options: Namespace, console: Console, environment: Environment) -> int:
    """`chainrule evaluate`."""
    run = cr.load_run(options.folder, which=options.which)
    where = {"cache": environment.cache, "progress": console.download}
    if options.data is None:
        _, data = run.reopen(**where)
    else:
        data = run.open(options.data, **where)
    result = run.evaluate(data)
    console.answer({"data": data.name, **result.to_dict()}, f"{data.name}: {result}")
    return 0


def certify(options: Namespace, console: Console, environment: Environment) -> int:
    """`chainrule certify`: status 1 where the modes differ."""
    run = cr.load_run(options.folder, which=options.which)
    _, data = run.reopen(cache=environment.cache, progress=console.download)
    x, y = data.batch(cr.arange(min(options.samples, len(data))))
    # As the model is used: in training its dropout draws, and its norms look at the batch.
    result = cr.certify(run.model.eval(), x, y, loss=run.loss, entries=options.entries)
    console.answer(result.to_dict(), str(result))
    return 0 if result.agrees else 1


def explain(options: Namespace, console: Console, environment: Environment) -> int:
    """`chainrule explain`: status 1 where a check fails."""
    run = cr.load_run(options.folder, which=options.which)
    _, data = run.reopen(cache=environment.cache, progress=console.download)
    report = run.explain(
        options.sample,
        data=data,
        **_given(
            step=options.step, lang=options.lang, detail=options.detail, weight=options.weight
        ),
    )
    files = [path for path in (options.html, options.latex, options.markdown) if path]
    for form in ("html", "latex", "markdown"):
        path = getattr(options, form)
        if path is not None:
            report.save(path, form)
            console.note(f"wrote {path}")
    if console.as_json:
        console.answer(report.to_dict(), "")
    elif not files:
        pager.show(report.text(colour=environment.colours_on(sys.stdout)), environment.pager)
    return 0 if report.right else 1


def predict(options: Namespace, console: Console, environment: Environment) -> int:
    """`chainrule predict`: a picture that cannot be read does not keep the others from theirs."""
    run = cr.load_run(options.folder, which=options.which)
    documents, texts, status = [], [], 0
    for path in options.images:
        try:
            shares = run.predict_proba(run.read_picture(path))[0].tolist()
        except DataError as error:
            console.error(str(error))
            documents.append({"file": path, "error": str(error)})
            status = 1
        else:
            documents.append(_prediction(path, run.info.classes, shares))
            texts.append(_shown(documents[-1], console, bars=len(options.images) < _MANY))
    if texts or console.as_json:
        console.answer(documents, "\n".join(texts))
    return status


def _prediction(path: str, classes: Sequence[str], shares: Sequence[float]) -> dict[str, Any]:
    share, best = max(zip(shares, classes, strict=True))
    return {
        "file": path,
        "prediction": best,
        "probability": share,
        "unsure": share < UNSURE,
        "probabilities": dict(zip(classes, shares, strict=True)),
    }


def _shown(prediction: dict[str, Any], console: Console, *, bars: bool) -> str:
    shares = prediction["probabilities"]
    text = f"{prediction['file']}: {console.strong(prediction['prediction'])}"
    text += f"  ({prediction['probability']:.3f})"
    if prediction["unsure"]:
        others = sorted(shares.items(), key=lambda item: -item[1])[1:3]
        listed = " or ".join(f"{name} ({share:.3f})" for name, share in others)
        text += f"  {console.caution('unsure')}: it may be {listed}"
    return f"{text}\n{console.bars(list(shares), list(shares.values()))}" if bars else text


def summary(options: Namespace, console: Console, environment: Environment) -> int:
    """`chainrule summary`."""
    run = cr.load_run(options.folder)
    model = run.model.summary(run.info.sample_shape)
    config = run.describe()
    optimizer, settings = config["optimizer"], config["settings"]
    facts = {
        "data": f"{run.info.name}, {run.info.samples:,} samples of shape {run.info.sample_shape}",
        "loss": run.loss_name,
        "optimizer": f"{optimizer['name']} ({_listed(optimizer['options'])})",
        "settings": _listed({k: v for k, v in settings.items() if k != "source"}),
        "trained": f"{run.epoch} of {run.settings.epochs} epochs, {run.step:,} steps",
    }
    if run.stopped:
        facts["stopped"] = run.stopped
    width = max(map(len, facts))
    lines = [str(model), "", *(f"{name:<{width}}  {text}" for name, text in facts.items())]
    if run.history:
        lines += ["", _history(run.history)]
    state = {"epoch": run.epoch, "batch": run.batch, "step": run.step, "stopped": run.stopped}
    parameters = {"parameters": model.parameters}
    console.answer({**config, **parameters, **state, "history": run.history}, "\n".join(lines))
    return 0


def _listed(options: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in options.items() if value is not None)


def _history(history: list[dict[str, Any]]) -> str:
    """The last epochs as a table; the run folder has them all."""
    titles = [name for name, value in history[-1].items() if value is not None]
    rows = [
        [f"{row[name]:.4g}" if isinstance(row[name], float) else row[name] for name in titles]
        for row in history[-_LAST_EPOCHS:]
    ]
    return table([name.replace("_", " ") for name in titles], rows)


def datasets(options: Namespace, console: Console, environment: Environment) -> int:
    """`chainrule datasets`."""
    described = cr.data.describe(environment.cache)
    toys = {name: text for name, (_, text) in cr.train.TOYS.items()}
    rows = [
        [
            row.name,
            row.train,
            row.test,
            "x".join(map(str, row.image_shape)),
            row.classes,
            "here"
            if row.cached or not row.download_bytes
            else f"{row.download_bytes / 1e6:.0f} MB",
            row.licence,
        ]
        for row in described
    ]
    titles = ["name", "train", "test", "shape", "classes", "download", "licence"]
    made = table(["toys, made from formulas", ""], toys.items())
    document = {"datasets": [dataclasses.asdict(row) for row in described], "toys": toys}
    console.answer(document, f"{table(titles, rows)}\n\n{made}")
    return 0


def models(options: Namespace, console: Console, environment: Environment) -> int:
    """`chainrule models`."""
    named = {
        "activations": cr.models.activations(),
        "norms": cr.models.norms(),
        "initialisers": cr.nn.init.names(),
        "losses": tuple(cr.nn.losses.LOSSES),
        "optimizers": cr.optim.names(),
        "wrappers": cr.optim.wrapper_names(),
        "schedules": cr.optim.schedules.names(),
        "augmentations": cr.data.augmentation_names(),
    }
    listing = cr.models.list()
    rows = [dataclasses.asdict(row) for row in listing]
    document = {"models": cr.models.names(), "architectures": rows, **named}
    others = table(["", ""], [[k, ", ".join(v)] for k, v in named.items()]).strip()
    console.answer(document, f"{listing}\n\n{others}")
    return 0
