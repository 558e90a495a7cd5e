// What our offline pages share. Nothing is asked of any network: plotly comes with the page, compressed.
// Colours of text are those of the light theme; on a dark screen the style sheet changes them, so that printing and saving need no other drawing.
const FONT = { family: getComputedStyle(document.body).fontFamily, size: 12, color: "#1a1f26" };
const MUTED = "#566170";
const quiet = { tickfont: { color: MUTED }, title: { font: { color: MUTED, size: 12 } } };
const TEMPLATE = { layout: { font: FONT, xaxis: quiet, yaxis: quiet, hoverlabel: { bgcolor: "#ffffff", bordercolor: MUTED, font: FONT } } };
const CONFIG = { displayModeBar: false, displaylogo: false, showSendToCloud: false, doubleClick: "reset+autosize" };
const ARRAYS = { float32: Float32Array, int32: Int32Array, int16: Int16Array, uint16: Uint16Array, uint8: Uint8Array };

async function inflated(packed) {
  const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")));
}

async function loadPlotly() {
  const script = document.createElement("script");
  script.textContent = await (await inflated(document.getElementById("plotly").textContent)).text();
  document.head.append(script);
  return window.Plotly;
}

// Draws a plot for the first time. What it shows its reading says too, so that nobody is read its labels one by one.
async function drawFirst(plot, { data, layout }, name, title, place) {
  await window.Plotly.newPlot(plot, data, { ...layout, template: TEMPLATE, width: plot.clientWidth, height: plot.clientHeight, autosize: false }, CONFIG);
  plot.firstElementChild.setAttribute("aria-hidden", "true");
  document.getElementById("js-plotly-tester")?.setAttribute("aria-hidden", "true");  // where plotly measures text
  saveButtons(plot, place, name, title);
}

// Plots are as wide as their places, also on paper.
function fitToPage(plots) {
  const fit = () => plots.forEach((plot) => plot._fullLayout && window.Plotly.relayout(plot, { width: plot.clientWidth, height: plot.clientHeight }));
  let waiting = null;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(fit, 150);
  });
  addEventListener("beforeprint", fit);
  addEventListener("afterprint", fit);
}

// The page's data, with its packed arrays as typed ones, flat.
async function loadData() {
  const unpack = async (value) => {
    if (value === null || typeof value !== "object") return value;
    if (typeof value.packed === "string") return new ARRAYS[value.dtype](await (await inflated(value.packed)).arrayBuffer());
    const entries = await Promise.all(Object.entries(value).map(async ([key, item]) => [key, await unpack(item)]));
    return Array.isArray(value) ? entries.map(([, item]) => item) : Object.fromEntries(entries);
  };
  return unpack(JSON.parse(document.getElementById("data").textContent));
}

// Goes through the rounds 0 … last, one after the other while it plays. show(round, playing) is called when either changes.
function playerOf(last, show) {
  const EVERY = 1200;  // milliseconds that a round is shown
  let round = 0, timer = null;
  const pause = () => {
    clearInterval(timer);
    timer = null;
  };
  const go = (wanted) => {
    const target = Math.max(0, Math.min(last, wanted));
    if (target === round) return;
    round = target;
    if (round === last) pause();
    show(round, timer !== null);
  };
  const toggle = () => {
    if (timer !== null) pause();
    else {
      if (round === last) go(0);
      timer = setInterval(() => go(round + 1), EVERY);
    }
    show(round, timer !== null);
  };
  return { go, toggle };
}

// Two buttons that save a plot as a picture for a slide.
function saveButtons(plot, place, name, title) {
  for (const format of ["png", "svg"]) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: `Save as ${format.toUpperCase()}` });
    button.className = "save";
    button.addEventListener("click", () => {
      saveSlide(window.Plotly, plot, format, { name, title, look: { font: FONT.family, text: FONT.color, background: "#ffffff" } });
    });
    place.append(" ", button);
  }
}
