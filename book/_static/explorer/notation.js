/* How the explorer writes numbers, codes and worked solutions, and how it reads what people type. */
"use strict";

const Notation = (() => {
  const SUPERSCRIPTS = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };
  const raised = n => [...String(n)].map(sign => SUPERSCRIPTS[sign]).join("");
  const minus = text => text.replace("-", "−");

  /** 2 to the n, such as 2⁻⁹. */
  const power = n => `2${raised(n)}`;

  /** Up to `digits` significant digits; very large and very small numbers with a power of ten. */
  function number(x, digits = 8) {
    if (Object.is(x, -0)) return "−0";
    if (!Number.isFinite(x)) return x < 0 ? "−∞" : "∞";
    const size = Math.abs(x);
    if (x !== 0 && (size >= 1e7 || size < 1e-4)) {
      const [significand, exponent] = x.toExponential(digits - 1).split("e");
      return `${minus(String(Number(significand)))} × 10${raised(Number(exponent))}`;
    }
    return minus(String(Number(x.toPrecision(digits))));
  }

  /** A number, and the power of two that it is when its digits do not show it. */
  function withPower(x, digits = 8) {
    const n = Codec.exponentOf(x);
    if (x !== 2 ** n || (n >= -1 && n <= 6)) return number(x, digits);
    return `${power(n)} ${Number(x.toPrecision(4)) === x ? "=" : "≈"} ${number(x, 4)}`;
  }

  const percent = x => `${number(100 * x, 3)} %`;

  /** The bits of a code, split into sign, exponent and mantissa for a minifloat. */
  function fields(fmt, code) {
    const text = code.toString(2).padStart(fmt.bits, "0");
    if (fmt.kind === "integer") return [{ part: "integer", bits: text }];
    const cut = 1 + fmt.exponentBits;
    return [{ part: "sign", bits: text[0] }, { part: "exponent", bits: text.slice(1, cut) },
            { part: "mantissa", bits: text.slice(cut) }].filter(field => field.bits);
  }

  /** The bits with spaces between the fields, as in 0 0110 101. */
  const bits = (fmt, code) => fields(fmt, code).map(field => field.bits).join(" ");

  /** How the fields of a code make its value, such as (1 + 5/8) × 2⁻¹. */
  function formula(fmt, code) {
    if (fmt.kind === "integer") return code > fmt.max ? `${code} − 2${raised(fmt.bits)}` : String(code);
    const { sign, exponent, mantissa } = fmt.fields(code);
    const fraction = fmt.mantissaBits ? `${mantissa}/${2 ** fmt.mantissaBits}` : "0";
    const significand = exponent > 0 ? `(1 + ${fraction})` : fraction;
    return `${sign ? "−" : ""}${significand} × ${power(Math.max(exponent, 1) - fmt.bias)}`;
  }

  /** "zero", "subnormal" or "normal" for a minifloat, "" for an integer. */
  function kindOf(fmt, code) {
    if (fmt.kind === "integer") return "";
    const { exponent, mantissa } = fmt.fields(code);
    if (exponent > 0) return "normal";
    return mantissa > 0 ? "subnormal" : "zero";
  }

  const FACTOR = /^(\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?|inf(?:inity)?)(?:\s*(?:\^|\*\*)\s*([+-]?\d+))?$/i;

  /** What a person typed: a number, a fraction, a power or a product, such as 0.75, 3/4, 2^-9, 3*2^-9. Else null. */
  function readNumber(text) {
    const clean = text.trim().replace(/[−–]/g, "-").replace(/[×·]/g, "*").replace(/∞/g, "Infinity");
    const [, sign, rest] = /^([+-]?)(.*)$/s.exec(clean);
    const parts = rest.split(/\s*([*/])\s*/);
    let value = sign === "-" ? -1 : 1;
    for (let i = 0; i < parts.length; i += 2) {
      const match = FACTOR.exec(parts[i]);
      if (!match) return null;
      const base = /^inf/i.test(match[1]) ? Infinity : Number(match[1]);
      const factor = match[2] === undefined ? base : base ** Number(match[2]);
      value = parts[i - 1] === "/" ? value / factor : value * factor;
    }
    return Number.isNaN(value) ? null : value;
  }

  /** The code a person typed as bits, spaces and underscores ignored; null unless the format has exactly as many. */
  function readBits(fmt, text) {
    const clean = text.replace(/[\s_]/g, "").replace(/^0b/i, "");
    return /^[01]+$/.test(clean) && clean.length === fmt.bits ? parseInt(clean, 2) : null;
  }

  /** The way from a code to its value, a sentence a step. */
  function decodeSteps(fmt, code) {
    const value = `${formula(fmt, code)} = ${number(fmt.decode(code))}`;
    if (fmt.kind === "integer") {
      return [code > fmt.max ? `The first bit is 1: read the bits as ${code} and subtract ${power(fmt.bits)}.`
                             : "The first bit is 0: read the bits as they are.", value];
    }
    const { sign, exponent, mantissa } = fmt.fields(code);
    return [`Stored are the sign ${sign}, the exponent ${exponent} and the mantissa ${mantissa}; the bias is ${fmt.bias}.`,
            exponent > 0 ? `The exponent is not zero: there is a leading one, and the power is ${exponent} − bias.`
                         : "The exponent is zero: no leading one, and the power is 1 − bias.",
            value];
  }

  /** The way from a number to its code, a sentence a step. */
  function roundingSteps(fmt, x) {
    const { exponent, step, scaled, significand, saturates, tie, code, value } = fmt.rounding(x);
    const steps = [];
    const minifloat = fmt.kind === "minifloat";
    const past = tie && saturates && 2 * Math.abs(x - value) === step; // half-way to the first number the format lacks
    const outside = minifloat ? exponent > Codec.exponentOf(fmt.max) : saturates && !past;
    if (minifloat && !outside) {
      const lowest = exponent === 1 - fmt.bias && Math.abs(x) < fmt.minNormal;
      steps.push(lowest ? `|x| is below the smallest normal value, ${withPower(fmt.minNormal)}: the power stays there.`
                        : `|x| lies between ${power(exponent)} and ${power(exponent + 1)}.`);
      steps.push(`Values there are ${withPower(step)} apart: |x| is ${number(scaled)} steps.`);
    }
    if (past) {
      steps.push(`That is a tie between the last value, ${number(value)}, and ${number(2 * x - value)}, `
        + `which the format lacks: it saturates at ${number(value)}.`);
    } else {
      const even = minifloat ? `code: ${bits(fmt, code)}, the value ${number(value)}` : `integer: ${number(significand)}`;
      if (!outside) {
        steps.push(tie ? `That is a tie. It goes to the even ${even}.`
                       : `The nearest ${minifloat ? "whole number of steps" : "integer"} is ${number(significand)}.`);
      }
      if (saturates) steps.push(`That is beyond the end of the format: it saturates at ${number(value)}.`);
    }
    steps.push(`The code is ${bits(fmt, code)}, the value ${number(value)}.`);
    return steps;
  }

  /** The way to the width of an exact accumulator for k (a BigInt) products, a sentence a step. */
  function widthSteps(fmt, k) {
    const [least, greatest] = fmt.extremes();
    const product = least * least > greatest * greatest ? least * least : greatest * greatest;
    const width = Codec.exactWidth(fmt, fmt, k);
    return [`The sum counts in steps of ${power(2 * Codec.exponentOf(fmt.minSubnormal))}, the step between products.`,
            `The largest product is ${large(product)} steps, the largest sum ${large(k * product)}.`,
            `${width - 1} bits hold that sum, and one more holds the sign: ${width} bits.`];
  }

  /** A positive BigInt: in full, or the powers of two around it. */
  function large(n) {
    const digits = n.toString();
    if (digits.length <= 12) return digits.replace(/\B(?=(\d{3})+$)/g, " ");
    const length = n.toString(2).length;
    return `between ${power(length - 1)} and ${power(length)}`;
  }

  return Object.freeze({ power, number, withPower, percent, fields, bits, formula, kindOf, readNumber, readBits, decodeSteps,
                         roundingSteps, widthSteps });
})();
