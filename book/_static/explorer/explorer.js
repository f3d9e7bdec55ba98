/* The format explorer's page: one chosen format and one chosen code; every panel is drawn from the two. */
"use strict";

const Explorer = (() => {
  const { number, percent, withPower } = Notation;
  const data = JSON.parse(document.getElementById("explorer-data").textContent);
  const { limits } = data;
  const find = id => document.getElementById(`explorer-${id}`);
  const controls = find("controls");
  const body = find("codes").querySelector("tbody");
  const presets = data.formats.map(({ kind, bits, exponentBits, mantissaBits, bias }) => (kind === "integer"
    ? new Codec.Integer(bits) : new Codec.Minifloat(exponentBits, mantissaBits, bias)));
  const within = ([lo, hi], n) => lo <= n && n <= hi;
  const LIKE_A_FORMAT = /^(?:U?INT|E|B?FP?|TF)\d/i; // E9M9, UINT4, FP8, BF16: a wish for a format, whether it is known or not
  const LARGEST_DIGITS = 10; // enough to show the largest value of every format with its usual bias in full
  const clamp = ([lo, hi], n) => Math.min(Math.max(n, lo), hi);

  let fmt; // the format on show
  let code; // the code on show
  let wanted = 1; // the value the reader chose last; another format starts from the nearest it has
  let lastMinifloat; // what "minifloat" returns to
  let nearestTick; // from the drawn number line: horizontal position to value

  // ---- Choosing a format -------------------------------------------------------------------------------------------

  /** Whether the controls can show this format. */
  function offered(candidate) {
    if (candidate.kind === "integer") return within(limits.integerBits, candidate.bits);
    return within(limits.exponentBits, candidate.exponentBits) && within(limits.mantissaBits, candidate.mantissaBits)
      && candidate.bits <= limits.maxBits && within(limits.bias, candidate.bias);
  }

  function choose(chosen, note = "") {
    fmt = chosen;
    if (fmt.kind === "minifloat") lastMinifloat = fmt;
    code = fmt.encode(wanted);
    if (location.hash !== `#${fmt.name}`) history.replaceState(null, "", `#${fmt.name}`);
    showControls();
    find("status").textContent = `${note}${fmt.name}: ${fmt.bits} bits, ${Codec.summary(fmt).values} values `
      + `up to ${number(fmt.max, LARGEST_DIGITS)}.`;
    showSummary();
    makeFields();
    makeTable();
    showCode();
    showCurve();
    showRounding();
    showWidths();
    Drill.renew();
  }

  /** The format the address names, if it names one. An anchor of the page is no format: nothing changes. */
  function fromAddress() {
    const name = location.hash.slice(1);
    const candidate = Codec.parse(name);
    if (candidate && offered(candidate)) choose(candidate);
    else if (LIKE_A_FORMAT.test(name)) choose(fmt ?? Codec.parse(data.start), `${name} is not on offer here. `);
    else if (!fmt) choose(Codec.parse(data.start));
  }

  function showControls() {
    const known = presets.some(preset => preset.name === fmt.name);
    const preset = find("preset");
    preset.querySelector("[data-own]").hidden = known;
    preset.querySelector("[data-own]").textContent = `${fmt.name}`;
    preset.value = known ? fmt.name : "";
    for (const part of controls.querySelectorAll("[data-kind]")) part.hidden = part.dataset.kind !== fmt.kind;
    controls.elements.kind.value = fmt.kind;
    if (fmt.kind === "minifloat") {
      find("e").value = fmt.exponentBits;
      find("m").value = fmt.mantissaBits;
      find("bias").value = fmt.bias;
      find("bias").removeAttribute("aria-invalid");
      find("usual").disabled = fmt.bias === Codec.Minifloat.usualBias(fmt.exponentBits);
    } else find("bits").value = fmt.bits;
    for (const shown of controls.querySelectorAll(".shown")) shown.textContent = find(shown.dataset.of).value;
  }

  /** The sliders as they stand now; `moved` keeps its place when the two together are too wide. */
  function fromSliders(moved) {
    let [e, m] = [Number(find("e").value), Number(find("m").value)];
    const room = limits.maxBits - 1;
    let note = "";
    if (e + m > room) {
      note = `At most ${limits.maxBits} bits. `;
      if (moved === "e") m = room - e;
      else e = room - m;
    }
    const usual = fmt.bias === Codec.Minifloat.usualBias(fmt.exponentBits);
    choose(new Codec.Minifloat(e, m, usual ? undefined : fmt.bias), note);
  }

  function fromBias() {
    const text = find("bias").value;
    const bias = Number(text);
    if (text !== "" && Number.isInteger(bias) && within(limits.bias, bias)) {
      choose(new Codec.Minifloat(fmt.exponentBits, fmt.mantissaBits, bias));
      return;
    }
    find("bias").setAttribute("aria-invalid", "true");
    find("status").textContent = `The bias is a whole number from ${number(limits.bias[0])} to ${limits.bias[1]}.`;
  }

  function fromKind() {
    if (controls.elements.kind.value === "integer") choose(new Codec.Integer(clamp(limits.integerBits, fmt.bits)));
    else choose(lastMinifloat ?? Codec.parse(data.start));
  }

  // ---- The format ----------------------------------------------------------------------------------------------------

  /** The integer of the same width as a minifloat, to compare with; none for an integer. */
  const beside = () => (fmt.kind === "minifloat" ? new Codec.Integer(fmt.bits) : null);

  function showSummary() {
    const facts = Codec.summary(fmt);
    const minifloat = fmt.kind === "minifloat";
    const entries = [
      ["bits", facts.bits],
      minifloat && ["bias", number(fmt.bias)],
      ["different values", facts.values],
      ["largest", withPower(facts.largest, LARGEST_DIGITS)],
      minifloat ? ["smallest normal", withPower(fmt.minNormal)] : ["most negative", number(fmt.min)],
      minifloat ? ["smallest subnormal", fmt.mantissaBits ? withPower(facts.step) : "none"] : ["step", number(facts.step)],
      ["range", `${facts.binades.toFixed(1)} binades`],
      ["range in decibels", `${facts.decibels.toFixed(1)} dB`],
    ];
    find("summary").innerHTML = entries.filter(Boolean)
      .map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`).join("");
  }

  function makeFields() {
    let place = fmt.bits;
    find("fields").innerHTML = Notation.fields(fmt, code).map(({ part, bits }) => {
      const buttons = [...bits].map((_, i) => {
        place -= 1;
        const name = part === "sign" ? "sign bit" : `${part} bit ${i + 1} of ${bits.length}`;
        return `<button type="button" data-place="${place}" data-name="${name}"></button>`;
      });
      return `<span class="field ${part}"><span class="bits">${buttons.join("")}</span><span>${part}</span></span>`;
    }).join("");
  }

  function makeTable() {
    body.innerHTML = Array.from({ length: 2 ** fmt.bits }, (_, c) => {
      const bits = Notation.fields(fmt, c).map(field => `<span class="${field.part}">${field.bits}</span>`).join(" ");
      return `<tr data-code="${c}" tabindex="-1"><td>${c}</td><td>${bits}</td><td>${number(fmt.decode(c))}</td>`
        + `<td>${Notation.formula(fmt, c)}</td><td>${Notation.kindOf(fmt, c)}</td></tr>`;
    }).join("");
    find("codes").classList.toggle("integer", fmt.kind === "integer");
    const walk = find("walk");
    walk.max = 2 ** fmt.bits - 1;
  }

  /** What the error curve shows, in a sentence or two. */
  function curveWords(other) {
    const curve = Codec.errorCurve(fmt);
    if (curve.length === 1) return `${fmt.name} has a single positive value.`;
    const from = fmt.kind === "minifloat" ? fmt.minNormal : 2 ** (fmt.bits - 2);
    const bound = Math.max(...curve.filter(p => p.magnitude > from).map(p => p.error));
    const words = `From ${withPower(from)} to its largest value, ${fmt.name} is off by at most ${percent(bound)}.`;
    if (!other) return words;
    const steps = Codec.errorCurve(other).findIndex(p => p.error <= bound); // the half-way point below is the last too far off
    const threshold = (steps / (1 + bound)) * (fmt.max / other.max);
    return `${words} ${other.name} keeps to that only from about ${number(threshold, 4)} upwards.`;
  }

  function showCurve() {
    const other = beside();
    const words = curveWords(other);
    const named = [[fmt, fmt.name], other && [other, `${other.name}, scaled so that the largest values meet`]].filter(Boolean);
    find("legend").innerHTML = named.map(([f, name]) => `<span>${Pictures.swatch(f.kind)} ${name}</span>`).join("");
    find("curve").innerHTML = Pictures.errorCurve({ fmt, beside: other, description: words, width: find("curve").clientWidth });
    find("curve-words").textContent = words;
  }

  // ---- The code --------------------------------------------------------------------------------------------------------

  function chooseCode(chosen) {
    code = chosen;
    wanted = fmt.decode(code);
    showCode();
  }

  function showCode() {
    const value = number(fmt.decode(code));
    for (const button of find("fields").querySelectorAll("button")) {
      button.textContent = (code >> button.dataset.place) & 1;
      button.setAttribute("aria-label", `${button.dataset.name}: ${button.textContent}`);
    }
    const kind = Notation.kindOf(fmt, code);
    find("formula").textContent = `${Notation.formula(fmt, code)} = ${value}${kind ? ` (${kind})` : ""}`;
    const walk = find("walk");
    walk.value = Codec.codesAscending(fmt).indexOf(code);
    walk.setAttribute("aria-valuetext", `${value}, code ${Notation.bits(fmt, code)}`);
    const old = body.querySelector("[aria-selected]");
    if (old) {
      old.removeAttribute("aria-selected");
      old.tabIndex = -1;
    }
    const row = body.rows[code];
    row.setAttribute("aria-selected", "true");
    row.tabIndex = 0;
    const box = find("codes"); // scrolled by hand: scrollIntoView would move the page as well
    const head = box.querySelector("thead").offsetHeight;
    if (row.offsetTop < box.scrollTop + head || row.offsetTop + row.offsetHeight > box.scrollTop + box.clientHeight) {
      box.scrollTop = row.offsetTop - box.clientHeight / 2;
    }
    showLine();
  }

  function showLine() {
    const logarithmic = document.querySelector("[name=explorer-view]:checked").value === "logarithmic";
    const { markup, valueAt } = Pictures.numberLine({ fmt, beside: beside(), chosen: fmt.decode(code), logarithmic,
                                                      width: find("line").clientWidth });
    find("line").innerHTML = markup;
    nearestTick = valueAt;
  }

  function moveInTable(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8, Home: -code, End: 2 ** fmt.bits };
    if (!(event.key in steps)) return;
    event.preventDefault();
    chooseCode(clamp([0, 2 ** fmt.bits - 1], code + steps[event.key]));
    body.rows[code].focus({ preventScroll: true });
  }

  // ---- Rounding and accumulating -----------------------------------------------------------------------------------------

  const list = steps => `<ol>${steps.map(step => `<li>${step}</li>`).join("")}</ol>`;

  function showRounding() {
    const x = Notation.readNumber(find("x").value);
    find("x").setAttribute("aria-invalid", x === null);
    if (x === null) {
      find("rounding").innerHTML = "";
      find("steps").textContent = "That is no number.";
      return;
    }
    const value = fmt.round(x);
    const error = Math.abs(x - value);
    const relative = x === 0 ? "" : ` (${percent(error / Math.abs(x))})`;
    find("rounding").innerHTML = Pictures.rounding({ fmt, x, width: find("rounding").clientWidth });
    const last = Number.isFinite(x) ? `The error is ${number(error)}${relative}.` : "The error is infinite.";
    find("steps").innerHTML = list([...Notation.roundingSteps(fmt, x), last]);
  }

  function showWidths() {
    const text = find("k").value.replace(/[\s,_]/g, "");
    const valid = /^0*[1-9]\d{0,29}$/.test(text);
    find("k").setAttribute("aria-invalid", !valid);
    if (!valid) {
      find("widths").textContent = "K is a whole number of at least 1, of at most 30 digits.";
      return;
    }
    const formats = [fmt, beside()].filter(Boolean);
    const widths = formats.map(f => Codec.exactWidth(f, f, BigInt(text)));
    const share = width => (100 * width) / Math.max(...widths);
    const bars = formats.map((f, i) => `<div class="width ${f.kind}"><span>${f.name}</span><span class="track">`
      + `<span class="bar" style="width: ${share(widths[i])}%"></span></span><b>${widths[i]} bits</b></div>`);
    find("widths").innerHTML = bars.join("") + list(Notation.widthSteps(fmt, BigInt(text)));
  }

  // ---- Once, at the start ----------------------------------------------------------------------------------------------

  function fillControls() {
    const groups = new Map();
    for (const preset of presets) groups.set(preset.bits, [...(groups.get(preset.bits) ?? []), preset.name]);
    find("preset").innerHTML = '<option value="" data-own hidden></option>' + [...groups].map(([bits, names]) =>
      `<optgroup label="${bits} bits">${names.map(name => `<option>${name}</option>`).join("")}</optgroup>`).join("");
    const ranges = { e: limits.exponentBits, m: limits.mantissaBits, bits: limits.integerBits, bias: limits.bias };
    for (const [id, range] of Object.entries(ranges)) [find(id).min, find(id).max] = range;
    find("k").value = data.k;
  }

  const on = (element, type, action) => element.addEventListener(type, action);

  /** A screen reader hears `region` change only while the reader is at `source`: a new format changes them all at once. */
  function speaksFor(source, region) {
    on(source, "focusin", () => region.setAttribute("aria-live", "polite"));
    on(source, "focusout", () => region.removeAttribute("aria-live"));
  }

  function listen() {
    on(controls, "submit", event => event.preventDefault());
    on(find("preset"), "change", () => find("preset").value && choose(Codec.parse(find("preset").value)));
    for (const radio of controls.elements.kind) on(radio, "change", fromKind);
    on(find("e"), "input", () => fromSliders("e"));
    on(find("m"), "input", () => fromSliders("m"));
    on(find("bits"), "input", () => choose(new Codec.Integer(Number(find("bits").value))));
    on(find("bias"), "input", fromBias);
    on(find("usual"), "click", () => {
      choose(new Codec.Minifloat(fmt.exponentBits, fmt.mantissaBits));
      find("bias").focus(); // the button is disabled now and would drop the focus
    });
    on(window, "hashchange", fromAddress);
    on(find("fields"), "click", event => {
      const { place } = event.target.dataset;
      if (place) chooseCode(code ^ (1 << place));
    });
    for (const radio of document.getElementsByName("explorer-view")) on(radio, "change", showLine);
    on(find("line"), "click", event => {
      const x = event.clientX - find("line").getBoundingClientRect().left;
      chooseCode(fmt.encode(nearestTick(x)));
    });
    on(find("walk"), "input", () => chooseCode(Codec.codesAscending(fmt)[find("walk").value]));
    on(body, "click", event => chooseCode(Number(event.target.closest("tr").dataset.code)));
    on(body, "keydown", moveInTable);
    on(find("x"), "input", showRounding);
    on(find("k"), "input", showWidths);
    speaksFor(find("fields"), find("formula"));
    speaksFor(find("x"), find("steps"));
    speaksFor(find("k"), find("widths"));
    let drawn = 0;
    new ResizeObserver(() => {
      if (drawn === find("line").clientWidth) return; // only the height changed
      drawn = find("line").clientWidth;
      [showLine, showCurve, showRounding].forEach(draw => draw());
    }).observe(find("line"));
  }

  return { start() { fillControls(); listen(); fromAddress(); }, get format() { return fmt; } };
})();

document.querySelector(".explorer-fallback").remove();
for (const part of document.querySelectorAll(".explorer[hidden]")) part.hidden = false; // first: drawings need their widths
Explorer.start();
