/* Colours of the heat map. A scale is logarithmic; its colours come with the page's data. */
"use strict";

const Colours = (() => {
  const channels = hex => [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16));
  const linear = c => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
  const luminance = rgb => [0.2126, 0.7152, 0.0722].reduce((sum, share, i) => sum + share * linear(rgb[i]), 0);

  /** From numbers between lo and hi, both above zero, to a background and the ink that reads best on it. */
  function scale(stops, lo, hi) {
    const known = stops.map(channels);
    const place = value => (lo === hi ? 0.5 : Math.log(value / lo) / Math.log(hi / lo));

    function colour(value) {
      const at = Math.min(Math.max(place(value), 0), 1) * (known.length - 1);
      const below = Math.min(Math.floor(at), known.length - 2);
      const rgb = known[below].map((c, i) => Math.round(c + (known[below + 1][i] - c) * (at - below)));
      return { background: `rgb(${rgb.join(" ")})`, ink: luminance(rgb) > 0.179 ? "#000" : "#fff" };
    }

    return { lo, hi, place, colour, gradient: `linear-gradient(90deg, ${stops.join(", ")})` };
  }

  return Object.freeze({ scale });
})();
