/* The page "LUTs of all formats": one length, variant and measure for picture and table, and one chosen pair. */
"use strict";

const Luts = (() => {
  const find = id => document.getElementById(`luts-${id}`);
  const controls = find("controls");
  const grouped = number => number.toLocaleString("en");
  const SETTLED = 300; // milliseconds; browsers refuse an address that changes with every repeat of a key
  const SIZES = ["lut1", "lut2", "lut3", "lut4", "lut5", "lut6"];

  let chosen = [Pairs.start.a, Pairs.start.b];
  let later; // the timer that writes the address

  const length = () => Number(controls.elements["luts-k"].value);
  const variant = () => controls.elements["luts-variant"].value;
  const measure = () => controls.elements["luts-measure"].value;
  const compared = () => controls.elements["luts-compare"].checked;
  const rowOf = ([a, b]) => Pairs.find(a, b, length(), variant());

  // ---- The picture -------------------------------------------------------------------------------------------------

  /** One scale for all lengths and variants, so that a choice of either shows in the colours. */
  function scales() {
    const known = values => values.filter(value => value > 0);
    const counts = known(Pairs.rows.map(row => row[measure()]));
    const ratios = known(Pairs.rows.filter(row => Pairs.kindOf(row) === "minifloat").map(row => Pairs.ratio(row, measure())));
    const far = Math.max(...ratios, ...ratios.map(ratio => 1 / ratio), 1);
    return { counts: Colours.scale(Pairs.colours.counts, Math.min(...counts), Math.max(...counts)),
             ratios: Colours.scale(Pairs.colours.ratios, 1 / far, far) };
  }

  function showMap() {
    const { counts, ratios } = scales();
    const name = Pairs.MEASURES[measure()];
    HeatMap.fill((a, b) => {
      const row = rowOf([a, b]);
      if (!row) return null;
      if (!compared() || Pairs.kindOf(row) === "integer") {
        const value = row[measure()];
        return { text: `${value}`, words: `${Pairs.words(row)}: ${value} ${name}`, ...counts.colour(value) };
      }
      const ratio = Pairs.ratio(row, measure());
      if (!(ratio > 0)) return null;
      const text = ratio.toFixed(2);
      const words = `${Pairs.words(row)}: ${text} times the ${name} of ${Pairs.words(Pairs.integerRow(row))}`;
      return { text, words, ...ratios.colour(ratio) };
    });
    showLegend(counts, `${name}`, "counts", String);
    find("ratios").hidden = !compared();
    if (compared()) showLegend(ratios, `minifloats’ ${name} ÷ integers’`, "ratios", ratio => ratio.toFixed(2));
  }

  function showLegend(scale, words, id, text) {
    const ticks = [0, 0.25, 0.5, 0.75, 1].map(place => scale.lo * (scale.hi / scale.lo) ** place);
    const round = id === "counts" ? Math.round : value => value;
    find(id).innerHTML = `<span>${words}</span><span class="bar" style="background: ${scale.gradient}"></span>`
      + `<span class="ticks">${ticks.map(tick => `<span>${text(round(tick))}</span>`).join("")}</span>`;
  }

  // ---- The pair ----------------------------------------------------------------------------------------------------

  function showCard(pair) {
    const row = rowOf(pair);
    if (!row) {
      find("card").innerHTML = `<p><b>${pair.join(" × ")}</b> is not computed for this length and variant.</p>`;
      return;
    }
    const integers = Pairs.integerRow(row);
    const facts = [
      ...Object.entries(Pairs.MEASURES).map(([column, name]) => [name, grouped(row[column])]),
      ["accumulator bits", row.acc_bits],
      integers && [`LUTs ÷ ${Pairs.words(integers)}`, `${row.lut} ÷ ${integers.lut} = ${Pairs.ratio(row, "lut").toFixed(2)}`],
      ["LUTs of 1 to 6 inputs", SIZES.map(size => row[size]).join(", ")],
      ["inverters", row.inv],
      ["operand pairs run on the netlist", `${grouped(row.pairs)}, ${row.mismatches || "none"} wrong`],
    ];
    const names = [row.a, row.b].map(name => `<a href="explorer.html#${name}">${name}</a>`);
    find("card").innerHTML = `<p class="name"><b>${names.join(" × ")}</b>, ${row.variant}, ${grouped(row.k)} products</p>`
      + `<dl>${facts.filter(Boolean).map(([name, value]) => `<div><dt>${name}</dt> <dd>${value}</dd></div>`).join("")}</dl>`
      + `<p class="command"><code>repro mac ${row.a} ${row.b} --n ${row.k} --verilog out.v</code></p>`;
  }

  /** Choose a pair; the address follows when the reader has come to rest. */
  function choose(pair) {
    chosen = pair;
    HeatMap.mark(...chosen);
    showCard(chosen);
  }

  function chooseAndTell(pair) {
    choose(pair);
    clearTimeout(later);
    later = setTimeout(() => history.replaceState(null, "", `#${pair.join("x")}`), SETTLED);
  }

  /** The pair that the address names; an anchor of the page names none, and nothing changes. */
  function fromAddress() {
    let text = "";
    try {
      text = decodeURIComponent(location.hash.slice(1));
    } catch { /* a stray percent sign: no pair */ }
    const pair = Pairs.parse(text);
    find("status").textContent = "";
    if (pair) {
      choose(pair);
      HeatMap.cell(...pair).scrollIntoView({ block: "center", inline: "center" });
    } else if (/^[EI]\w+[x×]\w+$/i.test(text)) {
      find("status").textContent = `${text} is not in the picture: two integers or two minifloats of 3 to 8 bits are.`;
    }
  }

  function showAll() {
    showMap();
    showCard(chosen);
    PairTable.show(Pairs.rows.filter(row => row.k === length() && row.variant === variant()));
  }

  // ---- Once, at the start ------------------------------------------------------------------------------------------

  const options = (values, text, start) => values.map(value =>
    `<option value="${value}"${value === start ? " selected" : ""}>${text(value)}</option>`).join("");

  function listen() {
    controls.addEventListener("submit", event => event.preventDefault());
    controls.addEventListener("change", showAll);
    const cellAt = event => event.target.closest("tbody td");
    const pairOf = cell => [cell.dataset.a, cell.dataset.b];
    HeatMap.box.addEventListener("pointerover", event => {
      if (event.pointerType === "mouse") showCard(cellAt(event) ? pairOf(cellAt(event)) : chosen);
    });
    HeatMap.box.addEventListener("pointerleave", () => showCard(chosen));
    HeatMap.box.addEventListener("click", event => cellAt(event) && chooseAndTell(pairOf(cellAt(event))));
    HeatMap.box.addEventListener("keydown", event => {
      const next = cellAt(event) && HeatMap.neighbour(cellAt(event), event.key);
      if (!next) return;
      event.preventDefault();
      chooseAndTell(pairOf(next));
      next.focus();
    });
    window.addEventListener("hashchange", fromAddress);
  }

  function start() {
    find("k").innerHTML = options(Pairs.lengths, grouped, Pairs.start.k);
    find("variant").innerHTML = options(Pairs.variants, String, Pairs.start.variant);
    find("measure").innerHTML = options(Object.keys(Pairs.MEASURES), column => Pairs.MEASURES[column], "lut");
    HeatMap.make();
    PairTable.start();
    listen();
    choose(chosen);
    showAll();
    fromAddress();
  }

  return Object.freeze({ start });
})();

document.documentElement.classList.add("luts-drawn"); // the picture for paper hides; see luts.css
for (const part of document.querySelectorAll(".explorer[hidden]")) part.hidden = false;
Luts.start();
