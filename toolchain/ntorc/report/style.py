"""The report's style: system fonts, two colour schemes, one column that also prints."""

from __future__ import annotations

_LIGHT = (
    "--paper:#ffffff;--panel:#f6f7f8;--ink:#1b1f24;--soft:#57606a;--rule:#d5dae0;--grid:#e8ebee;"
    "--accent:#1c5d99;--io:#8a94a0;--pl:#1c5d99;--margin:#dfe9e3;--over:#c0392b;"
    "--met:#17693f;--missed:#b3261e;--notice:#8a5300;--notice-paper:#fff6e6;--notice-rule:#e6b35c;"
    "--truth:#1b1f24;--estimate:#3d8bd4;--error:#7a5ea8;--bar:#3f7fb8;--marker:#a14a00;"
)
_DARK = (
    "--paper:#14171a;--panel:#1c2126;--ink:#e7eaed;--soft:#a3adb8;--rule:#39424b;--grid:#272e35;"
    "--accent:#7db6ea;--io:#7d8894;--pl:#5b9bd5;--margin:#2b4a39;--over:#e5675c;"
    "--met:#62c894;--missed:#ff8a80;--notice:#f2c069;--notice-paper:#2a2314;--notice-rule:#7d6126;"
    "--truth:#f2f4f6;--estimate:#4f9ae0;--error:#b79ae0;--bar:#5b9bd5;--marker:#f0a35e;"
)

