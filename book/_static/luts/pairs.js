/* Pairs of formats and what their MACs cost: the rows that the page was built with, and how to look things up in them. */
"use strict";

const Pairs = (() => {
  const data = JSON.parse(document.getElementById("luts-data").textContent);
  const formats = data.formats;
  const byName = new Map(formats.map(format => [format.name, format]));
  const rows = data.rows.map(values => Object.fromEntries(data.columns.map((column, i) => [column, values[i]])));
  const key = (a, b, k, variant) => [a, b, k, variant].join(" ");
  const byKey = new Map(rows.map(row => [key(row.a, row.b, row.k, row.variant), row]));
  const distinct = column => [...new Set(rows.map(row => row[column]))];

  /** Columns that the picture can show. The accumulator's bits are the flip-flops. */
  const MEASURES = {
    lut: "LUTs",
    ff: "flip-flops",
    carry4: "CARRY4",
    depth: "LUT levels",
  };

  const find = (a, b, k, variant) => byKey.get(key(a, b, k, variant));

  /** The two integers of as many bits as the two formats. */
  const integersFor = (a, b) => [a, b].map(name => `INT${byName.get(name).bits}`);

  const kindOf = row => byName.get(row.a).kind;

  /** For minifloats, the row of the integers of as many bits at the same length and variant; undefined where there is none. */
  const integerRow = row => (kindOf(row) === "minifloat" ? find(...integersFor(row.a, row.b), row.k, row.variant) : undefined);

  /** A measure as a multiple of the integers'; undefined where these have no row. */
  function ratio(row, measure) {
    const integers = integerRow(row);
    return integers && row[measure] / integers[measure];
  }

  const words = row => `${row.a} × ${row.b}`;
  const link = row => `#${row.a}x${row.b}`;

  /** "E4M3xE2M1" in any case, with x or × or *, as a pair of formats of one kind; null when it names none. */
  function parse(text) {
    const match = /^([^x×*]+)[x×*]([^x×*]+)$/i.exec(text.replace(/\s/g, ""));
    const pair = match && [match[1], match[2]].map(name => byName.get(name.toUpperCase()));
    return pair && pair[0] && pair[1] && pair[0].kind === pair[1].kind ? pair.map(format => format.name) : null;
  }

  /** Rows as CSV text, with every column. */
  const csv = chosen => [data.columns, ...chosen.map(row => data.columns.map(column => row[column]))]
    .map(line => `${line.join(",")}\n`).join("");

  const lengths = distinct("k").sort((x, y) => x - y);
  const variants = distinct("variant").sort();
  const { start, colours } = data;

  return Object.freeze({ rows, formats, lengths, variants, start, colours, MEASURES, find, integerRow, ratio, kindOf, words,
                         link, parse, csv });
})();
