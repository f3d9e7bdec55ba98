/* Number formats in the browser: the codec of repro/formats and the exact width of repro/accumulators.py, and no page.
   tests/book/test_explorer_codec.py proves both equal, code by code. */
"use strict";

const Codec = (() => {
  const float64 = new DataView(new ArrayBuffer(8));

  /** 2 ** n, exactly, for n from -1022 to 1023. */
  function pow2(n) {
    float64.setUint32(0, (n + 1023) << 20);
    float64.setUint32(4, 0);
    return float64.getFloat64(0);
  }

  /** floor(log2 x) for x > 0; -1023 for zero and for whatever is below 2 ** -1022. */
  function exponentOf(x) {
    float64.setFloat64(0, x);
    return ((float64.getUint16(0) >> 4) & 2047) - 1023;
  }

  /** The nearest integer; a tie goes to the one that is even once `offset` is added. */
  function nearest(x, offset = 0) {
    const below = Math.floor(x);
    const rest = x - below;
    const odd = (below + offset) % 2 !== 0;
    return below + (rest > 0.5 || (rest === 0.5 && odd) ? 1 : 0);
  }

  /** ExMy: sign, exponent, mantissa; subnormals; no infinity and no NaN. The bias is 2 ** (e - 1) - 1 unless given. */
  class Minifloat {
    constructor(exponentBits, mantissaBits, bias = Minifloat.usualBias(exponentBits)) {
      Object.assign(this, { kind: "minifloat", exponentBits, mantissaBits, bias });
      Object.freeze(this);
    }

    static usualBias(exponentBits) {
      return 2 ** (exponentBits - 1) - 1;
    }

    get name() {
      const usual = this.bias === Minifloat.usualBias(this.exponentBits);
      return `E${this.exponentBits}M${this.mantissaBits}${usual ? "" : `B${this.bias}`}`;
    }

    get bits() { return 1 + this.exponentBits + this.mantissaBits; }
    get max() { return (2 - pow2(-this.mantissaBits)) * pow2(2 ** this.exponentBits - 1 - this.bias); }
    get min() { return -this.max; }
    get minNormal() { return pow2(1 - this.bias); }
    get minSubnormal() { return pow2(1 - this.bias - this.mantissaBits); }

    /** The three numbers stored in a code. */
    fields(code) {
      const { exponentBits: e, mantissaBits: m } = this;
      return { sign: code >> (e + m), exponent: (code >> m) & (2 ** e - 1), mantissa: code & (2 ** m - 1) };
    }

    decode(code) {
      const { sign, exponent, mantissa } = this.fields(code);
      const significand = mantissa + (exponent > 0 ? 2 ** this.mantissaBits : 0);
      const magnitude = significand * pow2(Math.max(exponent, 1) - this.bias - this.mantissaBits);
      return sign ? -magnitude : magnitude;
    }

    encode(value) { return this.rounding(value).code; }
    round(value) { return this.rounding(value).value; }

    /** Rounds to nearest, ties to the even code, saturating; returns every step on the way. */
    rounding(value) {
      if (Number.isNaN(value)) throw new RangeError(`${this.name} has no NaN`);
      const m = this.mantissaBits;
      const magnitude = Math.min(Math.abs(value), 2 * this.max);
      const exponent = Math.max(exponentOf(magnitude), 1 - this.bias);
      const step = pow2(exponent - m);
      const scaled = magnitude / step;
      // Without mantissa bits every significand is 1, and it is the exponent that makes a code even or odd.
      const first = (exponent + this.bias - 1) * 2 ** m;
      const significand = nearest(scaled, first);
      const largest = 2 ** (this.bits - 1) - 1;
      const negative = value < 0 || Object.is(value, -0);
      const code = (negative ? largest + 1 : 0) + Math.min(first + significand, largest);
      const saturates = first + significand > largest;
      return { exponent, step, scaled, significand, saturates, tie: scaled % 1 === 0.5, code, value: this.decode(code) };
    }

    /** The least and the greatest value in units of minSubnormal. */
    extremes() {
      const greatest = (2n ** BigInt(this.mantissaBits + 1) - 1n) << BigInt(2 ** this.exponentBits - 2);
      return [-greatest, greatest];
    }
  }

  /** Two's complement. A code is the value's bits read as an unsigned integer. */
  class Integer {
    constructor(bits) {
      Object.assign(this, { kind: "integer", bits });
      Object.freeze(this);
    }

    get name() { return `INT${this.bits}`; }
    get max() { return 2 ** (this.bits - 1) - 1; }
    get min() { return -this.max - 1; }
    get minSubnormal() { return 1; }

    decode(code) { return code > this.max ? code - 2 ** this.bits : code; }
    encode(value) { return this.rounding(value).code; }
    round(value) { return this.rounding(value).value; }

    rounding(value) {
      if (Number.isNaN(value)) throw new RangeError(`${this.name} has no NaN`);
      const significand = nearest(value) + 0; // + 0 turns -0 into 0
      const rounded = Math.min(Math.max(significand, this.min), this.max);
      const code = rounded < 0 ? rounded + 2 ** this.bits : rounded;
      return { step: 1, scaled: value, significand, saturates: significand !== rounded, tie: Math.abs(value % 1) === 0.5,
               code, value: rounded };
    }

    extremes() { return [BigInt(this.min), BigInt(this.max)]; }
  }

  /** "E4M3", "E4M3B9", "INT8" to a format; null for any other name. */
  function parse(name) {
    const minifloat = /^E(\d{1,2})M(\d{1,2})(?:B(-?\d{1,3}))?$/i.exec(name);
    if (minifloat) {
      const [e, m, bias] = minifloat.slice(1).map(text => (text === undefined ? undefined : Number(text)));
      return new Minifloat(e, m, bias);
    }
    const integer = /^INT(\d{1,2})$/i.exec(name);
    return integer && new Integer(Number(integer[1]));
  }

  /** All codes in ascending order of value; -0 stands before 0. */
  function codesAscending(fmt) {
    const half = 2 ** (fmt.bits - 1);
    const upper = Array.from({ length: half }, (_, i) => half + i);
    const lower = Array.from({ length: half }, (_, i) => i);
    return [...(fmt.kind === "minifloat" ? upper.reverse() : upper), ...lower];
  }

  /** Zero and the positive values, ascending. */
  function magnitudes(fmt) {
    return Array.from({ length: 2 ** (fmt.bits - 1) }, (_, code) => fmt.decode(code));
  }

  /** What a format's name implies. Decibels: 20 log10 of the largest over the smallest positive value. */
  function summary(fmt) {
    const range = fmt.max / fmt.minSubnormal;
    return { bits: fmt.bits, largest: fmt.max, step: fmt.minSubnormal, binades: Math.log2(range),
             decibels: 20 * Math.log10(range), values: 2 ** fmt.bits - (fmt.kind === "minifloat" ? 1 : 0) };
  }

  /** The largest relative rounding error near each magnitude: it occurs half-way between two neighbours. */
  function errorCurve(fmt) {
    const values = magnitudes(fmt);
    return values.slice(1).map((above, i) => {
      const halfGap = (above - values[i]) / 2;
      return { magnitude: values[i] + halfGap, error: halfGap / (values[i] + halfGap) };
    });
  }

  const bitLength = n => (n > 0n ? n.toString(2).length : 0);

  /** Smallest two's-complement width that holds every sum of k products of formats a and b; k is a BigInt. */
  function exactWidth(a, b, k) {
    const products = a.extremes().flatMap(x => b.extremes().map(y => k * x * y));
    return 1 + Math.max(...products.map(p => bitLength(p < 0n ? -p - 1n : p)));
  }

  return Object.freeze({ Minifloat, Integer, parse, codesAscending, magnitudes, summary, errorCurve, exactWidth, exponentOf });
})();
