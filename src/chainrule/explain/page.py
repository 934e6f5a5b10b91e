"""The look and the behaviour of the HTML page: styles and a script, both inside the one file."""

STYLE = """
:root { color-scheme: light dark;
  --paper: #fdfcf9; --ink: #1d232b; --soft: #5a6572; --line: #dcd8cf; --card: #ffffff;
  --mark: #0b6e99; --plus: 200, 84, 20; --minus: 26, 96, 170; --good: #1d7a3c; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root {
  --paper: #14181d; --ink: #e7e5df; --soft: #9aa5b1; --line: #2d353e; --card: #1b2128;
  --mark: #6cc4ec; --plus: 255, 150, 84; --minus: 100, 170, 245; --good: #6fce8d;
  --bad: #ff8a80; } }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 4rem; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 17px/1.6 system-ui, "Segoe UI", "Noto Sans", "PingFang SC", "Microsoft YaHei",
  "Noto Sans CJK SC", sans-serif; }
header, main { max-width: 54rem; margin: 0 auto; padding: 0 1.1rem; }
h1 { font-size: 1.55rem; line-height: 1.3; margin: 1.6rem 0 .4rem; }
h2 { font-size: 1.25rem; margin: 2.4rem 0 .3rem; padding-top: .7rem;
  border-top: 2px solid var(--line); }
p { margin: .3rem 0; }
.soft { color: var(--soft); font-size: .92rem; }
.bar { position: sticky; top: 0; z-index: 2; background: var(--paper);
  border-bottom: 1px solid var(--line); }
.bar div { max-width: 54rem; margin: 0 auto; padding: .4rem 1.1rem; display: flex; gap: .4rem;
  flex-wrap: wrap; }
button { font: inherit; font-size: .9rem; padding: .15rem .7rem; border: 1px solid var(--line);
  border-radius: .4rem; background: var(--card); color: inherit; cursor: pointer; }
button[aria-pressed="true"] { border-color: var(--mark); color: var(--mark); font-weight: 600; }
:focus-visible { outline: 2px solid var(--mark); outline-offset: 2px; border-radius: 2px; }
nav ol { padding-left: 1.3rem; margin: .3rem 0; columns: 2 14rem; font-size: .95rem; }
a { color: var(--mark); }
details.st { background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
  margin: .7rem 0; padding: .1rem .9rem; }
details.st[open] { padding-bottom: .6rem; }
details.st > summary { cursor: pointer; padding: .45rem 0; font-size: 1.15rem; }
summary .where { float: right; font: .8rem/2.2 ui-monospace, monospace; color: var(--soft);
  margin-left: 1rem; }
.wrong { border-color: var(--bad) !important; border-width: 2px !important; }
math { font-size: 1.06em; }
.row { overflow-wrap: anywhere; line-height: 2; overflow-x: auto; }
.row math { margin-right: .18em; }
.shapes { font: .86rem/1.5 ui-monospace, monospace; color: var(--soft); }
.worked { padding-left: .8rem; border-left: 3px solid var(--line); margin: .35rem 0; }
.numbers { font: .86rem/1.55 ui-monospace, "SF Mono", Consolas, monospace; display: grid;
  grid-template-columns: repeat(auto-fill, minmax(6.2rem, 1fr)); gap: 0 .5rem; margin-top: .3rem;
  font-variant-numeric: tabular-nums; }
.numbers span { text-align: right; }
.number { font: .9rem/1.5 ui-monospace, monospace; }
table.matrix { font: .86rem/1.55 ui-monospace, monospace; border-collapse: collapse;
  border-left: 2px solid var(--soft); border-right: 2px solid var(--soft); }
table.matrix td { padding: 0 .6rem; text-align: right; }
canvas { image-rendering: pixelated; max-width: 100%; display: block; margin: .4rem 0;
  border: 1px solid var(--line); background: var(--paper); }
.share { display: grid; grid-template-columns: 2.2rem 4.2rem 1fr; align-items: center;
  font: .86rem/1.6 ui-monospace, monospace; gap: .4rem; }
.share i { display: block; height: .75rem; background: var(--mark); border-radius: 2px;
  min-width: 1px; }
.s { cursor: help; }
.s:hover, .s:focus-visible, .s.on { background: color-mix(in srgb, var(--mark) 22%, transparent); }
#panel { position: fixed; right: 1rem; bottom: 1rem; width: min(23rem, calc(100vw - 2rem));
  background: var(--card); border: 1px solid var(--mark); border-radius: .6rem;
  padding: .5rem .9rem; box-shadow: 0 4px 24px rgba(0, 0, 0, .25); font-size: .9rem; z-index: 3;
  max-height: 60vh; overflow: auto; }
#panel[hidden] { display: none; }
#panel canvas { width: 100%; }
.verdict { border-left: 5px solid var(--good); padding-left: .8rem; margin: 1rem 0 3rem; }
.verdict.bad { border-color: var(--bad); }
html[lang="en"] [lang="zh"], html[lang="zh"] [lang="en"] { display: none; }
@media (max-width: 36rem) { body { font-size: 16px; } details.st { padding: .1rem .6rem; }
  summary .where { float: none; display: block; margin: 0; line-height: 1.3; } }
@media print { .bar, #panel, nav { display: none !important; } body { background: #fff; color: #000;
  font-size: 10.5pt; } details.st { break-inside: avoid; border-color: #bbb; }
  h2 { break-after: avoid; } }
"""

