/* The explorer's drawings: from formats and numbers to SVG text. A minifloat is orange circles on dashed lines, an integer blue
   squares on solid ones. */
"use strict";

const Pictures = (() => {
  const { power, number } = Notation;
  const PAD = 14;
  const ROOM = 9; // pixels that a marker head needs

  const text = (x, y, words, anchor = "middle", style = "label") =>
    `<text class="${style}" x="${x.toFixed(1)}" y="${y}" text-anchor="${anchor}">${words}</text>`;
  const line = (x1, y1, x2, y2, style) =>
    `<line class="${style}" x1="${x1.toFixed(1)}" y1="${y1}" x2="${x2.toFixed(1)}" y2="${y2}"/>`;
  const head = (kind, x, y) => (kind === "integer"
    ? `<rect x="${(x - 3).toFixed(1)}" y="${y - 3}" width="6" height="6"/>`
    : `<circle cx="${x.toFixed(1)}" cy="${y}" r="3.3"/>`);

  function svg(width, height, title, description, body) {
    const size = `viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"`;
    return `<svg role="img" ${size} aria-label="${title}. ${description}">`
      + `<title>${title}</title>${body}</svg>`;
  }

  /** Round numbers from lo to hi, about `count` of them. */
  function roundTicks(lo, hi, count) {
    const raw = (hi - lo) / Math.max(count, 1);
    const ten = 10 ** Math.floor(Math.log10(raw));
    const step = ten * ([1, 2, 5].find(f => f * ten >= raw) || 10);
    const first = Math.ceil(lo / step);
    return Array.from({ length: Math.floor(hi / step) - first + 1 }, (_, i) => (first + i) * step);
  }

  /** Whole powers of two from lo to hi, about `count` of them. */
  function binaryTicks(lo, hi, count) {
    const [first, last] = [Math.ceil(Math.log2(lo)), Math.floor(Math.log2(hi))];
    const step = Math.max(1, Math.ceil((last - first + 1) / count));
    const from = Math.ceil(first / step) * step;
    return Array.from({ length: Math.max(0, Math.floor((last - from) / step) + 1) }, (_, i) => 2 ** (from + i * step));
  }

  /** A map from values to pixels, linear or logarithmic. A format with a single positive value still gets a line. */
  function axis(lowest, highest, from, to, logarithmic) {
    const [lo, hi] = lowest < highest ? [lowest, highest] : [lowest / 2, highest * 2];
    const f = logarithmic ? Math.log2 : v => v;
    const at = v => from + ((f(v) - f(lo)) / (f(hi) - f(lo))) * (to - from);
    return { at, lo, hi, logarithmic };
  }

  function scale({ at, lo, hi, logarithmic }, y, width) {
    const ticks = logarithmic ? binaryTicks(lo, hi, width / 52) : roundTicks(lo, hi, width / 60);
    const labels = ticks.map(v => {
      const words = logarithmic ? power(Math.round(Math.log2(v))) : number(v, 3);
      const half = 4 * words.length; // pixels, so that the ends stay inside
      return line(at(v), y, at(v), y + 5, "axis") + text(Math.min(Math.max(at(v), half), width - half), y + 19, words);
    });
    return line(PAD, y, width - PAD, y, "axis") + labels.join("");
  }

  /** The values of a format, each times `factor`: all of them, or only the positive ones on a logarithmic line. */
  function valuesOf(fmt, factor, logarithmic) {
    const values = Codec.codesAscending(fmt).map(code => fmt.decode(code) * factor);
    return logarithmic ? values.filter(v => v > 0) : values;
  }

  function lane(fmt, values, label, y, at) {
    const dense = (values.length - 1) * ROOM > at(values[values.length - 1]) - at(values[0]);
    const heads = dense ? "" : values.map(v => head(fmt.kind, at(v), y - 12)).join("");
    const ticks = values.map(v => `M${at(v).toFixed(1)} ${y - 12}v24`).join("");
    return `<g class="${fmt.kind}">${text(PAD, y - 24, label, "start", "name")}`
      + `<path class="ticks${dense ? " thin" : ""}" d="${ticks}"/>${heads}</g>`;
  }

  /** Number lines of a format and, below, of another one scaled so that the largest values meet.
      Returns the SVG text and `valueAt`, the nearest value of the format to a horizontal position. */
  function numberLine({ fmt, beside, chosen, logarithmic, width }) {
    const values = valuesOf(fmt, 1, logarithmic);
    const others = beside ? valuesOf(beside, fmt.max / beside.max, logarithmic) : [];
    const map = axis(Math.min(values[0], others[0] ?? Infinity), fmt.max, PAD, width - PAD, logarithmic);
    const bottom = beside ? 164 : 96;
    let body = "";
    if (fmt.minNormal > fmt.minSubnormal) {
      const left = map.at(logarithmic ? fmt.minSubnormal : -fmt.minNormal);
      const right = map.at(fmt.minNormal);
      body += `<rect class="band" x="${left.toFixed(1)}" y="44" width="${(right - left).toFixed(1)}" height="40"/>`;
      if (right - left > 70) body += text((left + right) / 2, 96, "subnormal");
    }
    body += lane(fmt, values, fmt.name, 64, map.at);
    if (beside) body += lane(beside, others, `${beside.name}, scaled`, 136, map.at);
    const marked = logarithmic ? Math.abs(chosen) : chosen;
    if (marked !== 0 || !logarithmic) {
      const x = map.at(marked);
      const near = Math.min(Math.max(x, 40), width - 40);
      body += line(x, 40, x, 80, "chosen") + `<path class="pointer" d="M${x.toFixed(1)} 41l-5 -9h10z"/>`
        + text(near, 26, logarithmic && chosen < 0 ? `|${number(chosen)}|` : number(chosen), "middle", "chosen");
    }
    const more = beside ? ` Below, the ${others.length} values of ${beside.name}, evenly spaced.` : "";
    const markup = svg(width, bottom + 28, `Number line of ${fmt.name}`,
      `${values.length} values from ${number(values[0])} to ${number(fmt.max)}; ${number(chosen)} is marked.${more}`,
      body + scale(map, bottom, width));
    const valueAt = x => values.reduce((best, v) => (Math.abs(map.at(v) - x) < Math.abs(map.at(best) - x) ? v : best));
    return { markup, valueAt };
  }

  function curve(kind, points, x, y) {
    const path = points.map((p, i) => `${i ? "L" : "M"}${x(p.magnitude).toFixed(1)} ${y(p.error).toFixed(1)}`).join("");
    let last = -Infinity; // heads that do not touch
    const heads = points.map(p => {
      if (Math.abs(x(p.magnitude) - last) < ROOM) return "";
      last = x(p.magnitude);
      return head(kind, last, Number(y(p.error).toFixed(1)));
    });
    return `<g class="${kind}"><path class="curve" d="${path}"/>${heads.join("")}</g>`;
  }

  /** Largest relative error against magnitude, both logarithmic, of a format and of another one, scaled as above. */
  function errorCurve({ fmt, beside, description, width }) {
    const own = Codec.errorCurve(fmt);
    const factor = beside ? fmt.max / beside.max : 1;
    const other = beside ? Codec.errorCurve(beside).map(p => ({ ...p, magnitude: p.magnitude * factor })) : [];
    const all = [...own, ...other];
    const [left, bottom, top] = [52, 228, 30];
    const x = axis(Math.min(...all.map(p => p.magnitude)), Math.max(...all.map(p => p.magnitude)), left, width - PAD, true);
    const y = axis(Math.min(...all.map(p => p.error)), 1, bottom, top, true);
    const levels = [1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001].filter(e => e >= y.lo);
    const grid = levels.map(e => line(left, y.at(e).toFixed(1), width - PAD, y.at(e).toFixed(1), "grid")
      + text(left - 6, (y.at(e) + 4).toFixed(1), `${number(100 * e)} %`, "end")).join("");
    const ticks = binaryTicks(x.lo, x.hi, (width - left) / 52).map(v => line(x.at(v), bottom, x.at(v), bottom + 5, "axis")
      + text(x.at(v), bottom + 19, power(Math.round(Math.log2(v))))).join("");
    const body = grid + line(left, bottom, width - PAD, bottom, "axis") + ticks
      + text(left, 14, "largest relative error", "start") + text((left + width) / 2, bottom + 38, "magnitude of the number")
      + (beside ? curve(beside.kind, other, x.at, y.at) : "") + curve(fmt.kind, own, x.at, y.at);
    const names = beside ? `${fmt.name} and ${beside.name}` : fmt.name;
    return svg(width, bottom + 46, `Largest relative error of ${names}`, description, body);
  }

  /** Where x falls between the two nearest values of the format, and which one it goes to. */
  function rounding({ fmt, x, width }) {
    const values = valuesOf(fmt, 1, false).filter(v => !Object.is(v, -0));
    const above = values.findIndex(v => v > x);
    const index = above < 0 ? values.length - 1 : Math.max(above, 1);
    const [low, high] = [values[index - 1], values[index]];
    const { at } = axis(low, high, 0.2 * width, 0.8 * width, false);
    const here = Math.min(Math.max(at(x), PAD), width - PAD);
    const to = at(fmt.round(x));
    const middle = at((low + high) / 2);
    const body = line(PAD, 52, width - PAD, 52, "axis")
      + `<g class="${fmt.kind}"><path class="ticks" d="M${at(low)} 40v24M${at(high)} 40v24"/>`
      + `${head(fmt.kind, at(low), 40)}${head(fmt.kind, at(high), 40)}</g>`
      + text(at(low), 82, number(low)) + text(at(high), 82, number(high))
      + line(middle, 46, middle, 58, "grid middle") + (width > 420 ? text(middle, 82, "half-way") : "")
      + `<path class="cross" d="M${here - 5} 47l10 10m0 -10l-10 10"/>${text(here, 22, "x", "middle", "chosen")}`
      + (Math.abs(to - here) > 3 ? `<path class="arrow" d="M${here} 28Q${(here + to) / 2} 14 ${to} 31"/>`
        + `<path class="pointer" d="M${to} 34l-4 -8h8z"/>` : "");
    return svg(width, 92, `Rounding to ${fmt.name}`,
      `x is ${number(x)}, next to the values ${number(low)} and ${number(high)}; it becomes ${number(fmt.round(x))}.`, body);
  }

  /** A sample of line and marker for the legend. */
  function swatch(kind) {
    return '<svg aria-hidden="true" width="34" height="12" viewBox="0 0 34 12">'
      + `<g class="${kind}"><path class="curve" d="M1 6H33"/>${head(kind, 17, 6)}</g></svg>`;
  }

  return Object.freeze({ numberLine, errorCurve, rounding, swatch });
})();
