// Shows a plotly figure given as a plain object. Text from Python is only ever set as text.

const TYPES = {
  float32: Float32Array, float64: Float64Array, int32: Int32Array, int16: Int16Array, uint16: Uint16Array, int8: Int8Array, uint8: Uint8Array,
};

function nested(flat, shape) {
  if (shape.length < 2) return flat;
  const size = shape.slice(1).reduce((a, b) => a * b, 1);
  return Array.from({ length: shape[0] }, (_, i) => nested(flat.subarray(i * size, (i + 1) * size), shape.slice(1)));
}

// Puts the arrays back. `before` and `after` map keys to arrays: one that was there before comes without its buffer and stays the same object,
// so that plotly sees at once that it did not change. Throws when an array is not there.
function unpack(value, before, after) {
  if (Array.isArray(value)) return value.map((item) => unpack(item, before, after));
  if (value === null || typeof value !== "object") return value;
  if (typeof value.array !== "string") return Object.fromEntries(Object.entries(value).map(([k, item]) => [k, unpack(item, before, after)]));
  let array = after.get(value.array) ?? before.get(value.array);
  if (!array && !value.buffer) throw new Error("missing array");
  array ??= nested(new TYPES[value.dtype](bytesOf(value.buffer)), value.shape);
  after.set(value.array, array);
  return array;
}

// plotly.js comes with the page where its template brings it along, and otherwise from the kernel, once for all plots of the page.
async function loadPlotly(home) {
  const script = document.querySelector('script[src*="plotly.min.js"]');
  if (script && !window.Plotly && document.readyState !== "complete") {  // still on its way
    await new Promise((resolve) => {
      for (const event of ["load", "error"]) script.addEventListener(event, resolve);
    });
  }
  if (window.Plotly) return window.Plotly;
  return askOnce("plotly", home, async (_, [source]) => {
    const stream = new Blob([source]).stream().pipeThrough(new DecompressionStream("gzip"));
    const url = URL.createObjectURL(new Blob([await new Response(stream).arrayBuffer()], { type: "text/javascript" }));
    await new Promise((resolve, reject) => {
      document.head.append(Object.assign(document.createElement("script"), { src: url, onload: resolve, onerror: reject }));
    });
    URL.revokeObjectURL(url);
    return window.Plotly;
  });
}

function template(color, font) {
  const title = { font: { color: color("muted"), size: 12 } };
  const axis = {
    gridcolor: color("line"), linecolor: color("line"), zerolinecolor: color("line"), tickfont: { color: color("muted") }, title, automargin: true,
  };
  const colorbar = { outlinewidth: 0, thickness: 12, tickfont: { color: color("muted") }, title };
  const heatmap = [{ colorbar }];
  const scatter = [{ marker: { colorbar }, unselected: { marker: { opacity: 0.15 } } }];
  return {
    data: { heatmap, contour: heatmap, scatter, scattergl: scatter },
    layout: {
      font: { family: font, size: 12, color: color("text") },
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      margin: { l: 48, r: 16, t: 16, b: 40 },
      xaxis: axis, yaxis: axis, coloraxis: { colorbar },
      legend: { font: { color: color("text") } },
      hoverlabel: { bgcolor: color("surface"), bordercolor: color("muted"), font: { family: font, size: 12, color: color("text") } },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: color("muted"), activecolor: color("text") },
      newselection: { line: { color: color("text"), width: 1, dash: "dot" } },
      activeselection: { fillcolor: "rgba(128,128,128,0.15)", opacity: 1 },
    },
  };
}

// Plain objects are copied, because plotly writes into what it is given; arrays stay the same objects. Theme colours are looked up.
function dressed(value, color) {
  if (typeof value === "string") {
    const match = /^var\(--alviz-([\w-]+)\)$/.exec(value);
    return match ? color(match[1]) : value;
  }
  if (Array.isArray(value)) return ArrayBuffer.isView(value[0]) ? value : value.map((item) => dressed(item, color));
  if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, dressed(item, color)]));
}

// Without WebGL the same points are drawn as SVG, slowly. Pale points need more of their colour on a dark page: `pale` is by how much.
const noWebGL = !document.createElement("canvas").getContext("webgl");
function standard(trace, pale) {
  const { alviz_ids, alviz_codes, alviz_names, ...rest } = trace;
  if (noWebGL && rest.type === "scattergl") rest.type = "scatter";
  const opacity = rest.marker?.opacity;
  if (opacity < 0.6) rest.marker = { ...rest.marker, opacity: Math.min(opacity * pale, 0.9) };
  return alviz_codes ? { ...rest, text: Array.from(alviz_codes, (code) => alviz_names[code]) } : rest;
}

