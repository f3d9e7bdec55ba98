/* The drill below the explorer: questions about the chosen format, checked at once, solved on demand. */
"use strict";

const Drill = (() => {
  const { number } = Notation;
  const form = document.getElementById("explorer-drill");
  const find = id => document.getElementById(`drill-${id}`);
  const draw = n => Math.floor(Math.random() * n);
  const LENGTHS = [1, 2, 9, 64, 576, 1000, 3072, 4608];
  const close = (answer, value) => Math.abs(answer - value) <= 1e-4 * Math.abs(value); // digits may be cut off
  const EDGES = 1 / 4; // the share of encode questions that are ties or saturate

  let question;
  let answered = false;
  let [right, asked] = [0, 0];

  /** A number of at most eight digits that does not round to zero; with probability EDGES a tie or one that saturates. */
  function numberToEncode(fmt) {
    const values = Codec.codesAscending(fmt).map(code => fmt.decode(code));
    const edge = Math.random() < EDGES;
    const digits = (x, n) => Number(x.toPrecision(n));
    for (;;) {
      const i = 1 + draw(values.length - 1);
      const plain = digits(values[i] * (0.8 + 0.4 * Math.random()), 3);
      const beyond = digits(Math.sign(values[i]) * fmt.max * (1 + Math.random()), 3);
      const between = (values[i - 1] + values[i]) / 2;
      const x = edge ? [beyond, between][draw(2)] : plain;
      const { tie, saturates, value } = fmt.rounding(x);
      if (value !== 0 && (tie || saturates) === edge && digits(x, 8) === x) return x;
    }
  }

  /** A kind of question: what it asks, how an answer is read (null when it cannot be), judged and solved. */
  const QUESTIONS = {
    decode(fmt) {
      let code = 1 + draw(2 ** fmt.bits - 1);
      while (fmt.decode(code) === 0) code = 1 + draw(2 ** fmt.bits - 1);
      const value = fmt.decode(code);
      return {
        ask: `Which number is the ${fmt.name} code ${Notation.bits(fmt, code)}?`,
        hint: "Such as 0.75, -3/4 or 3*2^-9; four digits are enough.",
        read: Notation.readNumber,
        judge(answer) {
          if (close(answer, value)) return "";
          if (close(answer, -value)) return "the sign is the other one.";
          if (fmt.kind === "integer") return `the first bit counts for −${Notation.power(fmt.bits - 1)}, the others are plain.`;
          if (answer * value < 0) return "the sign is the other one, and the size is not right either.";
          const { exponent } = fmt.fields(code);
          const leading = Math.sign(value) * 2 ** (Math.max(exponent, 1) - fmt.bias);
          if (close(answer, exponent > 0 ? value - leading : value + leading)) return "look at the leading one.";
          const power = Math.log2(answer / value);
          if (power % 1 === 0) return `you are off by a factor of ${Notation.power(power)}: look at the exponent and the bias.`;
          const samePower = Codec.exponentOf(Math.abs(answer)) === Codec.exponentOf(Math.abs(value));
          if (!samePower) return "the power of two is another: look at the exponent and the bias.";
          return fmt.mantissaBits ? "look at the mantissa." : "without mantissa bits, the value is a power of two.";
        },
        worked: Notation.decodeSteps(fmt, code),
      };
    },

    encode(fmt) {
      const x = numberToEncode(fmt);
      const code = fmt.encode(x);
      return {
        ask: `Which ${fmt.name} code does ${number(x)} get?`,
        hint: `Exactly ${fmt.bits} bits; spaces do not count.`,
        read: text => Notation.readBits(fmt, text),
        judge(answer) {
          if (answer === code) return "";
          const value = fmt.decode(answer);
          return `your bits are ${number(value)}, ${number(Math.abs(value - x))} away from ${number(x)}; `
            + "another value is nearer, or the tie goes to the even code.";
        },
        worked: [`x is ${number(x)}.`, ...Notation.roundingSteps(fmt, x)],
      };
    },

    width(fmt) {
      const k = BigInt(LENGTHS[draw(LENGTHS.length)]);
      const width = Codec.exactWidth(fmt, fmt, k);
      return {
        ask: `How many bits hold every sum of ${k} products of ${fmt.name} with itself, exactly?`,
        hint: "A whole number of bits, the sign included.",
        read: text => {
          const width = /^\s*(\d{1,4})\s*(?:bits?)?\s*$/i.exec(text);
          return width && Number(width[1]);
        },
        judge(answer) {
          if (answer === width) return "";
          return answer < width ? "the largest sum would overflow." : "fewer bits are enough.";
        },
        worked: Notation.widthSteps(fmt, k),
      };
    },
  };

  /** A new question of the chosen kind for the format on show. */
  function renew() {
    question = QUESTIONS[form.elements.question.value](Explorer.format);
    answered = false;
    find("question").textContent = question.ask;
    find("hint").textContent = question.hint;
    find("answer").value = "";
    find("answer").removeAttribute("aria-invalid");
    say("", "");
    find("worked").open = false;
    find("worked").querySelector("ol").innerHTML = question.worked.map(step => `<li>${step}</li>`).join("");
  }

  function say(words, verdict) {
    find("feedback").textContent = words;
    find("feedback").dataset.verdict = verdict;
  }

  function check() {
    const answer = question.read(find("answer").value);
    find("answer").setAttribute("aria-invalid", answer === null);
    if (answer === null) {
      say(`Not an answer yet. ${question.hint}`, "");
      return;
    }
    const complaint = question.judge(answer);
    if (!answered) { // only the first try counts
      asked += 1;
      right += complaint ? 0 : 1;
    }
    answered = true;
    const score = `${right} of ${asked} right at the first try.`;
    say(complaint ? `✗ Not yet: ${complaint}` : `✓ Right. ${score}`, complaint ? "wrong" : "right");
  }

  form.addEventListener("submit", event => {
    event.preventDefault();
    check();
  });
  find("next").addEventListener("click", () => {
    renew();
    find("answer").focus();
  });
  for (const radio of form.elements.question) radio.addEventListener("change", renew);

  return Object.freeze({ renew });
})();
