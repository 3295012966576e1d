"use strict";
// Draws the timeline in the colours of the reader's system, and again when they change or the page is printed.
(() => {
  const holder = document.getElementById("timeline");
  const { figure, themes } = JSON.parse(document.getElementById("data").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const touch = matchMedia("(pointer: coarse)").matches;
  const token = new RegExp("@(" + Object.keys(themes.light).join("|") + ")@", "g");
  const whole = figure.layout.xaxis.range.slice();
  let range = whole.slice();

  const coloured = (value, colours) => {
    if (typeof value === "string") return value.replace(token, (_, name) => colours[name]);
    if (Array.isArray(value)) return value.map((item) => coloured(item, colours));
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, coloured(item, colours)]));
    }
    return value;
  };
  const draw = (name, width) => {
    const { data, layout } = coloured(figure, themes[name]);
    layout.xaxis.range = range.slice();
    // A finger on the chart scrolls the page; the buttons zoom.
    layout.dragmode = touch ? false : "zoom";
    if (width) layout.width = width;
    return Plotly.react(holder, data, layout, {
      displaylogo: false,
      responsive: !width,
      displayModeBar: touch ? false : "hover",
      // Named one by one: among Plotly's own is one that sends the data to its maker's server.
      modeBarButtons: [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"], ["toImage"]],
      plotlyServerURL: "",
    });
  };
  const screen = () => draw(dark.matches ? "dark" : "light");

  screen().then(() => {
    holder.on("plotly_relayout", (change) => {
      if ("xaxis.range[0]" in change) range = [change["xaxis.range[0]"], change["xaxis.range[1]"]];
      if (change["xaxis.autorange"]) range = whole.slice();
    });
    document.documentElement.dataset.drawn = "yes";
  });
  dark.addEventListener("change", screen);
  addEventListener("beforeprint", () => draw("light", 700));
  addEventListener("afterprint", screen);
  for (const button of document.querySelectorAll("button[data-from]")) {
    button.addEventListener("click", () => {
      const from = Math.max(Number(button.dataset.from), whole[0]);
      const to = Math.min(Number(button.dataset.to), whole[1]);
      range = button.dataset.from === "" ? whole.slice() : [from, to];
      Plotly.relayout(holder, { "xaxis.range": range.slice() });
    });
  }
})();
