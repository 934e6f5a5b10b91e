"""`chainrule bench`: how long a compiled training step takes, and what bounds it."""

from argparse import Namespace
from pathlib import Path

import chainrule as cr
from chainrule.cli import compiling
from chainrule.cli.commands import untrained
from chainrule.cli.console import Console
from chainrule.cli.environment import Environment


def bench(options: Namespace, console: Console, environment: Environment) -> int:
    """`chainrule bench`: nothing is kept of the steps that are timed."""
    settings = compiling.kernels(options, environment)
    if (Path(options.dataset) / "config.json").is_file():
        run = cr.load_run(options.dataset)
        run.settings = run.settings.changed(settings)
        run.data, _ = run.reopen(cache=environment.cache, progress=console.download)
    else:
        run = untrained(options, console, environment, **settings)
    profile = run.profile(options.steps)
    batch = run.settings.batch_size
    document = profile.to_dict() | {"batch_size": batch}
    if not options.profile:
        del document["groups"]
    speed = batch / profile.seconds
    text = f"{profile.seconds * 1e6:.1f} us a step of {batch}, {speed:,.0f} samples/s on one core"
    console.answer(document, f"{text}\n{profile}" if options.profile else text)
    return 0
