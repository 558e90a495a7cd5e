// Steps through the rounds. A sample goes by its place among those on the map; `m` is how many there are.
(async () => {
  const GL_FROM = document.createElement("canvas").getContext("webgl") ? 1000 : Infinity;  // points from which WebGL draws them, as on the pages of the app
  const root = document.documentElement;
  const [back, play, next, slider, where, color, card] = ["back", "play", "next", "round", "where", "color", "card"].map((id) => document.getElementById(id));
  const all = (selector) => [...document.querySelectorAll(selector)];
  const [maps, curve, balances] = [all(".map"), document.querySelector(".curve .plot"), all(".balances .plot")];
  const node = (tag, className, text = "") => Object.assign(document.createElement(tag), { className, textContent: text });

  const data = await loadData();
  root.classList.add("drawn");
  await loadPlotly();
  const { sides, classes, colors, ids, points, truth, pictures } = data;
  const m = ids.length, last = Number(slider.max);
  const [xs, ys] = [0, 1].map((axis) => Float32Array.from({ length: m }, (_, i) => points[2 * i + axis]));
  const nameOf = (code) => (code < 0 ? "not known" : classes.names[code]);
  let round = 0, playing = false;

  // ---- what a run knows at a round ----

  const reached = (side) => Math.min(round, side.rounds.length - 1);
  const picksOf = (side, r) => side.queried.subarray(side.starts[r], side.starts[r + 1]);
  const predictedOf = (side, r) => side.predictions.subarray(r * m, (r + 1) * m);
  for (const side of sides) {  // the pick of every sample: its position in `queried`, and the round
    side.pick = new Int32Array(m).fill(-1);
    side.when = new Int32Array(m).fill(-1);
    for (let r = 0; r < side.rounds.length; r++) {
      for (let k = side.starts[r]; k < side.starts[r + 1]; k++) [side.pick[side.queried[k]], side.when[side.queried[k]]] = [k, r];
    }
  }

  // ---- figures ----

  const span = (values) => {
    const [low, high] = values.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
    const room = 0.05 * (high - low) || 1;
    return [low - room, high + room];
  };
  const bare = { showgrid: false, zeroline: false, showticklabels: false, showline: false, ticks: "" };
  const mapLayout = {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", margin: { l: 4, r: 4, t: 4, b: 4 }, showlegend: false, hovermode: false,
    dragmode: "zoom", uirevision: "map",
    xaxis: { ...bare, range: data.grid ? [data.grid[0][0], data.grid[0].at(-1)] : span(xs) },
    yaxis: { ...bare, range: data.grid ? [data.grid[1][0], data.grid[1].at(-1)] : span(ys), scaleanchor: "x" },
  };
  const byClass = { colorscale: classes.scale, cmin: -1.5, cmax: classes.names.length - 0.5 };
  const markers = (places, marker) => ({
    type: m > GL_FROM ? "scattergl" : "scatter", mode: "markers", hoverinfo: "none", marker, places,
    x: places ? Float32Array.from(places, (i) => xs[i]) : xs, y: places ? Float32Array.from(places, (i) => ys[i]) : ys,
  });

  // What the model believes of the plane: the most probable class, the surer the deeper, and the lines where classes change.
  function fieldOf(side, r) {
    const [x, y] = data.grid, cells = x.length * y.length, k = side.field.length / side.rounds.length / cells;
    const part = (c) => side.field.subarray((r * k + c) * cells, (r * k + c + 1) * cells);
    const parts = Array.from({ length: k }, (_, c) => part(c));
    const z = new Float32Array(cells), lead = parts.map(() => new Float32Array(cells));
    for (let i = 0; i < cells; i++) {
      let [top, best, second] = [0, -1, -1];
      parts.forEach((own, c) => { if (own[i] > best) [top, second, best] = [c, best, own[i]]; else second = Math.max(second, own[i]); });
      z[i] = top + Math.min(0.998, Math.max(0.002, (best / 255 - 1 / k) / (1 - 1 / k || 1)));
      parts.forEach((own, c) => { lead[c][i] = own[i] - (c === top ? second : best); });
    }
    const rows = (flat) => y.map((_, j) => flat.subarray(j * x.length, (j + 1) * x.length));
    const faded = (c, alpha) => classes.scale[2 * (c + 1)][1] + Math.round(255 * alpha).toString(16).padStart(2, "0");
    const scale = parts.flatMap((_, c) => [[c / k, faded(c, 0.03)], [(c + 1) / k, faded(c, 0.5)]]);
    const heat = { type: "heatmap", x, y, z: rows(z), colorscale: scale, zmin: 0, zmax: k, showscale: false, hoverinfo: "skip" };
    const line = { type: "contour", x, y, hoverinfo: "skip", showscale: false, line: { color: "#808080", width: 2 },
      contours: { start: 0, end: 0, size: 1, coloring: "none" } };
    return [heat, ...lead.slice(0, k > 2 ? k : 1).filter((own) => own.some((v) => v > 0) && own.some((v) => v <= 0)).map((own) => ({ ...line, z: rows(own) }))];
  }

  function mapOf(side) {
    const r = reached(side), by = color.value, predicted = predictedOf(side, r);
    const fresh = picksOf(side, r), recent = new Set(fresh);
    const rings = [];
    for (let k = 0; k < side.starts[r]; k++) {
      if (side.labels[k] >= 0 && !recent.has(side.queried[k]) && side.pick[side.queried[k]] === k) rings.push(side.queried[k]);
    }
    const pale = { size: m > 1000 ? 3 : 4, opacity: m > 1000 ? 0.35 : 0.5 };
    const pool = by === "round" ? { ...pale, color: colors.pool } : { ...pale, color: by === "class" ? truth : predicted, ...byClass };
    const ringed = rings.map((i) => side.labels[side.pick[i]]);
    const hue = by === "round" ? { color: rings.map((i) => side.when[i]), colorscale: colors.rounds, cmin: 0, cmax: Math.max(last, 1) }
      : { color: by === "class" ? ringed : rings.map((i) => predicted[i]), ...byClass };
    const shape = side.field  // a ring drowns in a field of its own class's colour
      ? { symbol: ringed.map((c) => classes.marks[c + 1]), size: 10, line: { width: 1.5, color: "white" } }
      : { symbol: ringed.map((c) => classes.rings[c + 1]), size: rings.length > 500 ? 7 : 10, line: { width: rings.length > 500 ? 1.5 : 2 } };
    const star = { symbol: "star", size: fresh.length > 100 ? 9 : 13, color: colors.accent, line: { width: 0.5, color: "white" } };
    return [...(side.field ? fieldOf(side, r) : []), markers(null, pool), markers(rings, { ...shape, ...hue, opacity: 1 }), markers(fresh, star)];
  }

  function curveTraces() {
    const marks = sides.map((side, s) => {
      const { labels, accuracy } = side.rounds[reached(side)];
      return { type: "scatter", mode: "markers", x: [labels], y: [accuracy], hoverinfo: "skip", showlegend: false, zorder: 1000,
        marker: { symbol: "circle-open", size: 14, color: data.curve.data[s]?.line.color, line: { width: 2 } } };
    });
    return data.curve.data.length ? [...data.curve.data, ...marks] : [];
  }

  const highest = Math.max(...sides.flatMap((side) => Array.from(side.counts)));
  function balanceOf(side) {
    const r = reached(side), k = classes.names.length, counts = side.counts.subarray(r * k, (r + 1) * k);
    const fresh = new Int32Array(k);
    for (let i = side.starts[r]; i < side.starts[r + 1]; i++) if (side.labels[i] >= 0) fresh[side.labels[i]]++;
    const along = side.balance.data[0]?.orientation === "v" ? "y" : "x";
    const traces = side.balance.data.map(({ alviz_ids: ranked, ...trace }, part) => ({
      ...trace, [along]: ranked.map((c) => (part ? fresh[c] : counts[c] - fresh[c])),
    }));
    const axis = `${along}axis`;
    return [traces, { ...side.balance.layout, [axis]: { ...side.balance.layout[axis], range: [0, 1.04 * highest] } }];
  }

  const figures = () => [
    ...sides.map((side, s) => [maps[s], mapOf(side), mapLayout]), [curve, curveTraces(), data.curve.layout],
    ...sides.map((side, s) => [balances[s], ...balanceOf(side)]),
  ];

  // ---- text ----

  function say() {
    const set = (el, text) => { el.textContent = text; };
    set(where, `round ${round} of ${last}`);
    slider.value = String(round);
    slider.setAttribute("aria-valuetext", where.textContent);
    [back.disabled, next.disabled] = [round === 0, round === last];
    set(play, playing ? "Pause" : "Play");
    root.dataset.color = color.value;
    sides.forEach((side, s) => {
      const r = reached(side), { worth, map, balance, queries } = side.rounds[r];
      const late = r < round ? `round ${r}, its last · ` : "";
      set(all(".maps .worth")[s], late + worth);
      set(all(".maps .reading")[s], map[color.value]);
      maps[s].setAttribute("aria-label", `Map of the pool, ${side.name}, round ${r}. ${map[color.value]}`);
      set(all(".balances .reading")[s], balance);
      balances[s].setAttribute("aria-label", `Class balance, ${side.name}. ${balance}`);
      set(all(".queries .reading")[s], queries);
      all(".queries ol")[s].replaceChildren(...Array.from(picksOf(side, r), (place) => thumbnail(side, place)));
    });
    const reading = data.curve_readings[round];
    set(document.querySelector(".curve .reading"), reading);
    curve.setAttribute("aria-label", `Learning curve. ${reading}`);
    all("tr[data-round]").forEach((row) => row.classList.toggle("shown", Number(row.dataset.round) === round));
  }

  // ---- pictures ----

  const cellOf = new Int32Array(m).fill(-1);
  pictures?.places.forEach((place, cell) => { cellOf[place] = cell; });
  const sheet = pictures && URL.createObjectURL(new Blob([Uint8Array.from(atob(pictures.webp), (c) => c.charCodeAt(0))], { type: "image/webp" }));
  function picture(place, size) {
    const cell = cellOf[place];
    if (cell < 0) return [];
    const [width, height] = pictures.cell, { columns } = pictures;
    const scale = Math.max(1, Math.round(size / Math.max(width, height)));
    const [w, h] = [width * scale, height * scale];
    const made = node("span", "picture");
    Object.assign(made.style, {
      width: `${w}px`, height: `${h}px`, backgroundImage: `url("${sheet}")`, backgroundSize: `${columns * w}px auto`,
      backgroundPosition: `${-(cell % columns) * w}px ${-Math.floor(cell / columns) * h}px`, imageRendering: scale > 1 ? "pixelated" : "auto",
    });
    return [made];
  }

  function thumbnail(side, place) {
    const k = side.pick[place], [label, guess] = [side.labels[k], side.guesses[k]];
    const made = node("li", guess < 0 || label < 0 ? "" : guess === label ? "right" : "wrong");
    made.append(...picture(place, 56), node("b", "", label < 0 ? "no label" : nameOf(label)));
    if (guess >= 0) {
      const line = node("span", "guess");
      line.append(node("span", "", `${guess === label ? "✓" : label < 0 ? "" : "✗"} ${nameOf(guess)}`), " ", node("span", "", `${side.sure[k]} %`));
      made.append(line);
    }
    made.dataset.place = place;
    made.title = made.innerText;
    return made;
  }

  // ---- hovering: the same sample on every map ----

  // The sample under the pointer, or null: what was just queried and what is labelled lie above the pool.
  const everybody = Int32Array.from({ length: m }, (_, i) => i);
  function under(plot, event) {
    const { xaxis, yaxis } = plot._fullLayout, box = plot.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left - xaxis._offset, event.clientY - box.top - yaxis._offset];
    const nearest = (places, reach) => {
      let [found, least] = [null, reach];
      places.forEach((i) => {
        const away = Math.hypot(xaxis.l2p(xs[i]) - x, yaxis.l2p(ys[i]) - y);
        if (away < least) [found, least] = [i, away];
      });
      return found;
    };
    const [rings, fresh] = plot.data.slice(-2).map((trace) => trace.places);
    return nearest(fresh, 9) ?? nearest(rings, 9) ?? nearest(everybody, 6);
  }

  const pointers = maps.map((plot) => plot.parentElement.querySelector(".map").appendChild(Object.assign(node("span", "pointer"), { hidden: true })));
  function point(place, side = null, x = 0, y = 0) {
    maps.forEach((plot, s) => {
      pointers[s].hidden = place === null;
      if (place === null) return;
      const { xaxis, yaxis } = plot._fullLayout;
      plot.append(pointers[s]);  // plotly may have put new layers on top
      Object.assign(pointers[s].style, { left: `${xaxis._offset + xaxis.l2p(xs[place])}px`, top: `${yaxis._offset + yaxis.l2p(ys[place])}px` });
    });
    all(".queries li").forEach((item) => item.classList.toggle("pointed", item.dataset.place === String(place)));
    card.hidden = place === null || side === null;
    if (card.hidden) return;
    const r = reached(side), [k, when] = [side.pick[place], side.when[place]], predicted = predictedOf(side, r)[place];
    const label = k >= 0 && when <= r ? side.labels[k] : -1, known = label >= 0 ? label : truth[place];
    const lines = [
      label >= 0 ? `labelled ${nameOf(label)} in round ${when}` : `class: ${nameOf(truth[place])}`,
      `predicted: ${nameOf(predicted)}${known < 0 ? "" : predicted === known ? " ✓" : " ✗"}`,
      when > r ? `will be queried in round ${when}` : when < 0 ? "never queried in this run" : label < 0 ? `queried in round ${when}, no label` : "",
    ];
    card.replaceChildren(...picture(place, 96), node("b", "", `#${ids[place]}`), ...lines.filter(Boolean).map((line) => node("p", "", line)));
    const room = card.getBoundingClientRect();
    const [left, top] = [x + 16 + room.width > innerWidth ? x - 16 - room.width : x + 16, Math.min(y + 12, innerHeight - room.height - 8)];
    Object.assign(card.style, { left: `${Math.max(8, left)}px`, top: `${Math.max(8, top)}px` });
  }

  // ---- moving ----

  let drawing = false, again = false;
  async function draw() {
    say();
    if (drawing) { again = true; return; }
    drawing = true;
    do {
      again = false;
      for (const [plot, traces, layout] of figures()) {
        const size = { width: plot.clientWidth, height: plot.clientHeight, autosize: false };
        await Plotly.react(plot, traces, { ...layout, template: TEMPLATE, ...size }, CONFIG);
      }
      root.dataset.round = String(round);
    } while (again);
    drawing = false;
  }
  const { go, toggle } = playerOf(last, (wanted, now) => {
    playing = now;
    if (wanted === round) { say(); return; }
    round = wanted;
    point(null);
    draw();
  });

  back.addEventListener("click", () => go(round - 1));
  next.addEventListener("click", () => go(round + 1));
  play.addEventListener("click", toggle);
  slider.addEventListener("input", () => go(Number(slider.value)));
  color.addEventListener("change", draw);
  document.querySelector("tbody").addEventListener("click", (event) => go(Number(event.target.closest("tr").dataset.round)));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("select, pre")) return;
    if (event.key === " " && event.target.closest("button, summary")) return;
    const act = {
      ArrowRight: () => go(round + 1), PageDown: () => go(round + 1), ArrowLeft: () => go(round - 1), PageUp: () => go(round - 1),
      Home: () => go(0), End: () => go(last), " ": toggle,
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  all(".queries ol").forEach((list, s) => {
    list.addEventListener("pointerover", (event) => {
      const item = event.target.closest("li");
      if (item) point(Number(item.dataset.place), sides[s], event.clientX, event.clientY);
    });
    list.addEventListener("pointerleave", () => point(null));
  });

  // ---- the first picture ----

  say();
  for (const [plot, traces, layout] of figures()) {
    const figure = plot.parentElement, title = figure.querySelector("h2").cloneNode(true);
    title.querySelector(".worth")?.remove();
    const words = title.textContent.replace("●", "").trim();
    await drawFirst(plot, { data: traces, layout }, words.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-"), words, figure.querySelector("figcaption"));
  }
  maps.forEach((plot, s) => {
    plot.addEventListener("pointermove", (event) => point(under(plot, event), sides[s], event.clientX, event.clientY));
    plot.addEventListener("pointerleave", () => point(null));
  });
  curve.on("plotly_click", ({ points: [hit] }) => go(hit.pointNumber));
  fitToPage([...maps, curve, ...balances]);
  root.dataset.round = String(round);
})();