CSS = (
    ":root{color-scheme:light dark;" + _LIGHT + "}"
    "@media (prefers-color-scheme:dark){:root{" + _DARK + "}}"
    "@media print{:root{color-scheme:light;"
    + _LIGHT
    + "}}"
    + """
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);
 font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
 font-variant-numeric:tabular-nums}
main{max-width:1120px;margin:0 auto;padding:32px 20px 64px}
h1,h2,h3,p,td,th,dd,dt,li,code,figcaption{unicode-bidi:isolate}
h1,h2,h3,p,dd,dt,li,code,figcaption,footer{overflow-wrap:anywhere}
td code{display:inline-block;min-width:26ch}
h2{font-size:20px;line-height:1.3;font-weight:600;margin:52px 0 6px;padding-top:14px;
 border-top:1px solid var(--rule)}
h3{font-size:16px;font-weight:600;margin:26px 0 4px}
p{margin:8px 0;max-width:76ch}
.soft{color:var(--soft)}
.small{font-size:14px;max-width:96ch}
.eyebrow{color:var(--soft);font-size:14px;margin:0 0 18px}
.verdict{display:flex;align-items:center;gap:16px;margin:0;font-size:clamp(30px,6vw,46px);
 line-height:1.1;font-weight:650;letter-spacing:-.015em}
.verdict svg{flex:none;width:.95em;height:.95em}
.met .verdict{color:var(--met)}
.missed .verdict{color:var(--missed)}
.verdict path{fill:none;stroke:var(--paper);stroke-width:2.4;stroke-linecap:round;stroke-linejoin:round}
.verdict circle{fill:currentColor}
.lead{font-size:clamp(17px,2.4vw,20px);line-height:1.45;margin:14px 0 4px}
.tag{display:inline-block;border:1px solid var(--notice-rule);background:var(--notice-paper);
 color:var(--notice);border-radius:4px;padding:2px 9px;font-size:14px;font-weight:600;margin:8px 0 0}
.budget{position:relative;display:flex;height:34px;margin:28px 0 4px;border-radius:3px;background:var(--grid)}
.budget span{display:block;height:100%}
.budget .io,.key .io{background:var(--io)}
.budget .pl,.key .pl{background:var(--pl)}
.budget .margin,.key .margin{background:var(--margin)}
.key .late{background:var(--over)}
.budget .late{position:absolute;right:0;bottom:0;height:9px;background:var(--over)}
.key .margin{border:1px solid var(--rule)}
.budget .due{position:absolute;top:-7px;bottom:-7px;height:auto;width:0;border-left:2px solid var(--ink)}
.ends{position:relative;height:22px;font-size:13px;color:var(--soft)}
.ends span{position:absolute;white-space:nowrap}
.key{display:inline-block;width:12px;height:12px;margin-right:9px;border-radius:2px;vertical-align:-1px}
.key i{display:block;width:12px;height:12px;border-radius:2px}
.figures{display:flex;flex-wrap:wrap;gap:1px;
 background:var(--rule);border:1px solid var(--rule);border-radius:6px;overflow:hidden;margin:26px 0 0;padding:0}
.figures div{flex:1 1 205px;min-width:0;background:var(--paper);padding:14px 16px}
.figures dt{font-size:14px;color:var(--soft)}
.figures dd{margin:2px 0 0;font-size:24px;line-height:1.25;font-weight:600;letter-spacing:-.01em}
.figures dd small{display:block;font-size:13px;font-weight:400;letter-spacing:0;color:var(--soft);line-height:1.4}
.notice{border:1px solid var(--notice-rule);border-left-width:5px;background:var(--notice-paper);
 border-radius:4px;padding:14px 18px;margin:28px 0 0}
.notice h2{border:0;margin:0 0 4px;padding:0;font-size:17px;color:var(--notice)}
.notice ul{margin:6px 0 0;padding-left:20px}
.notice li{margin:4px 0;max-width:80ch}
.scroll{overflow-x:auto;margin:14px 0 0}
.scroll:focus-visible,summary:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
table{border-collapse:collapse;font-size:14.5px;line-height:1.4;width:100%}
th,td{padding:7px 8px;text-align:left;vertical-align:baseline;border-bottom:1px solid var(--grid)}
th:first-child,td:first-child{padding-left:0}
thead th{font-weight:600;color:var(--soft);font-size:13.5px;border-bottom:1px solid var(--rule);
 vertical-align:bottom}
tbody th{font-weight:500}
tfoot th,tfoot td{border-bottom:0;border-top:1px solid var(--rule);font-weight:600}
.n{text-align:right;white-space:nowrap}
.prose{min-width:20ch}
tbody th,tfoot th{min-width:9ch}
.group{text-align:center;border-left:1px solid var(--grid)}
.tight{font-size:14px}
.share{display:inline-block;width:90px;height:8px;border-radius:2px;background:var(--grid);margin-left:10px;
 overflow:hidden;vertical-align:1px}
.share span{display:block;height:100%;background:var(--bar)}
.share .full{background:var(--over)}
.charts{display:grid;grid-template-columns:1fr;gap:24px}
figure{margin:16px 0 0;min-width:0}
figcaption{font-size:15px;margin:0 0 6px}
figcaption strong{font-weight:600}
.chart{display:block;width:100%;height:auto;font:12px system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif;
 font-variant-numeric:tabular-nums}
.chart.wide,.chart.medium{display:none}
.chart .tick{fill:var(--soft)}
.chart .label{fill:var(--soft)}
.chart .note{fill:var(--marker);font-weight:600}
.chart .axis{stroke:var(--soft);stroke-width:1}
.chart .grid{stroke:var(--grid);stroke-width:1}
.chart .marker{stroke:var(--marker);stroke-width:1.2;stroke-dasharray:4 3}
.chart .bar{fill:var(--bar)}
.chart path{fill:none;stroke-linejoin:round}
.chart .truth{stroke:var(--truth);stroke-width:1.5}
.chart .estimate{stroke:var(--estimate);stroke-width:1.1}
.chart .error{stroke:var(--error);stroke-width:1}
.legend{display:flex;flex-wrap:wrap;gap:4px 20px;font-size:14px;color:var(--soft);margin:4px 0 0;padding:0;
 list-style:none}
.legend b{display:inline-block;width:20px;height:0;border-top:3px solid;margin-right:7px;vertical-align:4px}
.legend .truth{border-color:var(--truth)}
.legend .estimate{border-color:var(--estimate)}
.legend .error{border-color:var(--error)}
details{margin:12px 0 0;font-size:14.5px}
summary{cursor:pointer;color:var(--accent);width:fit-content}
.facts{display:grid;grid-template-columns:minmax(0,1fr);margin:12px 0 0;font-size:14.5px}
.facts div{display:grid;grid-template-columns:minmax(0,200px) minmax(0,1fr);gap:0 18px;padding:5px 0;
 border-bottom:1px solid var(--grid)}
.facts dt{color:var(--soft)}
.facts dd{margin:0}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:13.5px}
pre{background:var(--panel);border:1px solid var(--rule);border-radius:4px;padding:12px 14px;margin:12px 0 0;
 white-space:pre-wrap;overflow-wrap:anywhere}
ul.plain{margin:10px 0 0;padding-left:20px}
ul.plain li{margin:3px 0;max-width:90ch}
footer{margin-top:56px;padding-top:14px;border-top:1px solid var(--rule);color:var(--soft);font-size:13.5px}
@media (min-width:680px){
 .chart.medium{display:block}
 .chart.narrow{display:none}
 main{padding:48px 32px 80px}
}
@media (min-width:960px){
 .chart.wide{display:block}
 .chart.medium{display:none}
 .charts{grid-template-columns:1fr 1fr;gap:32px}
 .charts figcaption{min-height:3.1em}
}
@media (max-width:560px){
 .stacks,.stacks tbody,.stacks tr,.stacks th,.stacks td{display:block;width:auto}
 .stacks thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
 .stacks tr{padding:6px 0 8px;border-bottom:1px solid var(--rule)}
 .stacks th,.stacks td{padding:1px 0;border:0;min-width:0}
 .stacks tbody th{font-weight:600}
 .stacks td{display:flex;justify-content:space-between;gap:16px;white-space:normal;text-align:right}
 .stacks td:empty{display:none}
 .stacks td::before{content:attr(data-label);color:var(--soft);text-align:left;flex:none}
 .stacks .share{display:none}
 .stacks .n{white-space:normal}
 .facts div{grid-template-columns:minmax(0,1fr)}
}
@media print{
 *{print-color-adjust:exact;-webkit-print-color-adjust:exact}
 body{font-size:10.5pt}
 main{max-width:none;padding:0}
 h2{margin-top:26px;break-after:avoid}
 figure,tr,.notice,.figures div,.facts div{break-inside:avoid}
 .scroll{overflow:visible}
 table,.tight{font-size:8.5pt}
 th,td{padding:3px 5px}
 .tight th,.tight td{padding:3px;font-size:7.5pt}
 .prose,tbody th,tfoot th{min-width:0}
 .share{display:none}
 .charts{grid-template-columns:1fr}
 .chart.medium{display:block}
 .chart.wide,.chart.narrow{display:none}
 details:not([open]){display:none}
 @page{margin:16mm 14mm}
}
"""
)

PICTURE_CSS = (
    "svg{" + _LIGHT + "font:12px system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}"
    "@media (prefers-color-scheme:dark){svg{" + _DARK + "}}"
    "text{fill:var(--soft)}.paper{fill:var(--paper)}.label{fill:var(--ink)}.note{fill:var(--marker);font-weight:600}"
    ".axis{stroke:var(--soft);stroke-width:1}.grid{stroke:var(--grid);stroke-width:1}"
    ".marker{stroke:var(--marker);stroke-width:1.2;stroke-dasharray:4 3}.bar{fill:var(--bar)}"
)
"""Of a chart that is a file of its own."""
