"""The page in a real browser: folds, pointing, keys, languages. Skipped where none is installed."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.explain.nets import CASES

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--disable-quic",
)
PROBE = """<script>
const found = [];
const say = (name, holds) => found.push((holds ? 'yes ' : 'NO ') + name);
const symbol = document.querySelector('.s[data-v="W1"]');
symbol.dispatchEvent(new PointerEvent('pointerenter'));
say('pointing shows the shape', !panel.hidden && panel.textContent.includes('5×6'));
say('pointing draws', panel.querySelector('canvas').width === 6);
say('all uses of the symbol are marked', document.querySelectorAll('.s.on').length > 1);
symbol.dispatchEvent(new PointerEvent('pointerleave', {pointerType: 'mouse'}));
say('leaving hides', panel.hidden);
const inner = document.querySelector('details.st .worked .s');
inner.focus();
say('keys show, too', document.activeElement === inner && !panel.hidden);
document.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape'}));
say('escape hides', panel.hidden);
const shown = () => document.querySelector('#s-data h2').innerText;
const button = lang => document.querySelector('button[data-lang="' + lang + '"]');
button('zh').click();
say('the switch speaks Chinese', shown() === '数据' && document.title.includes('训练'));
say('and says so', button('zh').getAttribute('aria-pressed') === 'true' && page.lang === 'zh');
button('en').click();
say('and English again', shown() === 'The data');
const open = () => document.querySelectorAll('details.st[open]').length;
const all = document.querySelectorAll('details.st').length;
document.getElementById('fold').click();
say('all fold', open() === 0);
document.querySelector('details.st summary').click();
say('one unfolds', open() === 1);
dispatchEvent(new Event('beforeprint'));
say('print unfolds all', open() === all);
say('nothing is wider than a phone', document.documentElement.scrollWidth <= innerWidth);
document.body.innerHTML = '<pre id="found">' + found.join('|') + '</pre>';
</script></body>"""


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="needs Chromium")
def test_a_reader_can_fold_point_and_switch(tmp_path: Path) -> None:
    page = CASES["three layers"].explain(np.float32).html()
    path = tmp_path / "page.html"
    path.write_text(page.replace("</body>", PROBE), encoding="utf-8")
    done = subprocess.run(
        [
            *(str(BROWSER), *OPTIONS, f"--user-data-dir={tmp_path / 'profile'}"),
            *("--window-size=500,900", "--dump-dom", path.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found = done.stdout.partition('<pre id="found">')[2].partition("</pre>")[0].split("|")
    assert len(found) == 13
    assert [line for line in found if not line.startswith("yes ")] == []


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs LaTeX")
@pytest.mark.parametrize("name", ["three layers", "xor with one output", "one-hot targets"])
def test_the_paper_compiles(name: str, tmp_path: Path) -> None:
    CASES[name].explain().save(tmp_path / "paper.tex")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"],
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:].decode(errors="replace")
    assert (tmp_path / "paper.pdf").stat().st_size > 10_000
