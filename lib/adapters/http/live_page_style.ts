/** The live page's style sheet. Colours follow the reader's light or dark setting. */
export const LIVE_PAGE_STYLE = `
:root {
  --ground: #f6f7f9; --card: #ffffff; --text: #16202c; --quiet: #5b6878; --line: #dfe4ea;
  --accent: #1f6fd0; --wash: #1f6fd022; --good: #1a7f4b; --warn: #a15c00; --bad: #c02b2b;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0e1319; --card: #161d26; --text: #e8edf3; --quiet: #93a1b2; --line: #263140;
    --accent: #5aa6ff; --wash: #5aa6ff26; --good: #4ccb8a; --warn: #f0ad4e; --bad: #ff7b72;
  }
}
* { box-sizing: border-box; margin: 0; }
body {
  background: var(--ground); color: var(--text); line-height: 1.4;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
  max-width: 68rem; margin: 0 auto; padding: clamp(0.75rem, 3vw, 2rem);
}
header { display: flex; align-items: center; justify-content: space-between; gap: 1rem; }
h1 { font-size: 1.15rem; font-weight: 650; letter-spacing: -0.01em; }
.pill {
  font-size: 0.85rem; padding: 0.15rem 0.7rem; border-radius: 1rem;
  border: 1px solid currentColor; color: var(--quiet); white-space: nowrap;
  overflow: hidden; text-overflow: ellipsis;
}
.pill.good { color: var(--good); } .pill.warn { color: var(--warn); } .pill.bad { color: var(--bad); }
main {
  display: grid; gap: clamp(0.6rem, 1.5vw, 1rem); margin: 1rem 0;
  grid-template-columns: minmax(15rem, 1fr) 2fr;
}
section, .tiles > div {
  background: var(--card); border: 1px solid var(--line); border-radius: 0.75rem;
  padding: 0.9rem 1.1rem; min-width: 0;
}
.tiles, .shards { grid-column: 1 / -1; }
.tiles {
  display: grid; gap: inherit; grid-template-columns: repeat(6, 1fr);
  background: none; border: 0; padding: 0;
}
.label { color: var(--quiet); font-size: 0.85rem; }
/* Ten million with its commas is 6.2 em wide. */
.huge { font-size: clamp(2rem, 15cqi, 3.4rem); font-weight: 650; line-height: 1.15; }
.big { font-size: 1.5rem; font-weight: 600; white-space: nowrap; }
.huge, .big, .inline, .note, footer { font-variant-numeric: tabular-nums; }
.inline { color: var(--text); font-weight: 600; font-size: 1.05rem; margin-left: 0.4rem; }
.note { color: var(--quiet); font-size: 0.8rem; display: flex; justify-content: space-between; }
.hero { display: flex; flex-direction: column; justify-content: center; container-type: inline-size; }
.tiles > div { display: flex; flex-direction: column; justify-content: space-between; }
svg { display: block; width: 100%; height: 7rem; margin: 0.4rem 0; overflow: visible; }
#area { fill: var(--wash); }
#line { fill: none; stroke: var(--accent); stroke-width: 2; stroke-linejoin: round; }
ol { list-style: none; padding: 0; margin-top: 0.5rem; display: grid; gap: 0.4rem;
  grid-template-columns: repeat(auto-fill, minmax(6.5rem, 1fr)); }
li {
  border: 1px solid var(--line); border-left: 3px solid var(--quiet); border-radius: 0.4rem;
  padding: 0.25rem 0.5rem; font-size: 0.8rem; font-variant-numeric: tabular-nums;
}
li.running { border-left-color: var(--good); } li.restoring { border-left-color: var(--accent); }
li.stalled { border-left-color: var(--warn); } li.stopped { border-left-color: var(--bad); }
li b { display: block; font-size: 0.95rem; font-weight: 600; }
li span { color: var(--quiet); }
footer { display: flex; flex-wrap: wrap; gap: 0.3rem 1.2rem; color: var(--quiet); font-size: 0.8rem; }
a { color: var(--accent); }
body.stale main { opacity: 0.5; }
@media (max-width: 60rem) { .tiles { grid-template-columns: repeat(3, 1fr); } }
@media (max-width: 42rem) {
  main { grid-template-columns: 1fr; }
  .tiles { grid-template-columns: repeat(2, 1fr); }
}
`;
