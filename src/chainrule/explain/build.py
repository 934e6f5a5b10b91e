"""From a traced step to the content of a report: the walk over the graph's nodes, in order."""

import dataclasses
import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from chainrule import rng
from chainrule.explain.builder import Builder, Origin, shown_place
from chainrule.explain.checks import against_framework, relative
from chainrule.explain.follow import weight_section
from chainrule.explain.formula import Formula
from chainrule.explain.naming import partial
from chainrule.explain.places import facts_of, window_statements
from chainrule.explain.report import Checks, Content, Message, Section, Statement, Worked
from chainrule.explain.step import Slope, Task
from chainrule.explain.wording import PRINTED
from chainrule.explain.worked import index_text
from chainrule.explain.writing import number_text
from chainrule.graph import Node


def build(task: Task, origin: Origin, weight: str | None = None) -> Content:
    """The content of a report about one step; with `weight`, also about that weight."""
    return content_of(Builder(task, origin), weight)


def content_of(builder: Builder, weight: str | None = None) -> Content:
    """The content of a report, from a builder that has made no statements yet."""
    task = builder.task
    sections = [
        data_section(builder),
        model_section(builder),
        *forward_sections(builder),
        backward_section(builder),
        *update_sections(builder),
        *buffer_sections(builder),
        after_section(builder),
    ]
    if weight is not None:
        sections.append(weight_section(builder, weight))
    framework = against_framework(task, builder.step)
    checks = _checked(sections, framework, builder.tolerance[0])
    title = Message(
        "title",
        {
            "model": type(task.model).__name__,
            "parameters": task.model.parameter_count,
            "optimizer": type(task.optimizer).__name__,
            "step": task.count,
            "samples": len(task.x),
        },
    )
    return Content(title, tuple(sections), checks, builder.digits, builder.origin.image_shape)


def data_section(builder: Builder) -> Section:
    """The inputs and the targets."""
    step, origin = builder.step, builder.origin
    found = []
    facts = {"features": math.prod(step.x.aval.shape[1:]), "samples": step.x.aval.shape[0]}
    picture = "picture" if origin.image_shape else ""
    if origin.raw is not None:
        found.append(_raw(builder, origin, origin.raw))
    else:
        found.append(builder.given(step.x, [Message("data.x", facts)], shows=picture))
    targets = np.asarray(step.values[step.y])
    names = (
        ", ".join(origin.classes[i] for i in targets.reshape(-1)[:10].tolist())
        if (origin.classes and targets.dtype.kind in "iu")
        else ""
    )
    kind = "data.class" if targets.dtype.kind in "iu" else "data.target"
    found.append(builder.given(step.y, [Message(kind, {"names": names, **facts})], level="brief"))
    return Section("data", Message("section.data"), tuple(found))


def model_section(builder: Builder) -> Section:
    """The parameters and buffers before the step, and what the optimizer is set to."""
    step = builder.step
    found = [
        builder.given(
            node,
            [Message("model.leaf", {"path": path})],
            where=path,
            level="normal" if node.aval.size <= PRINTED else "full",
        )
        for path, node in step.leaves.items()
        if node in builder.names
    ]
    words = {step.lr: "model.lr", step.count: "model.count"}
    found += [builder.given(node, [Message(key)]) for node, key in words.items()]
    return Section("model", Message("section.model"), tuple(found))


def _raw(builder: Builder, origin: Origin, raw: np.ndarray) -> Statement:
    """The inputs as the data set's numbers scaled, with the largest worked out."""
    node, digits = builder.step.x, builder.digits
    x = np.asarray(builder.step.values[node])
    scale, shift = (
        np.broadcast_to(np.asarray(part, np.float64), raw.shape).reshape(x.shape)
        for part in (origin.scale, origin.shift)
    )
    place = int(np.abs(x).argmax())
    number, factor, offset = (part.reshape(-1)[place] for part in (raw, scale, shift))
    expression = rf"{number_text(number, digits)} \cdot {number_text(factor, digits)}"
    formula = r"\text{raw} \cdot \text{scale}"
    if shift.any():
        text = number_text(offset, digits)
        expression += f" + ({text})" if text.startswith("-") else f" + {text}"
        formula += r" + \text{shift}"
    picture = origin.image_shape or raw.shape[1:]
    facts = {"shape": "×".join(map(str, picture)), "size": x[0].size}
    key = builder.keys[node] = builder.key_for(builder.names[node])
    builder.nodes[key] = node
    shown = shown_place(x, place) if builder.writer.turned(node) else place
    value = builder.writer.shown(node)
    return Statement(
        key,
        builder.names[node],
        formula,
        "",
        value,
        worked=Worked(
            index_text(value.shape, shown), expression, number_text(x.reshape(-1)[place], digits)
        ),
        words=(Message("data.raw", facts),),
        residual=relative(raw.reshape(x.shape) * scale + shift, x.astype(np.float64)),
        tolerance=builder.tolerance,
        shows="picture" if origin.image_shape else "",
    )