SCRIPT = """
'use strict';
const page = document.documentElement;
const data = JSON.parse(document.getElementById('values').textContent);
const panel = document.getElementById('panel');
const style = getComputedStyle(page);
function numbers(v) {
  if (v.n) return v.n;
  const bytes = Uint8Array.from(atob(v.q), c => c.charCodeAt(0));
  return Array.from(bytes, b => (b > 127 ? b - 256 : b) / 127 * v.top);
}
function draw(canvas, v) {
  const all = numbers(v), [rows, columns] = v.grid;
  const top = Math.max(...all.map(Math.abs)) || 1;
  canvas.width = columns; canvas.height = rows;
  const wide = Math.max(1, Math.min(16, Math.floor(336 / columns)));
  canvas.style.width = columns * wide + 'px';
  canvas.style.height = Math.max(rows * wide, rows < 9 ? 14 : rows * 4) + 'px';
  const pen = canvas.getContext('2d'), picture = pen.createImageData(columns, rows);
  const rgb = name => style.getPropertyValue(name).split(',').map(Number);
  const plus = rgb('--plus'), minus = rgb('--minus');
  all.forEach((x, i) => {
    const colour = x < 0 ? minus : plus;
    picture.data.set([...colour, Math.round(255 * Math.abs(x) / top)], 4 * i);
  });
  pen.putImageData(picture, 0, 0);
}
function show(symbol) {
  const key = symbol.dataset.v, v = data.values[key];
  if (!v) return;
  document.querySelectorAll('.s.on').forEach(x => x.classList.remove('on'));
  document.querySelectorAll('.s[data-v="' + CSS.escape(key) + '"]')
    .forEach(x => x.classList.add('on'));
  let words = data.words[page.lang].summary;
  for (const name of ['shape', 'low', 'high', 'mean'])
    words = words.replace('{' + name + '}', v[name]);
  panel.textContent = '';
  const head = document.createElement('p'), canvas = document.createElement('canvas');
  const strong = document.createElement('strong');
  strong.textContent = v.symbol;
  head.append(strong, ': ' + words);
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', v.symbol + ': ' + words);
  panel.append(head, canvas);
  if (v.n && v.n.length <= 12) {
    const list = document.createElement('p');
    list.textContent = v.n.join('  ');
    panel.append(list);
  }
  panel.hidden = false;
  draw(canvas, v);
}
function hide() {
  panel.hidden = true;
  document.querySelectorAll('.s.on').forEach(x => x.classList.remove('on'));
}
document.querySelectorAll('.s').forEach(symbol => {
  symbol.setAttribute('tabindex', '0');
  symbol.addEventListener('pointerenter', () => show(symbol));
  symbol.addEventListener('pointerleave', event => { if (event.pointerType === 'mouse') hide(); });
  symbol.addEventListener('focus', () => show(symbol));
  symbol.addEventListener('blur', hide);
  symbol.addEventListener('click', event => { event.preventDefault(); show(symbol); });
});
document.addEventListener('keydown', event => { if (event.key === 'Escape') hide(); });
const canvases = () => document.querySelectorAll('canvas[data-v]')
  .forEach(canvas => draw(canvas, data.values[canvas.dataset.v]));
canvases();
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', canvases);
const switches = document.querySelectorAll('button[data-lang]');
function speak(lang) {
  page.lang = lang;
  document.title = data.words[lang].title;
  switches.forEach(b => b.setAttribute('aria-pressed', String(b.dataset.lang === lang)));
}
switches.forEach(b => b.addEventListener('click', () => speak(b.dataset.lang)));
const fold = open => document.querySelectorAll('details.st').forEach(d => { d.open = open; });
document.getElementById('unfold').addEventListener('click', () => fold(true));
document.getElementById('fold').addEventListener('click', () => fold(false));
addEventListener('beforeprint', () => fold(true));
"""
