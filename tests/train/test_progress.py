"""What is shown while a model trains: a bar in a terminal, plain lines elsewhere."""

import os
import re
import subprocess
import sys

import pytest

PROGRAM = """
import sys, time
import chainrule as cr
from chainrule import nn

class Slow(cr.train.Callback):
    def on_step(self, run):
        time.sleep(0.03)

model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 2))
data = cr.data.moons(200)
cr.fit(model, data, validation=data, epochs=2, batch_size=20, callbacks=[Slow()])
"""


INTERRUPTED = """
import signal, time
import chainrule as cr
from chainrule import nn

class Interrupt(cr.train.Callback):
    def on_step(self, run):
        time.sleep(0.05)
        if run.batch == 7:
            signal.raise_signal(signal.SIGINT)

model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 2))
cr.fit(model, cr.data.moons(200), batch_size=20, epochs=2, callbacks=[Interrupt()])
"""


def in_terminal(columns: int, program: str = PROGRAM) -> str:
    """What the program writes to a terminal of that width."""
    pty = pytest.importorskip("pty")
    termios = pytest.importorskip("termios")
    main, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, columns))
    child = subprocess.Popen(
        [sys.executable, "-c", program], stdin=terminal, stdout=terminal, stderr=terminal
    )
    os.close(terminal)
    written = b""
    while True:
        try:
            part = os.read(main, 4096)
        except OSError:
            break
        if not part:
            break
        written += part
    os.close(main)
    assert child.wait() == 0
    return written.decode()


@pytest.mark.parametrize("columns", [120, 80, 40])
def test_a_terminal_gets_a_bar_that_never_wraps(columns: int) -> None:
    text = in_terminal(columns)
    shown = [line for line in re.split(r"\r\n|\r", text) if line.strip("\x1b[K\n")]
    bars = [line for line in shown if "samples/s" in line or "%" in line]
    assert len(bars) >= 4
    for line in bars:
        assert len(line.removesuffix("\x1b[K")) < columns
    assert ("[#" in text) == (columns >= 80)
    if columns >= 80:
        assert re.search(r"loss \d\.\d{4}  accuracy \d\.\d{4}  [\d,]+ samples/s  \S+ left", text)
    finished = [line for line in shown if re.search(r"epoch \d/2  loss", line)]
    assert [line[line.index("epoch") :][:9] for line in finished] == ["epoch 1/2", "epoch 2/2"]
    assert "val loss" in finished[0]
    assert "val accuracy" in finished[0]


def test_what_is_said_in_the_middle_of_an_epoch_takes_the_place_of_its_bar() -> None:
    text = in_terminal(120, INTERRUPTED)
    assert "samples/s" in text
    (said,) = re.findall(r"[^\r\n]*interrupted in epoch 1, after batch .*", text)
    assert said.startswith("\x1b[Kinterrupted")


def test_a_terminal_is_told_of_compiling_until_it_is_done() -> None:
    pytest.importorskip("llvmlite")
    text = in_terminal(120, PROGRAM.replace("epochs=2", "epochs=2, compile=True"))
    before, _, after = text.partition("compiling the training step ...")
    assert not before.strip("\r\x1b[K")
    assert after.startswith("\r\x1b[K\repoch 1/2")


def test_a_pipe_gets_a_line_an_epoch_and_no_escapes() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    pattern = (
        r"epoch \d/2  loss \d\.\d{4}  accuracy \d\.\d{4}  val loss \d\.\d{4}  val accuracy .*s"
    )
    assert len(lines) == 2
    assert all(re.fullmatch(pattern, line) for line in lines)
    assert "\x1b" not in done.stderr


def test_nothing_is_shown_when_not_wanted(fit, capfd) -> None:
    fit(show=False)
    assert capfd.readouterr() == ("", "")


def test_progress_goes_to_standard_error(fit, capfd) -> None:
    fit(show=True)
    out, error = capfd.readouterr()
    assert out == ""
    assert len(error.splitlines()) == 3