const same = (a, b) => a.length === b.length && a.every((id, i) => id === b[i]);
const sorted = (ids) => Int32Array.from(ids).sort();

const VECTOR = { width: 16, height: 16, path: "M1 10H5V14H1ZM11 2H15V6H11ZM2.2 10C2.2 5.2 12.2 9.6 12.2 6H13.8C13.8 11.2 3.8 6.8 3.8 10Z" };

// What a plot is called: by its card, and by its own heading where it has one.
function titleOf(el) {
  const own = el.parentElement?.querySelector(":is(.alviz-plane-title, .alviz-pool-title) b");
  return [el.closest(".alviz-panel")?.querySelector(".alviz-panel-title"), own].map((found) => found?.textContent.trim()).filter(Boolean).join(": ") || "Figure";
}

export default () => {
  let figure = { data: [], layout: {} };  // the model's figure with its arrays, shared by all its views
  let arrays = new Map();
  let home = null;
  const views = new Set();

  function receive() {
    const fresh = new Map();
    try {
      figure = { data: [], layout: {}, ...unpack(home.model.get("figure"), arrays, fresh) };
      arrays = fresh;
    } catch {
      home.model.send({ kind: "need-figure" });
    }
    views.forEach((draw) => draw());
  }

  function render({ model, el }) {
    const plot = document.createElement("div");
    const reading = Object.assign(document.createElement("p"), { className: "alviz-reading" });
    const empty = Object.assign(document.createElement("p"), { className: "alviz-empty" });
    plot.className = "alviz-plot-area";
    plot.setAttribute("role", "figure");
    el.classList.add("alviz-plot");
    el.append(plot, empty, reading);

    let Plotly = null, gone = false, drawing = false, again = false, draws = 0;
    let lassoed = new Int32Array(0);
    let ids = [];

    const color = (name) => getComputedStyle(el).getPropertyValue(`--alviz-${name}`).trim() || getComputedStyle(el).color;
    const selection = () => {
      const view = model.get("selection");
      return view ? sorted(new Int32Array(bytesOf(view))) : new Int32Array(0);
    };
    const selectedPoints = (wanted) => ids.map((own) => {
      if (!own || !wanted.size) return null;
      const points = [];
      own.forEach((id, i) => { if (wanted.has(id)) points.push(i); });
      return points;
    });
    const pointId = (point) => ids[point.curveNumber]?.[point.pointNumber] ?? null;

    function caption() {
      reading.textContent = model.get("alt");
      reading.hidden = !model.get("alt");
      empty.textContent = model.get("empty");
      empty.hidden = figure.data.length > 0 || !model.get("empty");
      plot.hidden = !empty.hidden;
      plot.style.height = model.get("height");
      plot.setAttribute("aria-label", model.get("alt"));
    }

    function save(format) {
      const title = titleOf(el);
      const look = { font: getComputedStyle(el).fontFamily, text: color("text"), background: color("surface") };
      return saveSlide(Plotly, plot, format, { title, look, name: title.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-") });
    }

    // Made once: with other functions than before plotly takes the whole plot for another, and its zoom is gone.
    let saves = null;
    function config() {
      saves ??= [
        { name: "png", title: "Save as PNG", icon: Plotly.Icons.camera, click: () => save("png") },
        { name: "svg", title: "Save as SVG", icon: VECTOR, click: () => save("svg") },
      ];
      const select = figure.data.some((trace) => trace.alviz_ids) ? ["select2d", "lasso2d"] : [];
      return {
        displaylogo: false, showSendToCloud: false, responsive: false, doubleClick: "reset+autosize", scrollZoom: model.get("scroll_zoom"),
        modeBarButtons: [
          ["zoom2d", "pan2d", ...select],
          ["resetScale2d"],
          saves,
        ],
      };
    }

    async function drawOnce() {
      const font = getComputedStyle(el).fontFamily;
      const pale = Number(color("pale")) || 1;
      ids = figure.data.map((trace) => trace.alviz_ids);
      lassoed = selection();
      const highlighted = selectedPoints(new Set(lassoed));
      const data = figure.data.map((trace, i) => {
        const points = highlighted[i] === null ? {} : { selectedpoints: highlighted[i] };
        return { ...dressed(standard(trace, pale), color), ...points };
      });
      const layout = { uirevision: "alviz", ...dressed(figure.layout, color), template: template(color, font), autosize: true, selectionrevision: draws };
      await Plotly.react(plot, data, layout, config());
    }

    async function draw() {
      caption();
      if (gone || plot.hidden || !plot.clientWidth || !figure.layout) return;
      if (drawing) { again = true; return; }
      drawing = true;
      try {
        await ensureTheme(home);
        Plotly ??= await loadPlotly(home);
        do {
          again = false;
          if (gone) return;
          const first = !plot._fullLayout;
          await drawOnce();
          if (first) listen();
          el.dataset.alvizDrawn = ++draws;
        } while (again);
      } finally {
        drawing = false;
      }
    }

    function listen() {
      plot.on("plotly_selected", (event) => {
        if (event) report(event.points.map(pointId).filter((id) => id !== null));
      });
      plot.on("plotly_deselect", () => report([]));
      plot.on("plotly_click", ({ points: [point] }) => {
        const { curveNumber: trace, x = null, y = null } = point;
        model.send({ kind: "clicked", point: { id: pointId(point), trace, name: point.data.name ?? "", x, y } });
      });
      plot.on("plotly_hover", ({ points: [point] }) => hover(pointId(point)));
      plot.on("plotly_unhover", () => hover(null));
    }

    function report(chosen) {
      if (drawing) return;  // plotly also says so when we change its selection
      lassoed = sorted(new Set(chosen));
      model.send({ kind: "selected" }, undefined, [lassoed.buffer]);
    }

    // At most one hover message every 60 ms, the last one always sent; what Python points at is not reported back.
    let hovered = null, reported = null, timer = null, pointing = false;
    function hover(id) {
      if (pointing) return;
      hovered = id;
      timer ??= setTimeout(() => {
        timer = null;
        if (gone || hovered === reported) return;
        reported = hovered;
        model.send({ kind: "hovered", id: hovered });
      }, 60);
    }

    // Marks the points of `selection` without a new draw.
    async function highlight() {
      const traces = ids.flatMap((own, i) => (own ? [i] : []));
      if (drawing) again = true;
      if (drawing || !plot._fullLayout || !traces.length) return;
      const wanted = selection();
      if (same(wanted, lassoed)) return;  // the plot shows its own lasso already
      lassoed = wanted;
      const points = selectedPoints(new Set(wanted));
      drawing = true;
      try {
        await Plotly.update(plot, { selectedpoints: traces.map((i) => points[i]) }, { selections: [] }, traces);
      } finally {
        drawing = false;
      }
      if (again) draw();
    }

    function point() {
      if (!plot._fullLayout) return;
      pointing = true;
      const id = model.get("pointed");
      const trace = ids.findIndex((own) => own?.includes(id));
      if (id === null || trace < 0) Plotly.Fx.unhover(plot);
      else {
        const i = ids[trace].indexOf(id);
        const { x, y } = plot.data[trace];
        Plotly.Fx.hover(plot, { xval: x[i], yval: y[i] });
      }
      pointing = false;
    }

    let frame = null;
    const size = new ResizeObserver(() => {
      frame ??= requestAnimationFrame(() => {
        frame = null;
        if (gone || !plot.clientWidth) return;
        if (!plot._fullLayout) draw();
        else if (plot.clientWidth !== plot._fullLayout.width || plot.clientHeight !== plot._fullLayout.height) Plotly.Plots.resize(plot);
      });
    });
    const page = new MutationObserver(draw);
    const watched = { attributes: true, attributeFilter: ["data-theme", "data-jp-theme-light"] };
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    const listeners = {
      "change:alt": caption, "change:empty": draw, "change:height": caption, "change:scroll_zoom": draw,
      "change:selection": highlight, "change:pointed": point,
    };
    for (const [event, listener] of Object.entries(listeners)) model.on(event, listener);
    page.observe(document.documentElement, watched);
    page.observe(document.body, watched);
    scheme.addEventListener("change", draw);
    size.observe(plot);
    views.add(draw);
    draw();

    return () => {
      gone = true;
      views.delete(draw);
      clearTimeout(timer);
      cancelAnimationFrame(frame);
      for (const [event, listener] of Object.entries(listeners)) model.off(event, listener);
      page.disconnect();
      size.disconnect();
      scheme.removeEventListener("change", draw);
      if (plot._fullLayout) Plotly.purge(plot);
    };
  }

  return {
    initialize(context) {
      home = context;
      receive();
      home.model.on("change:figure", receive);
    },
    render,
  };
};
