/* The table below the picture: the pairs at the chosen length and variant; filter, sort, download. */
"use strict";

const PairTable = (() => {
  const find = id => document.getElementById(`luts-${id}`);
  const place = name => Pairs.formats.findIndex(format => format.name === name);
  const COLUMNS = [
    { name: "a × b", value: row => place(row.a) * Pairs.formats.length + place(row.b),
      text: row => `<a href="${Pairs.link(row)}">${Pairs.words(row)}</a>` },
    { name: "LUTs", value: row => row.lut },
    { name: "÷ INT", value: row => Pairs.ratio(row, "lut"), text: row => Pairs.ratio(row, "lut")?.toFixed(2) ?? "–" },
    { name: "FF", value: row => row.ff },
    { name: "CARRY4", value: row => row.carry4 },
    { name: "levels", value: row => row.depth },
    { name: "acc. bits", value: row => row.acc_bits },
    { name: "pairs run", value: row => (row.mismatches ? 0 : row.pairs) },
  ];
  let rows = []; // at the chosen length and variant
  let shown = []; // those that pass the filter, in order
  let sorted = { column: 0, up: true };

  /** Whether every word of the filter begins one of the two names; E4M3xE2M1 asks for that very pair. */
  function passes(row, text, kind) {
    if (kind && Pairs.kindOf(row) !== kind) return false;
    const pair = Pairs.parse(text);
    if (pair) return row.a === pair[0] && row.b === pair[1];
    return text.toUpperCase().split(/\s+/).filter(Boolean).every(word => row.a.startsWith(word) || row.b.startsWith(word));
  }

  function line(row) {
    const [name, ...numbers] = COLUMNS.map(({ value, text }) => (text ? text(row) : value(row).toLocaleString("en")));
    return `<tr><th scope="row">${name}</th>${numbers.map(number => `<td>${number}</td>`).join("")}</tr>`;
  }

  function update() {
    const { value } = COLUMNS[sorted.column];
    const sign = sorted.up ? 1 : -1;
    shown = rows.filter(row => passes(row, find("filter").value, find("kind").value));
    const last = row => (value(row) === undefined ? 1 : 0); // no value goes last, up or down
    shown.sort((x, y) => last(x) - last(y) || sign * (value(x) - value(y))
      || COLUMNS[0].value(x) - COLUMNS[0].value(y)); // equal ones in the order of the picture
    find("table").tBodies[0].innerHTML = shown.map(line).join("");
    find("table").querySelectorAll("thead th").forEach((head, i) => {
      if (i === sorted.column) head.setAttribute("aria-sort", sorted.up ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    });
    find("lines").textContent = `${shown.length} of ${rows.length} pairs.`;
    find("download").textContent = `Download these ${shown.length} (CSV)`;
    find("download").disabled = shown.length === 0;
  }

  /** Show other rows, filtered and sorted as before. */
  function show(chosen) {
    rows = chosen;
    update();
  }

  function sortBy(column) {
    sorted = { column, up: sorted.column === column ? !sorted.up : true };
    update();
  }

  function download(chosen, name) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([Pairs.csv(chosen)], { type: "text/csv" }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000); // at once would stop a slow browser's download
  }

  function start() {
    find("table").tHead.innerHTML = `<tr>${COLUMNS.map(({ name }, i) =>
      `<th scope="col"><button type="button" data-column="${i}">${name}</button></th>`).join("")}</tr>`;
    find("table").tHead.addEventListener("click", event => {
      const { column } = event.target.dataset;
      if (column) sortBy(Number(column));
    });
    find("filter").addEventListener("input", update);
    find("kind").addEventListener("change", update);
    find("download").addEventListener("click", () => download(shown, "luts.csv"));
    find("download-all").addEventListener("click", () => download(Pairs.rows, "luts-all.csv"));
    find("download-all").textContent = `Download all ${Pairs.rows.length.toLocaleString("en")} rows (CSV)`;
  }

  return Object.freeze({ start, show });
})();