def forward_sections(builder: Builder) -> list[Section]:
    """The forward pass to the output, and from there to the loss."""
    step = builder.step
    sections: dict[str, list[Statement]] = {"forward": [], "loss": []}
    beyond = step.output.op is None
    for node in builder.naming.forward:
        key = "loss" if beyond else "forward"
        scope = " ".join(filter(None, (node.place.scope, node.place.module)))
        for symbol, part in step.expansions.get(node, {}).items():
            if symbol and part not in builder.keys:
                sections[key] += builder.statements(
                    part,
                    [builder.about(part, f"step.{Formula.of(symbol).text}")],
                    shows="bars" if symbol == "p" else "",
                )
        role = "loss" if node is step.loss else "forward"
        sections[key] += window_statements(builder, node)
        words = builder.about(node, role, **facts_of(builder, node))
        sections[key] += builder.statements(node, [words], where=scope, level="brief")
        beyond = beyond or node is builder.layout.source(step.output, builder.names)
    return [
        Section(key, Message(f"section.{key}"), tuple(found), (Message(f"intro.{key}"),))
        for key, found in sections.items()
        if found
    ]


def backward_section(builder: Builder) -> Section:
    """The derivatives, from the loss back to the first layer."""
    found: list[Statement] = []
    for number, slope in enumerate(_in_order(builder)):
        if slope.of in builder.names and slope.of is not builder.step.loss:
            found += _slope_statements(builder, slope, number)
    intro = (Message("intro.backward"),)
    return Section("backward", Message("section.backward"), tuple(found), intro)


def _in_order(builder: Builder) -> list[Slope]:
    """The derivatives in order, those by parameters at once after what they are made from."""
    slopes = builder.step.slopes
    places = {slope.of: i for i, slope in enumerate(slopes)}
    owner = builder.step.owner()

    def rank(slope: Slope) -> tuple[int, bool]:
        own = places[slope.of]
        if slope.of not in owner or not slope.paths:
            return own, False
        users = (_settled(builder, slope, path.user)[1] for path in slope.paths)
        return max(places.get(user, own) for user in users), True

    return sorted(slopes, key=rank)


def _settled(builder: Builder, slope: Slope, user: Node) -> tuple[Slope, Node]:
    """A use of a value behind what only moves its numbers, and what is used there."""
    while builder.layout.move(user) is not None and user not in builder.names:
        after = next((node for node in builder.step.forward if user in node.args), None)
        if after is None:
            break
        slope, user = slope._replace(of=user), after
    return slope, user


def _slope_statements(builder: Builder, slope: Slope, number: int) -> list[Statement]:
    found: list[Statement] = []
    paths = slope.paths if len(slope.paths) > 1 else ()
    for path in paths:
        if path.term in builder.names and path.term not in builder.keys:
            found += builder.statements(path.term, [_slope_words(builder, slope, path.user)])
    key = rng.fold_in(rng.key(0), number)
    numeric = builder.numeric(slope.of, slope.total, key)
    users = [path.user for path in slope.paths]
    words = (
        Message("slope.paths", {"count": len(paths)})
        if paths
        else _slope_words(builder, slope, users[0] if users else slope.of)
    )
    symbol = partial(builder.names[slope.of])
    owner = builder.step.owner()
    return found + builder.statements(
        slope.total,
        [words],
        symbol=symbol,
        numeric=numeric,
        where=owner.get(slope.of, ""),
        level="brief",
    )


def _slope_words(builder: Builder, slope: Slope, user: Node) -> Message:
    """What the chain rule does here: named after the op that used the value, and how it did."""
    slope, user = _settled(builder, slope, user)
    position = next((i for i, arg in enumerate(user.args) if arg is slope.of), 0)
    roles = builder.naming.roles
    whole = roles.whole(user)
    name = roles.of.get(user) or roles.of.get(whole) or getattr(user.op, "name", "any")
    through = builder.names.get(whole, "")
    batch = ".batch" if builder.step.x.aval.shape[0] > 1 else ""
    return Message(
        f"slope.{name}.{position}{batch}",
        {
            "op": name,
            "samples": builder.step.x.aval.shape[0],
            "zeros": int(np.count_nonzero(np.asarray(builder.step.values[slope.total]) == 0)),
            "size": slope.total.aval.size,
            "through": Formula.of(through).text if through else name,
        },
    )


