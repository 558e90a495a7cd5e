"use strict";
// Draws the figures, one after the other. Nothing is asked of any network: plotly comes with the page, compressed.
// Colours of text are those of the light theme; on a dark screen the style sheet changes them, so that printing and saving need no other drawing.
(async () => {
  const plots = [...document.querySelectorAll(".plot")];
  const root = document.documentElement;
  const font = { family: getComputedStyle(document.body).fontFamily, size: 12, color: "#1a1f26" };
  const muted = "#566170";
  const quiet = { tickfont: { color: muted }, title: { font: { color: muted, size: 12 } } };
  const template = {
    layout: {
      font, xaxis: quiet, yaxis: quiet,
      hoverlabel: { bgcolor: "#ffffff", bordercolor: muted, font },
    },
  };
  const config = { displayModeBar: false, displaylogo: false, showSendToCloud: false, doubleClick: "reset+autosize" };

  async function loadPlotly() {
    const packed = document.getElementById("plotly").textContent;
    const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
    return window.Plotly;
  }

  function saveButton(plot, name) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: "Save as SVG" });
    button.addEventListener("click", () => {
      Plotly.downloadImage(plot, { format: "svg", filename: name, width: plot.clientWidth, height: plot.clientHeight });
    });
    plot.parentElement.querySelector("figcaption").append(" ", button);
  }

  try {
    const figures = JSON.parse(document.getElementById("figures").textContent);
    root.classList.add("drawn");
    const Plotly = await loadPlotly();
    for (const plot of plots) {
      const { name, data, layout } = figures[plot.dataset.figure];
      await Plotly.newPlot(plot, data, { ...layout, template, width: plot.clientWidth, height: plot.clientHeight, autosize: false }, config);
      plot.firstElementChild.setAttribute("aria-hidden", "true");  // its reading says it all
      saveButton(plot, name);
      await new Promise((done) => setTimeout(done));  // the page stays alive between two figures
    }
    document.getElementById("js-plotly-tester")?.setAttribute("aria-hidden", "true");  // where plotly measures text
    let waiting = null;
    window.addEventListener("resize", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => plots.forEach((plot) => Plotly.relayout(plot, { width: plot.clientWidth })), 150);
    });
    root.dataset.figures = String(plots.length);
  } catch (error) {
    root.classList.remove("drawn");
    throw error;
  }
})();
