/* The heat map: a table of a times b for the integers and one for the minifloats, with one cell in the tab order. */
"use strict";

const HeatMap = (() => {
  const cells = new Map(); // "E4M3xE2M1" -> its cell
  const box = document.getElementById("luts-map");
  const STEPS = { // rows down, columns to the right
    ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1],
    PageUp: [-6, 0], PageDown: [6, 0], Home: [0, -99], End: [0, 99],
  };

  /** The class of a row or column before which there is a gap, because its format is wider than the last one. */
  const wider = (formats, i) => (i && formats[i - 1].bits !== formats[i].bits ? "wider" : "");

  function table(kind) {
    const formats = Pairs.formats.filter(format => format.kind === kind);
    const head = formats.map((b, j) => `<th scope="col" class="b ${wider(formats, j)}" data-b="${b.name}">`
      + `<span>${b.name}</span></th>`);
    const cell = (a, b, j) => `<td class="${wider(formats, j)}" data-a="${a.name}" data-b="${b.name}"></td>`;
    const lines = formats.map((a, i) => `<tr class="${wider(formats, i)}"><th scope="row" data-a="${a.name}">${a.name}</th>`
      + `${formats.map((b, j) => cell(a, b, j)).join("")}</tr>`);
    return `<table role="grid" aria-label="${kind}s: a down, b across">`
      + `<caption>${kind}s, <i>a</i> down, <i>b</i> across</caption>`
      + `<thead><tr><td></td>${head.join("")}</tr></thead><tbody>${lines.join("")}</tbody></table>`;
  }

  function make() {
    for (const block of box.querySelectorAll("[data-kind]")) block.innerHTML = table(block.dataset.kind);
    for (const cell of box.querySelectorAll("tbody td")) cells.set(`${cell.dataset.a}x${cell.dataset.b}`, cell);
  }

  /** Fill every cell: `show` says its text, its full words, and its colours; null where there is no row. */
  function fill(show) {
    for (const cell of cells.values()) {
      const shown = show(cell.dataset.a, cell.dataset.b);
      cell.textContent = shown?.text ?? "";
      cell.setAttribute("aria-label", shown?.words ?? `${cell.dataset.a} × ${cell.dataset.b}: not computed`);
      cell.style.backgroundColor = shown?.background ?? "";
      cell.style.color = shown?.ink ?? "";
    }
  }

  /** Mark a pair in the map and on both of its margins. */
  function mark(a, b) {
    for (const old of box.querySelectorAll("[aria-selected], .marked")) {
      old.removeAttribute("aria-selected");
      old.classList.remove("marked");
    }
    for (const cell of cells.values()) cell.tabIndex = -1;
    const cell = cells.get(`${a}x${b}`);
    cell.setAttribute("aria-selected", "true");
    cell.tabIndex = 0;
    const heads = cell.closest("table").querySelectorAll(`th[data-a="${a}"], th[data-b="${b}"]`);
    for (const head of heads) head.classList.add("marked");
  }

  /** The pair that a key leads to from a cell; null for any other key. */
  function neighbour(cell, key) {
    if (!(key in STEPS)) return null;
    const limit = cell.parentElement.cells.length - 1;
    const [row, column] = [cell.parentElement.rowIndex, cell.cellIndex];
    const clamp = n => Math.min(Math.max(n, 1), limit);
    return cell.closest("table").rows[clamp(row + STEPS[key][0])].cells[clamp(column + STEPS[key][1])];
  }

  return Object.freeze({ box, make, fill, mark, neighbour, cell: (a, b) => cells.get(`${a}x${b}`) });
})();
