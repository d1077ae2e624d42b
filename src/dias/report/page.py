"""The page that a report is: one HTML file, readable on a phone, in the dark and on paper."""

from html import escape

_STYLE = """
:root{color-scheme:light dark;--paper:#fbfaf7;--card:#ffffff;--ink:#1c1f23;--muted:#5d6670;--line:#dcdfe3;
--series-1:#1f6fb2;--series-2:#b3560b;--series-3:#2b7f4e;--series-4:#8a4fa3}
@media (prefers-color-scheme:dark){:root{--paper:#14171a;--card:#1c2024;--ink:#e9ebed;--muted:#a2abb4;
--line:#363c43;--series-1:#6fb2ea;--series-2:#f0a25b;--series-3:#74c896;--series-4:#c99be0}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",
Roboto,"Helvetica Neue",Arial,sans-serif;-webkit-text-size-adjust:100%}
main{max-width:1080px;margin:0 auto;padding:2.5rem 1.25rem 4rem}
h1,p,figcaption,nav a{overflow-wrap:anywhere}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 .5rem;letter-spacing:-.01em}
h2{font-size:1.3rem;margin:3rem 0 .4rem;line-height:1.3}
h3{font-size:1.05rem;margin:1.6rem 0 .2rem}
p{margin:.3rem 0 1rem;max-width:46rem}
.quiet,figcaption{color:var(--muted)}
nav{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;margin:1.2rem 0 0;font-size:.95rem}
a{color:var(--series-1);text-underline-offset:.15em}
.tiles{display:grid;grid-template-columns:repeat(4,1fr);gap:1px;background:var(--line);
border:1px solid var(--line);border-radius:10px;overflow:hidden;margin:1.6rem 0 .6rem}
.tile{background:var(--card);padding:.9rem 1.1rem}
.tile b{display:block;font-size:1.8rem;line-height:1.2;font-variant-numeric:tabular-nums;font-weight:650}
.tile small{color:var(--muted);font-size:.9rem;display:block}
.scroll{overflow-x:auto;-webkit-overflow-scrolling:touch}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;margin:.4rem 0}
th,td{padding:.45rem .7rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th{font-weight:600;color:var(--muted);font-size:.9rem}
th:first-child,td:first-child{text-align:left;padding-left:0}
td:nth-child(2),th:nth-child(2){text-align:left}
tr.first-baseline td{border-top:2px solid var(--line)}
td b{font-weight:750}
table.facts{font-size:.92rem}
table.facts th{text-align:left;vertical-align:top;padding-left:0}
table.facts td{white-space:normal;text-align:left;overflow-wrap:anywhere;
font-family:ui-monospace,Menlo,Consolas,monospace;font-size:.86rem}
.charts{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:1rem;margin:1rem 0}
.chart{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:.8rem}
svg{display:block;width:100%;height:auto}
svg text{font-family:inherit!important}
.one{max-width:34rem}
figure{margin:0 0 1.3rem}
figure img{display:block;width:100%;height:auto;border-radius:6px}
figcaption{font-size:.9rem;padding-top:.3rem}
.photos{display:grid;grid-template-columns:minmax(0,1fr);gap:.4rem 1.2rem}
.grid{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:.4rem 1.2rem;align-items:start}
.look{border-top:1px solid var(--line);padding-top:1.1rem;margin-top:1.1rem}
.look figure{margin-bottom:.9rem}
table.images td:nth-child(2),table.images th:nth-child(2){text-align:right}
table.images td:first-child{white-space:normal;overflow-wrap:anywhere;min-width:7rem}
.up{color:var(--series-3)}.down{color:var(--series-2)}
.grid figcaption{overflow-wrap:anywhere}
pre{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:10px;padding:1rem;
font-size:.82rem;line-height:1.45}
summary{cursor:pointer}
details.method{border-top:1px solid var(--line);padding:.7rem 0}
details.method>summary{font-weight:600}
@media (max-width:640px){main{padding-top:1.5rem}h1{font-size:1.5rem}
.tiles{grid-template-columns:repeat(2,1fr)}
.charts,.grid{grid-template-columns:minmax(0,1fr)}.chart{padding:.5rem}.wide img{width:680px;max-width:none}
th,td{padding:.4rem .35rem}table.scores{font-size:.8rem}table.scores td,table.scores th{padding:.4rem .16rem}
table.scores td:nth-child(-n+2){white-space:normal;text-align:left}
table.scores th{white-space:normal;overflow-wrap:break-word;font-size:.7rem}
th:last-child,td:last-child{padding-right:0}
table.facts th{white-space:normal}}
@media print{:root{color-scheme:light;--paper:#fff;--card:#fff;--ink:#000;--muted:#444;--line:#bbb;
--series-1:#1f6fb2;--series-2:#b3560b;--series-3:#2b7f4e;--series-4:#8a4fa3}nav{display:none}
main{max-width:none;padding:0}h2,h3,summary,.quiet{break-after:avoid}figure,.chart,tr{break-inside:avoid}
body{font-size:11pt}.wide img{width:100%}.scroll img{max-width:100%;height:auto}
details.method::details-content{content-visibility:visible;height:auto}}
"""


def page(*, title: str, body: str) -> str:
    """A whole HTML document that asks nothing of the network."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n"
        "</html>\n"
    )


def section(*, name: str, title: str, about: str, body: str) -> str:
    """A part of the page that links can point at."""
    said = f'<p class="quiet">{escape(about)}</p>' if about else ""
    return f'<section id="{escape(name)}">\n<h2>{escape(title)}</h2>\n{said}\n{body}\n</section>'


def facts(rows: dict[str, str]) -> str:
    """Names and values, one a line."""
    lines = (
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>'
        for name, value in rows.items()
    )
    return f'<div class="scroll"><table class="facts">{"".join(lines)}</table></div>'


def folded(*, title: str, text: str) -> str:
    """Long text behind a line that opens it."""
    return f"<details><summary>{escape(title)}</summary><pre>{escape(text)}</pre></details>"
