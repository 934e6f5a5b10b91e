"""Sine, cosine and tangent of angles of any size.

The vector functions are right up to `LARGEST`. A vector that goes beyond it takes these lanes from
the C library, one by one, behind a branch that is hardly ever taken.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from chainrule.compiler import vector_trigonometry
from chainrule.compiler.vector_lanes import VectorLanes
from chainrule.compiler.vector_trigonometry import LARGEST


def _of_any_size(quick: Callable, name: str) -> Callable:
    def function(b: ir.IRBuilder, x: ir.Value, *, fused: bool = True) -> ir.Value:
        v = VectorLanes(b, x, fused=fused)
        near = quick(b, x, fused=fused)
        far = anywhere = b.fcmp_ordered(">", v.absolute(x), v.constant(LARGEST[v.name]))
        if isinstance(x.type, ir.VectorType):
            bits = ir.IntType(x.type.count)
            anywhere = b.icmp_unsigned("!=", b.bitcast(far, bits), bits(0))
        before = b.block
        with b.if_then(anywhere, likely=False):
            exact = b.select(far, _by_library(b, x, name), near)
            after = b.block
        joined = b.phi(x.type)
        joined.add_incoming(near, before)
        joined.add_incoming(exact, after)
        return joined

    return function


def _by_library(b: ir.IRBuilder, x: ir.Value, name: str) -> ir.Value:
    """What C's function gives for each lane."""
    if not isinstance(x.type, ir.VectorType):
        return b.call(_declared(b.module, name, x.type), [x])
    called: Any = _declared(b.module, name, x.type.element)
    result = ir.Constant(x.type, ir.Undefined)
    for lane in map(ir.IntType(32), range(x.type.count)):
        result = b.insert_element(result, b.call(called, [b.extract_element(x, lane)]), lane)
    return result


def _declared(module: ir.Module, name: str, element: ir.Type) -> ir.Function:
    name = name + "f" if isinstance(element, ir.FloatType) else name
    found = module.globals.get(name)
    return found or ir.Function(module, ir.FunctionType(element, [element]), name)


sin = _of_any_size(vector_trigonometry.sin, "sin")
cos = _of_any_size(vector_trigonometry.cos, "cos")
tan = _of_any_size(vector_trigonometry.tan, "tan")
