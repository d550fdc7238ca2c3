"""A diagnosis as one HTML file that asks nobody for anything: no request, no font, no library.

The file forbids itself all but its own style and its one script, by a policy with the script's digest
(W3C, Content Security Policy Level 3): what a guest calls itself cannot run, even if it were not escaped.
"""

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from html import escape

from homelab.model.finding import Case, Finding, Judgement
from homelab.model.trace import Cause, Trace
from homelab.report.diagnosis_text import drawing, evidence, witnesses
from homelab.report.documents import fix_commands
from homelab.report.paint import plain
from homelab.report.since import Kept, changes, element, kept

MOST = 200
"""Changes that are told one by one."""

SCRIPT = """\
const tools=document.getElementById('tools'),count=document.getElementById('count');
const rows=[...document.querySelectorAll('[data-words]')];
const show=()=>{const words=tools.filter.value.toLowerCase().split(/\\s+/).filter(Boolean);
let shown=0;
for(const each of rows){const {words:text,guests,fault}=each.dataset;
each.hidden=!words.every(word=>text.includes(word))
||tools.guest.value!==''&&!(' '+guests+' ').includes(' '+tools.guest.value+' ')
||tools.fault.value!==''&&fault!==tools.fault.value&&fault!==undefined;
shown+=!each.hidden;}
count.textContent=shown+' of '+rows.length+' shown';};
tools.addEventListener('input',show);tools.addEventListener('submit',each=>each.preventDefault());
document.addEventListener('keydown',key=>{if(key.key==='Escape'){tools.reset();show();}
if(key.key==='/'&&!tools.contains(document.activeElement)){key.preventDefault();tools.filter.focus();}});
show();
"""
STYLE = """\
:root{color-scheme:light dark;--line:#d0d7de;--soft:#57606a;--code:#f3f5f8}
@media (prefers-color-scheme:dark){:root{--line:#3d444d;--soft:#9aa4ae;--code:#1b2128}}
body{font:16px/1.5 system-ui,sans-serif;max-width:90rem;margin:0 auto;padding:1rem}
h1{font-size:1.5rem}h2{font-size:1.2rem;margin-top:2rem}h3{margin:0;font-size:1rem}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.25rem .6rem .25rem 0;vertical-align:top}
tr+tr{border-top:1px solid var(--line)}
.picture,.table{overflow-x:auto}.picture svg{max-width:100%;min-width:56rem;height:auto}
article{border:1px solid var(--line);border-left:5px solid #b00020;border-radius:6px;padding:.8rem 1rem;margin:1rem 0}
article.warning{border-left-color:#b45309}article.info{border-left-color:#57606a}
pre{background:var(--code);padding:.5rem .7rem;border-radius:4px;overflow-x:auto;margin:.4rem 0}
input,select{font:inherit;padding:.3rem .5rem;max-width:100%;box-sizing:border-box}input{width:min(100%,30rem)}
#tools{display:flex;flex-wrap:wrap;gap:.6rem;align-items:end}label{max-width:100%}
h1,h3,p,td,li{overflow-wrap:anywhere}[hidden]{display:none!important}.type{user-select:all}
:focus-visible{outline:3px solid #2f81f7;outline-offset:2px}
.soft{color:var(--soft)}
@media print{#tools{display:none}article{break-inside:avoid}pre{white-space:pre-wrap}}"""


def html(
    case: Case,
    findings: Sequence[Finding],
    picture: str | None = None,
    before: Kept | None = None,
) -> str:
    """``picture`` is an SVG, trusted as markup; everything else is text. ``before`` is an earlier report."""
    title = _title(case.judgements)
    digest = b64encode(sha256(SCRIPT.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )
    seen, now = witnesses(case), kept(case, findings)
    lines = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f"<title>{_text(title)}</title><style>{STYLE}</style></head><body><main>",
        f"<h1>{_text(title)}</h1>",
        *_tools(case.judgements, findings),
        *_since(before, now),
        *([f'<div class="picture" tabindex="0" role="region" aria-label="the lab">{picture}</div>']
          if picture else []),
        "<h2>Networks</h2>",
        *_networks(case.judgements),
        "<h2>What is wrong</h2>" if findings else "<p>Nothing is wrong.</p>",
        *(line for each in findings for line in _finding(each, case, seen)),
        element(now),
        f"</main><script>{SCRIPT}</script></body></html>",
        "",
    ]  # fmt: skip
    return "\n".join(lines)


