"""The functions that run a program's kernels in order: alone, or together with other threads.

With threads, the tasks of a phase are claimed one by one, and the phase is over when all are done,
whoever did them. So a thread that the machine has put aside holds up the others by its own task at
most, and the division into tasks, and with it every bit of the result, is the same for any number
of threads.
"""

from collections.abc import Callable, Sequence

from llvmlite import ir

from chainrule.compiler.code import I64, PTR
from chainrule.compiler.layout import LINE
from chainrule.compiler.schedule import Chain, Phase
from chainrule.compiler.target import Target

VOID = ir.VoidType()
_SPINS = 1400
"""Turns of waiting before a thread sleeps: some 40 microseconds, which is longer than most tasks.

A nap takes over 100 with the kernel's own delay: a thread that went to sleep over one long task
would miss the phases after it (784-100-10: 140 to 170 us a step with 500 turns, 100 with these).
"""
_NAP = 50
"""Microseconds of a nap."""

Kernels = dict[str, ir.Function]


class Driver:
    """Writes the driving functions of one program.

    `strides` gives, for slots of the table that move on with each step, by how many bytes.
    """

    def __init__(
        self, module: ir.Module, kernels: Kernels, strides: dict[int, int], target: Target
    ):
        self.module = module
        self.kernels = kernels
        self.strides = strides
        self.target = target

    def write_alone(self, name: str, phases: Sequence[Phase]) -> None:
        """(table, bases, first, stop): the steps from first to before stop, on one thread."""
        function, b = self._begin(name, [PTR, PTR, I64, I64])
        table, bases, first, stop = function.args

        def step(number: ir.Value) -> None:
            self._advance(b, table, bases, number)
            for phase in phases:
                for chain in phase.chains:
                    self._loop(
                        b, I64(0), I64(chain.tasks), lambda t, c=chain: self._do(b, c, table, t)
                    )

        self._loop(b, first, stop, step)
        b.ret_void()

    def write_together(self, name: str, phases: Sequence[Phase]) -> None:
        """(table, bases, first, stop, counters, nap): the same, with as many threads as call it.

        `counters` are zeros, two lines for each phase and for the beginning of a step; `nap` is a
        function that sleeps for so many microseconds.
        """
        function, b = self._begin(name, [PTR, PTR, I64, I64, PTR, I64])
        table, bases, first, stop, counters, nap = function.args
        nap_kind = ir.FunctionType(VOID, [ir.IntType(32)])
        nap = b.inttoptr(nap, nap_kind.as_pointer())

        def step(number: ir.Value) -> None:
            turn = b.sub(number, first)
            self._phase(
                b, counters, 0, 1, turn, nap, lambda t: self._advance(b, table, bases, number)
            )
            for place, phase in enumerate(phases, 1):
                if phase.tasks:
                    self._phase(
                        b,
                        counters,
                        place,
                        phase.tasks,
                        turn,
                        nap,
                        lambda t, p=phase: self._pick(b, p.chains, table, t),
                    )

        self._loop(b, first, stop, step)
        b.ret_void()

    def _begin(self, name: str, arguments: list[ir.Type]) -> tuple[ir.Function, ir.IRBuilder]:
        function = ir.Function(self.module, ir.FunctionType(VOID, arguments), name)
        function.attributes.add("nounwind")
        return function, ir.IRBuilder(function.append_basic_block("entry"))

    def _loop(
        self, b: ir.IRBuilder, first: ir.Value, stop: ir.Value, make: Callable[[ir.Value], None]
    ) -> None:
        before = b.block
        head, after = b.append_basic_block("each"), b.append_basic_block("over")
        b.cbranch(b.icmp_signed("<", first, stop), head, after)
        b.position_at_end(head)
        i = b.phi(I64)
        i.add_incoming(first, before)
        make(i)
        following = b.add(i, I64(1))
        i.add_incoming(following, b.block)
        b.cbranch(b.icmp_signed("<", following, stop), head, after)
        b.position_at_end(after)

    def _advance(self, b: ir.IRBuilder, table: ir.Value, bases: ir.Value, number: ir.Value) -> None:
        """Let the slots that move on point at what belongs to a step."""
        for slot, stride in self.strides.items():
            base = b.load(b.gep(bases, [I64(slot)], source_etype=I64), typ=I64)
            place = b.add(base, b.mul(number, I64(stride)))
            b.store(place, b.gep(table, [I64(slot)], source_etype=I64))

    def _do(self, b: ir.IRBuilder, chain: Chain, table: ir.Value, task: ir.Value) -> None:
        for kernel in chain.kernels:
            b.call(self.kernels[kernel.name], [table, task])

    def _pick(
        self, b: ir.IRBuilder, chains: Sequence[Chain], table: ir.Value, task: ir.Value
    ) -> None:
        """Do the task of that number among those of several chains."""
        done = b.append_basic_block("done")
        start = 0
        for chain in chains:
            mine, others = b.append_basic_block("mine"), b.append_basic_block("others")
            stop = start + chain.tasks
            b.cbranch(b.icmp_signed("<", task, I64(stop)), mine, others)
            b.position_at_end(mine)
            self._do(b, chain, table, b.sub(task, I64(start)))
            b.branch(done)
            b.position_at_end(others)
            start = stop
        b.branch(done)
        b.position_at_end(done)

    def _phase(
        self,
        b: ir.IRBuilder,
        counters: ir.Value,
        place: int,
        tasks: int,
        turn: ir.Value,
        nap: ir.Value,
        make: Callable[[ir.Value], None],
    ) -> None:
        """Claim and do tasks until none is left, then wait until all are done."""
        claimed = b.gep(counters, [I64(2 * place * LINE)], source_etype=I64)
        finished = b.gep(counters, [I64((2 * place + 1) * LINE)], source_etype=I64)
        begin = b.mul(turn, I64(tasks))
        end = b.add(begin, I64(tasks))
        look, take, work, wait, over = (
            b.append_basic_block(name) for name in ("look", "take", "work", "wait", "over")
        )
        b.branch(look)
        b.position_at_end(look)
        seen = b.load_atomic(claimed, "acquire", 8, typ=I64)
        b.cbranch(b.icmp_signed("<", seen, end), take, wait)
        b.position_at_end(take)
        swapped = b.cmpxchg(claimed, seen, b.add(seen, I64(1)), "acq_rel", "acquire")
        b.cbranch(b.extract_value(swapped, 1), work, look)
        b.position_at_end(work)
        make(b.sub(seen, begin))
        b.atomic_rmw("add", finished, I64(1), "acq_rel")
        b.branch(look)
        b.position_at_end(wait)
        self._wait(b, finished, end, nap, over)
        b.position_at_end(over)

    def _wait(
        self, b: ir.IRBuilder, finished: ir.Value, end: ir.Value, nap: ir.Value, over: ir.Block
    ) -> None:
        """Spin for a while, then sleep between looks: a busy neighbour gets the core meanwhile."""
        before = b.block
        check, again, sleep, spin = (
            b.append_basic_block(name) for name in ("check", "again", "sleep", "spin")
        )
        b.branch(check)
        b.position_at_end(check)
        turns = b.phi(I64)
        turns.add_incoming(I64(0), before)
        ready = b.icmp_signed(">=", b.load_atomic(finished, "acquire", 8, typ=I64), end)
        b.cbranch(ready, over, again)
        b.position_at_end(again)
        more = b.add(turns, I64(1))
        b.cbranch(b.icmp_signed("<", turns, I64(_SPINS)), spin, sleep)
        b.position_at_end(sleep)
        b.call(nap, [ir.IntType(32)(_NAP)])
        turns.add_incoming(turns, b.block)
        b.branch(check)
        b.position_at_end(spin)
        if self.target.triple.startswith("x86"):
            b.call(self._pause(), [])
        turns.add_incoming(more, b.block)
        b.branch(check)

    def _pause(self) -> ir.Function:
        """The instruction that tells an x86 core that it waits."""
        name = "llvm.x86.sse2.pause"
        found = self.module.globals.get(name)
        return found or ir.Function(self.module, ir.FunctionType(VOID, []), name)
