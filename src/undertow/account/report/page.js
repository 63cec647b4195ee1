// Draws the figures in the reader's theme. Colours in the figures are names: "@buy" is --buy of the style sheet.
(() => {
  "use strict";
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  const painted = (value, style) => {
    if (typeof value === "string" && value.startsWith("@")) {
      return style.getPropertyValue("--" + value.slice(1)).trim();
    }
    if (Array.isArray(value)) {
      return typeof value[0] === "number" ? value : value.map((part) => painted(part, style));
    }
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, painted(part, style)]));
    }
    return value;
  };

  const draw = () => {
    const style = getComputedStyle(document.documentElement);
    const font = getComputedStyle(document.body).fontFamily;
    const color = (name) => style.getPropertyValue("--" + name).trim();
    for (const [id, figure] of Object.entries(figures)) {
      const { data, layout } = painted(figure, style);
      const base = {
        paper_bgcolor: "rgba(0,0,0,0)",
        plot_bgcolor: "rgba(0,0,0,0)",
        font: { family: font, size: 12, color: color("ink2") },
        hoverlabel: { bgcolor: color("soft"), bordercolor: color("rule"), font: { color: color("ink") } },
      };
      const full = { ...base, ...layout };
      for (const key of Object.keys(full).filter((name) => /^[xy]axis\d*$/.test(name))) {
        full[key] = {
          gridcolor: color("rule"), linecolor: color("muted"), zerolinecolor: color("muted"), zerolinewidth: 1,
          zeroline: false, ticks: "outside", ticklen: 4, tickcolor: color("rule"), spikecolor: color("muted"),
          ...full[key],
        };
      }
      Plotly.react(document.getElementById(id), data, full, { displayModeBar: false, responsive: true });
    }
  };

  draw();
  dark.addEventListener("change", draw);
})();