def update_sections(builder: Builder) -> list[Section]:
    """The optimizer's update of each parameter; the first is shown in full."""
    step, task = builder.step, builder.task
    sections = []
    for number, (path, moved) in enumerate(step.moved.items()):
        level = "normal" if number == 0 else "full"
        gradient = np.abs(np.asarray(step.values[step.gradients[path]]))
        # One entry is followed through the whole update: that with the largest derivative.
        shown: dict[str, Any] = {"level": level, "place": int(gradient.argmax())}
        found = [
            builder.given(held, [Message("update.memory", {"name": name})], level="full")
            for name, held in step.memory[path].items()
            if held in builder.names and held not in builder.keys
        ]
        for held in step.memory_after[path].values():
            if held in builder.names and held not in builder.keys:
                found += builder.statements(held, [], **shown)
        kind = type(task.parts[path]).__name__
        found += builder.statements(
            moved, [Message(f"update.{kind}", {"optimizer": kind})], where=path, **shown
        )
        found[-1] = dataclasses.replace(found[-1], level="brief")
        found += _asides(builder, path, shown)
        title = Message("section.update", {"path": path, "step": task.count})
        sections.append(Section(f"update.{path}", title, tuple(found)))
    return sections


def _asides(builder: Builder, path: str, shown: dict[str, Any]) -> list[Statement]:
    """The textbook's form of the update, and that it comes to the same."""
    step = builder.step
    steps = step.asides[path]
    found: list[Statement] = []
    for symbol, node in steps.items():
        if symbol and node in builder.names and node not in builder.keys:
            found += builder.statements(node, [Message("update.corrected")], **shown)
    if "" not in steps:
        return found
    start, end = (np.asarray(step.values[n]) for n in (step.leaves[path], step.moved[path]))
    leaf = builder.naming.leaf_symbols[path]
    found += builder.statements(
        steps[""], [Message("update.textbook")], symbol=rf"{leaf} - {{{leaf}}}'", **shown
    )
    residual = relative(np.asarray(step.values[steps[""]]), start - end, float(np.abs(start).max()))
    found[-1] = dataclasses.replace(found[-1], residual=max(residual, found[-1].residual or 0.0))
    return found


def buffer_sections(builder: Builder) -> list[Section]:
    """What the forward pass left in buffers, such as running statistics."""
    found: list[Statement] = []
    for path, node in builder.step.buffers.items():
        if node in builder.names and node not in builder.keys:
            key = f"buffer.{path.rpartition('.')[2]}"
            found += builder.statements(node, [Message(key, {"path": path})], where=path)
    if not found:
        return []
    intro = (Message("intro.buffers"),)
    return [Section("buffers", Message("section.buffers"), tuple(found), intro)]


def after_section(builder: Builder) -> Section:
    """The loss on the same samples after the update, and how much of its fall was foreseen."""
    step = builder.step
    before, after, predicted = (
        float(np.asarray(step.values[node])) for node in (step.loss, step.after, step.predicted)
    )
    fall = before - after
    share = -predicted / fall if fall else math.nan
    found = []
    for node in step.again.values():
        steps = step.expansions.get(node, {})
        for part in [p for symbol, p in steps.items() if symbol] + [node]:
            if part in builder.names and part not in builder.keys and part is not step.after:
                found += builder.statements(part, [], level="full")
    found += builder.statements(step.after, [Message("after.loss")], level="brief")
    sums = [
        rf"\sum {partial(builder.naming.leaf_symbols[path])} \odot "
        rf"({{{builder.naming.leaf_symbols[path]}}}' - {builder.naming.leaf_symbols[path]})"
        for path in step.moved
    ]
    if len(sums) > 2:
        each = partial(r"\theta")
        sums = [rf"\sum_{{\theta}} \sum {each} \odot (\theta' - \theta)"]
    facts = {
        "before": number_text(before, builder.digits),
        "after": number_text(after, builder.digits),
        "fall": number_text(fall, builder.digits),
        "predicted": number_text(-predicted, builder.digits),
        "share": f"{100 * share:.4g}",
    }
    key = "after.predicted" if math.isfinite(share) else "after.still"
    if step.predicted.op is not None:
        found += builder.statements(
            step.predicted,
            [Message(key, facts)],
            symbol=r"\Delta L",
            formula=" + ".join(sums),
            level="brief",
        )
    return Section("after", Message("section.after"), tuple(found))


def _checked(sections: Iterable[Section], framework: dict[str, float], tolerance: float) -> Checks:
    statements = [s for section in sections for s in section.statements]
    recomputed = [s.residual for s in statements if s.residual is not None]
    numeric = [s.numeric for s in statements if s.numeric is not None]
    failures = [Formula.of(s.symbol).text for s in statements if not s.right]
    failures += [name for name, residual in framework.items() if not residual <= tolerance]
    return Checks(
        statements=len(recomputed),
        recomputed=max(recomputed, default=0.0),
        derivatives=len(numeric),
        numeric=max(numeric, default=0.0),
        framework=max(framework.values(), default=0.0),
        failures=tuple(failures),
    )