def _title(judged: Sequence[Judgement]) -> str:
    lost = sum(each.reachable is False for each in judged)
    unknown = sum(each.reachable is None for each in judged)
    reached = len(judged) - lost - unknown
    parts = (
        f"{reached} reached",
        f"{lost} not reached",
        *([f"{unknown} unknown"] if unknown else []),
    )
    return f"{len(judged)} container networks: {', '.join(parts)}"


def _text(text: object) -> str:
    return escape(plain(str(text)))


def _words(*texts: object) -> str:
    return escape(plain(" ".join(map(str, texts))).replace("\n", " ").casefold())


def _tools(judged: Sequence[Judgement], findings: Sequence[Finding]) -> Iterator[str]:
    """Filters that work without a mouse: / goes to the words, Escape shows everything again."""
    guests = sorted({_token(each.name.guest) for each in judged})
    faults = sorted({_token(each.fault) for each in findings})
    yield '<form id="tools"><label>Show only <input name="filter" type="search" '
    yield 'placeholder="guest, network, fault, address"></label>'
    yield from _select("guest", guests)
    yield from _select("fault", faults)
    yield '<output id="count" class="soft"></output></form>'


def _select(name: str, words: Sequence[str]) -> Iterator[str]:
    yield f'<label>{name} <select name="{name}"><option value="">all</option>'
    yield "".join(f"<option>{each}</option>" for each in words)
    yield "</select></label>"


def _token(word: str) -> str:
    """A word among others that blanks keep apart."""
    return "_".join(_text(word).split())


def _since(before: Kept | None, now: Kept) -> Iterator[str]:
    if before is None:
        return
    told = [_text(each) for each in changes(before, now)]
    yield "<h2>Since the last report</h2>"
    if not told:
        yield "<p>Nothing has changed.</p>"
    else:
        yield f"<ul>{''.join(f'<li>{each}</li>' for each in told[:MOST])}</ul>"
        yield f"<p>and {len(told) - MOST} more</p>" if len(told) > MOST else ""


def _networks(judged: Sequence[Judgement]) -> Iterator[str]:
    yield '<div class="table"><table><thead><tr>'
    yield "".join(
        f'<th scope="col">{each}</th>' for each in ("Network", "Subnets", "From", "State")
    )
    yield "</tr></thead><tbody>"
    for each in judged:
        state = {True: "✓ reached", False: "✗ not reached", None: "? unknown"}[each.reachable]
        name = f"{each.name.guest}/{each.name.network}"
        cells = (name, " ".join(map(str, each.subnets)), each.origin, state)
        row = "".join(f"<td>{_text(cell)}</td>" for cell in cells)
        words, guests = _words(each.name.host, *cells), _token(each.name.guest)
        yield f'<tr data-words="{words}" data-guests="{guests}">{row}</tr>'
    yield "</tbody></table></div>"


def _finding(finding: Finding, case: Case, seen: Mapping[Cause, Trace]) -> Iterator[str]:
    names = " ".join(f"{each.guest}/{each.network}" for each in finding.affects)
    words = _words(finding.fault, finding.at, names, finding.explains)
    kind = finding.severity if finding.severity in ("warning", "info") else "error"
    guests = " ".join(sorted({_token(each.guest) for each in finding.affects}))
    fault = _token(finding.fault)
    yield f'<article class="{kind}" data-words="{words}" data-guests="{guests}" data-fault="{fault}">'
    yield f"<h3>{_text(finding.fault)} at {_text(finding.at)}</h3>"
    if names:
        yield f'<p class="soft">{kind}, harms {_text(names)}</p>'
    trace = seen.get(finding.cause) if finding.cause else None
    if trace is not None:
        yield f"<pre>{_text(drawing(trace))}</pre>"
    yield f"<p>{_text(finding.explains)}</p>"
    if finding.cause is not None:
        shown = "\n".join(evidence(finding.cause))
        yield f"<pre>{_text(shown)}</pre>" if shown else ""
    yield from _fix(finding, case)
    yield f'<p class="soft">more: <code>homelab explain {_text(finding.fault)}</code></p></article>'


def _fix(finding: Finding, case: Case) -> Iterator[str]:
    fix = finding.fix
    if fix is None:
        return
    proven = ", which opens the path on the model" if fix.verified else ""
    yield f"<p><strong>Fix:</strong> {_text(fix.text)}{proven}</p>"
    commands = "\n".join(fix_commands(fix, case.snapshot))
    if commands:
        yield f'<pre class="type">{_text(commands)}</pre>'
    if fix.opens:
        items = "".join(f"<li>{_text(each)}</li>" for each in fix.opens)
        yield f"<p>It also opens:</p><ul>{items}</ul>"
