// The style sheet of every page: a quiet book page, river blue for what is new, amber for what is old.
#pragma once

namespace lethe::run {

inline constexpr const char* kPageStyle = R"css(
:root { color-scheme: light dark;
  --paper: #fbfaf7; --raised: #fff; --ink: #1d2429; --soft: #5b666d; --rule: #dcd9d1; --grid: #e8e5de;
  --c0: #17708c; --c1: #c2622d; --c2: #75589e; --c3: #4b8440; --c4: #a67c00; --c5: #a8386c; --c6: #5b666d;
  --new-bg: #d5ebf1; --new: #0d5166; --old-bg: #f8e3c6; --old: #82440a; }
@media screen and (prefers-color-scheme: dark) { :root {
  --paper: #14191c; --raised: #1b2226; --ink: #e6e4df; --soft: #9ea8ad; --rule: #333c41; --grid: #2a3237;
  --c0: #62bfd9; --c1: #ec9565; --c2: #b8a0e0; --c3: #8cc97f; --c4: #dfb94f; --c5: #e587b3; --c6: #9ea8ad;
  --new-bg: #153f4c; --new: #a9e2f2; --old-bg: #4a3113; --old: #f6c98d; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 17px/1.55 Charter, "Bitstream Charter", "Iowan Old Style",
  "Palatino Linotype", Palatino, Georgia, "DejaVu Serif", serif; -webkit-text-size-adjust: 100%; overflow-wrap: break-word; }
main { max-width: 60rem; margin: 0 auto; padding: 3.5rem 1.5rem 2rem; }
h1, h2, .kicker, table, figure, dl, .legend, .key, summary, footer, pre { font-family: system-ui, -apple-system, "Segoe UI",
  Roboto, "Helvetica Neue", Arial, "Liberation Sans", sans-serif; }
header { margin-bottom: 3rem; }
header svg { display: block; width: 3.4rem; height: 1.5rem; margin-bottom: 1.1rem; fill: none; stroke: var(--c0); stroke-width: 2.2;
  stroke-linecap: round; }
.kicker { margin: 0; color: var(--soft); font-size: .82rem; letter-spacing: .02em; }
h1 { margin: .1rem 0 1.1rem; font-size: clamp(1.7rem, 5vw, 2.4rem); line-height: 1.15; font-weight: 650; letter-spacing: -.02em; }
.summary { max-width: 40rem; margin: 0 0 1.6rem; font-size: 1.22rem; line-height: 1.5; }
.summary strong { color: var(--c0); font-weight: 600; font-variant-numeric: tabular-nums; white-space: nowrap; }
section { margin: 0 0 3.2rem; }
h2 { margin: 0 0 .3rem; padding-top: .9rem; border-top: 1px solid var(--rule); font-size: 1.18rem; font-weight: 650;
  letter-spacing: -.01em; }
.lead { max-width: 42rem; margin: 0 0 1.2rem; color: var(--soft); font-size: .96rem; }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr)); gap: 2rem 2.5rem; align-items: start; }
.grid > * { min-width: 0; max-width: 30rem; }
.grid + table, .scroll + .scroll, .scroll + figure { margin-top: 1.6rem; }
td small { display: block; color: var(--soft); font-size: .76rem; line-height: 1.2; } .heat td small { color: var(--ink); }
.scroll > table:not([class]) td, .heat td, th > span { white-space: nowrap; }
.heat th:not(:first-child) { text-align: center; padding-right: .9rem; }
.heat td { text-align: center; padding-right: .9rem; min-width: 2rem; -webkit-print-color-adjust: exact; print-color-adjust: exact; }
.grid .heat :is(th, td):not(:first-child) { padding-left: .3rem; padding-right: .3rem; } .grid > .scroll + .scroll { margin-top: 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .86rem; line-height: 1.4; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding-bottom: .4rem; font-weight: 600; font-size: .92rem; }
caption span { display: block; color: var(--soft); font-weight: 400; font-size: .82rem; }
th, td { padding: .36rem 0 .36rem .9rem; border-bottom: 1px solid var(--grid); text-align: right; vertical-align: top; }
thead th { border-bottom-color: var(--rule); color: var(--soft); font-weight: 500; }
th:first-child { padding-left: 0; text-align: left; font-weight: 400; }
figure { margin: 0; }
figcaption { font-weight: 600; font-size: .92rem; line-height: 1.4; margin-bottom: .3rem; }
figcaption span { display: block; color: var(--soft); font-weight: 400; font-size: .82rem; }
figure > svg { display: block; width: 100%; max-width: 30rem; height: auto; }
svg text { fill: var(--soft); font-size: 11px; font-variant-numeric: tabular-nums; }
svg .value { fill: var(--ink); }
.gridline { stroke: var(--grid); } .axis { stroke: var(--soft); }
.line { fill: none; stroke: var(--c); stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.line.faint { stroke-width: 1; stroke-dasharray: 2 3; opacity: .75; }
.fill { fill: var(--c); } .dash1 { stroke-dasharray: 7 4; } .dash2 { stroke-dasharray: 2 4; } .dash3 { stroke-dasharray: 9 4 2 4; }
.s0 { --c: var(--c0); } .s1 { --c: var(--c1); } .s2 { --c: var(--c2); } .s3 { --c: var(--c3); } .s4 { --c: var(--c4); }
.s5 { --c: var(--c5); } .s6 { --c: var(--c6); }
.legend { display: flex; flex-wrap: wrap; gap: .1rem 1.1rem; margin: 0 0 .3rem; padding: 0; list-style: none; font-size: .82rem;
  color: var(--soft); }
.legend svg { width: 24px; height: 10px; margin-right: .4rem; }
details { margin-top: 1.2rem; } summary { cursor: pointer; color: var(--c0); font-size: .9rem; }
details[open] summary { margin-bottom: .8rem; }
dl { margin: 0; font-size: .86rem; columns: 19rem; column-gap: 2.5rem; }
dl div { display: flex; gap: 1rem; justify-content: space-between; padding: .28rem 0; border-bottom: 1px solid var(--grid);
  break-inside: avoid; }
dt { color: var(--soft); flex: none; } dd { margin: 0; text-align: right; min-width: 0; overflow-wrap: anywhere; }
pre { margin: 0; padding: .9rem 1.1rem; background: var(--raised); border: 1px solid var(--rule); border-radius: 6px; font: .84rem/1.6
  ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
mark { margin: 0 -.2em; padding: .06em .2em; border-radius: 3px; -webkit-print-color-adjust: exact; print-color-adjust: exact; }
mark.new { background: var(--new-bg); color: var(--new); font-weight: 600; }
mark.old { background: var(--old-bg); color: var(--old); text-decoration: underline dotted 1px; text-underline-offset: 3px; }
pre + dl { margin-top: 1.4rem; } .grid + .key { margin-top: 1.2rem; }
.key { margin: 0 0 .8rem; font-size: .82rem; color: var(--soft); }
.cases th, .cases td { text-align: left; width: 23%; padding-right: .4rem; overflow-wrap: anywhere; }
.cases th:first-child { width: 31%; color: var(--ink); font-weight: 500; }
.cases th small { display: block; margin-top: .15rem; font-size: .8rem; font-weight: 400; color: var(--soft); }
footer { max-width: 60rem; margin: 0 auto; padding: 0 1.5rem 3rem; color: var(--soft); font-size: .8rem; }
@media (max-width: 640px) {
  main { padding: 2rem 1.1rem 1rem; } footer { padding: 0 1.1rem 2rem; } .summary { font-size: 1.1rem; }
  .cases thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .cases, .cases tbody, .cases tr, .cases th, .cases td, .cases th:first-child { display: block; width: auto; border: 0; padding: 0; }
  .cases tr { padding: .8rem 0; border-bottom: 1px solid var(--grid); }
  .cases td { display: grid; grid-template-columns: 7.6rem 1fr; margin-top: .3rem; }
  .cases td::before { content: attr(data-label); color: var(--soft); } }
@media print { @page { margin: 16mm 14mm; } body { font-size: 10.5pt; background: none; } main { padding: 0; max-width: none; }
  section { margin-bottom: 1.6rem; } header { margin-bottom: 1.6rem; } .grid { grid-template-columns: 1fr 1fr; gap: 1.2rem 2rem; }
  figure, tr, .grid > *, pre, .lead { break-inside: avoid; } h2, .lead, caption { break-after: avoid; } .scroll { overflow: visible; }
  table:not(.cases) { font-size: .7rem; } td small { font-size: .62rem; } th, td { padding-left: .35rem; }
  .heat :is(th, td):not(:first-child) { padding-left: .2rem; padding-right: .2rem; } thead th { hyphens: auto; }
  details:not([open]) { display: none; } footer { padding: 0; } }
)css";

}  // namespace lethe::run
