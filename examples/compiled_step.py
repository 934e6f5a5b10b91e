"""Follow one training step of 784-25-25-10 from Python to machine code.

Usage: python examples/compiled_step.py [graph | groups | llvm | asm]

Without a word, prints the groups. docs/compiler.md walks through all of it.
"""

import sys

import chainrule as cr
from chainrule import models, optim


def main(part: str) -> None:
    train, _ = cr.data.mnist()
    model = models.by_name("mlp", in_features=784, classes=10, hidden=(25, 25))
    run = cr.fit(model, train, optimizer=optim.Adam(lr=1e-3), epochs=0, show=False)
    report = run.compiled()
    parts = {"graph": report.graph, "llvm": report.llvm, "asm": report.asm}
    print(parts.get(part, report))


if __name__ == "__main__":
    main(*sys.argv[1:2] or ["groups"])
