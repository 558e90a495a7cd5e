// The plane made by hand. What is dragged or painted moves at once; the model, the field and the next picks come from Python, one wish at a time:
// while one is being answered the next ones only replace one another.

const LEAST_SPREAD = 0.1;
const MOST_SPREAD = 2;
const GRAIN = 256;  // points lie on a lattice of so many to a unit, which is what a page's address can say of them
const HIT = 12;  // pixels within which a point is meant

function labelled(text, input) {
  return make("label", { className: "alviz-hands-control" }, make("span", { textContent: text }), input);
}

function decoded(scene) {
  const view = (name, Type) => new Type(scene[name] ? bytesOf(scene[name]) : 0);
  return {
    ...scene, xy: view("xy", Float32Array), parts: view("parts", Uint8Array), targets: view("targets", Uint8Array), labelled: view("labelled", Int32Array),
    picks: view("picks", Int32Array), probabilities: view("probabilities", Float32Array), score: view("score", Float32Array),
  };
}

function render({ model, el }) {
  const [colors, symbols, glyphs] = ["colors", "symbols", "glyphs"].map((name) => model.get(name));
  el.classList.add("alviz-hands");
  const bar = make("div", { className: "alviz-hands-bar", role: "group" });
  const canvas = make("canvas", { className: "alviz-hands-canvas" });
  const overlay = make("div", { className: "alviz-hands-overlay" });
  const cursor = make("div", { className: "alviz-hands-cursor", hidden: true });
  const stage = make("div", { className: "alviz-hands-stage", tabIndex: 0 }, canvas, cursor, overlay);
  stage.setAttribute("role", "application");
  const reading = make("p", { className: "alviz-reading", id: `alviz-hands-${Math.random().toString(36).slice(2)}` });
  reading.setAttribute("aria-live", "polite");
  stage.setAttribute("aria-describedby", reading.id);
  const keys = make("p", { className: "alviz-help" });
  el.append(bar, stage, reading, keys);

  let scene = null;
  let shape = null;  // {centers, spreads, weights, classes}, as the hand has them
  let z = new Float32Array(0);  // the draws behind the points: center + spread · z
  let selected = 0;
  let [tool, brush, radius, density] = ["brush", 0, 0.4, 12];
  let at = [0, 0];  // the keyboard's cursor
  const painting = canvasOfPoints();
  let taken = 0;  // the last painting from a file

  // ---- what goes to Python ----

  let version = model.get("answered");
  let [waiting, dirty] = [0, null];
  const began = new Map();  // version -> when the hand moved; for the measurement
  const wish = (kind, moving, at = performance.now()) => {
    version += 1;
    began.set(version, at);
    dirty = { kind, moving };
    if (!waiting) flush();
    later();
  };
  const flush = () => {
    const { kind, moving } = dirty;
    dirty = null;
    waiting = version;
    if (kind === "shape") model.send({ kind, version, moving, ...shape });
    else {
      const { xy, classes, ids } = painting.points;
      model.send({ kind, version, moving }, undefined, [new Float32Array(xy).buffer, new Uint8Array(classes).buffer, new Int32Array(ids).buffer]);
    }
  };
  const answered = () => {
    if (model.get("answered") < waiting) return;
    waiting = 0;
    if (dirty) flush();
  };

  // ---- where things are ----

  const middle = () => scene?.window.slice(0, 2) ?? [0, 0];
  const half = () => scene?.window.slice(2) ?? [4, 3];
  let view = [1, 1];  // the canvas in pixels; asking it for every point would lay the page out anew each time
  const place = (x, y) => {
    const [mx, my, hx, hy] = scene?.window ?? [0, 0, 4, 3];
    return [(((x - mx) / hx + 1) / 2) * view[0], ((1 - (y - my) / hy) / 2) * view[1]];
  };
  const there = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(2 * (event.clientX - box.left)) / box.width - 1, 1 - (2 * (event.clientY - box.top)) / box.height].map((v, i) => within(middle()[i] + v * half()[i], i));
  };
  const scale = () => half()[0] / 4;  // a pool from a file may reach far
  const within = (value, axis) => {  // in hundredths of the canvas's units, counted from the middle
    const [limit, far] = [half()[axis], value - middle()[axis]];
    return middle()[axis] + (Math.round((100 * Math.max(-limit, Math.min(limit, far))) / scale()) / 100) * scale();
  };
  const painted = () => scene?.mode === "paint";
  const positions = () => {
    if (painted()) return painting.points.xy;
    if (!scene || shape.centers.length !== scene.gaussians.centers.length) return scene?.xy ?? [];
    const xy = new Float32Array(z.length);
    for (let i = 0; i < scene.parts.length; i++) {
      const g = scene.parts[i];
      for (let a = 0; a < 2; a++) xy[2 * i + a] = shape.centers[g][a] + shape.spreads[g] * z[2 * i + a];
    }
    return xy;
  };
  const classes = () => {
    if (painted() && scene.targets.length !== painting.points.ids.length) return painting.points.classes;
    return scene?.targets ?? [];
  };
  const look = () => {
    const style = getComputedStyle(el);
    return { colors, symbols, line: style.getPropertyValue("--alviz-text"), accent: style.getPropertyValue("--alviz-accent") };
  };

  // ---- drawing ----

  let frame = null;
  const later = () => { frame ??= requestAnimationFrame(() => { frame = null; draw(); }); };
  const draw = () => {
    if (!scene) return;
    view = [canvas.clientWidth, canvas.clientHeight];
    drawPlane(canvas, view, place, scene, positions(), classes(), look());
    placeHandles();
    const [x, y] = place(...at);
    Object.assign(cursor.style, { left: `${x}px`, top: `${y}px`, "--size": painted() && tool !== "label" ? `${(radius * scale() * view[0]) / half()[0]}px` : "16px" });
    el.dataset.drawn = scene.version;
    el.dataset.wished = version;
    const shown = [...began.keys()].filter((known) => known <= scene.version);  // also those that were never answered for themselves
    if (shown.length) el.dataset.lag = (performance.now() - Math.min(...shown.map((known) => began.get(known)))).toFixed(1);
    shown.forEach((known) => began.delete(known));
  };
  const arrive = () => {
    const sent = model.get("scene");
    if (!sent.window) return;
    const other = scene?.mode !== sent.mode;
    scene = decoded(sent);
    if (scene.grid) {
      const canvas = new OffscreenCanvas(...scene.grid);
      canvas.getContext("2d").putImageData(fieldImage(scene, colors, model.get("score")), 0, 0);
      scene.image = canvas;
      scene.lines = boundaryLines(scene);
    }
    if (!painted()) {
      const { centers, spreads } = scene.gaussians;
      z = scene.xy.map((value, i) => (value - centers[scene.parts[i >> 1]][i % 2]) / spreads[scene.parts[i >> 1]]);
      if (scene.version >= version || !shape) shape = structuredClone(scene.gaussians);
      selected = Math.min(selected, shape.centers.length - 1);
    }
    reading.textContent = scene.reading;
    if (other || !bar.contains(document.activeElement)) showBar();
    later();
  };
  const fromFile = () => {
    const file = model.get("loaded");
    if (!file.turn || file.turn === taken) return;
    taken = file.turn;
    painting.take(new Float32Array(bytesOf(file.xy)), new Uint8Array(bytesOf(file.classes)));
    wish("paint", false);
  };

  // ---- Gaussians ----

  const told = (g) => {
    const [x, y] = shape.centers[g];
    return `Gaussian ${g + 1}, class ${name(shape.classes[g])}, at ${x.toFixed(2)}, ${y.toFixed(2)}, spread ${shape.spreads[g].toFixed(2)}, weight ${shape.weights[g].toFixed(2)}`;
  };
  const name = (k) => scene?.names[k] ?? model.get("names")[k];
  const select = (g) => { selected = g; showBar(); later(); };
  const spreadTo = (g, spread, moving = false) => {
    shape.spreads[g] = Math.round(100 * Math.max(LEAST_SPREAD, Math.min(MOST_SPREAD, spread))) / 100;
    wish("shape", moving);
  };
  const moveTo = (g, [x, y], moving, when) => {
    shape.centers[g] = [within(x, 0), within(y, 1)];
    wish("shape", moving, when);
  };
  const remove = (g) => {
    if (shape.centers.length < 2) return;
    for (const list of Object.values(shape)) list.splice(g, 1);
    selected = Math.max(0, g - 1);
    wish("shape", false);
    showBar();
    overlay.querySelectorAll(".alviz-hands-center")[selected]?.focus();
  };
  const add = () => {
    const used = new Set(shape.classes);
    const spot = [[0, 0], [2, -1.5], [-2, -1.5], [2, 1.5], [-2, 1.5]].find(([x, y]) => shape.centers.every(([a, b]) => Math.hypot(a - x, b - y) > 0.8)) ?? [0, 0];
    shape.centers.push(spot);
    shape.spreads.push(0.5);
    shape.weights.push(1);
    shape.classes.push([0, 1, 2, 3, 4].find((k) => !used.has(k)) ?? 0);
    selected = shape.centers.length - 1;
    wish("shape", false);
    showBar();
  };
  const drag = (node, move) => {
    node.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      event.preventDefault();
      event.stopPropagation();
      node.focus?.();
      node.setPointerCapture(event.pointerId);
      const go = (e) => move(there(e), true, e.timeStamp);
      const end = (e) => {
        node.removeEventListener("pointermove", go);
        node.removeEventListener("pointerup", end);
        node.removeEventListener("pointercancel", end);
        move(e.type === "pointerup" ? there(e) : null, false, e.timeStamp);
      };
      node.addEventListener("pointermove", go);
      node.addEventListener("pointerup", end);
      node.addEventListener("pointercancel", end);
    });
  };
  const makeHandle = (g) => {
    const ring = make("div", { className: "alviz-hands-ring" });
    const center = make("button", { className: "alviz-hands-center", type: "button" });
    const edge = make("div", { className: "alviz-hands-edge", title: "Drag: spread" });
    drag(center, (to, moving, when) => { if (to) moveTo(g, to, moving, when); else wish("shape", false); });
    drag(edge, (to, moving) => { if (to) spreadTo(g, Math.hypot(to[0] - shape.centers[g][0], to[1] - shape.centers[g][1]), moving); else wish("shape", false); });
    center.addEventListener("pointerdown", () => select(g));
    center.addEventListener("focus", () => select(g));
    center.addEventListener("wheel", (event) => { event.preventDefault(); spreadTo(g, shape.spreads[g] * (event.deltaY > 0 ? 0.93 : 1.07)); }, { passive: false });
    center.addEventListener("keydown", (event) => {
      const step = (event.shiftKey ? 0.5 : 0.1) * scale();
      const by = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] }[event.key];
      const kind = Number(event.key) - 1;
      if (by) moveTo(g, [shape.centers[g][0] + by[0], shape.centers[g][1] + by[1]], false);
      else if (event.key === "+" || event.key === "=") spreadTo(g, shape.spreads[g] + 0.1);
      else if (event.key === "-") spreadTo(g, shape.spreads[g] - 0.1);
      else if (event.key === "Delete" || event.key === "Backspace") remove(g);
      else if (kind >= 0 && kind < 5) { shape.classes[g] = kind; wish("shape", false); showBar(); }
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    overlay.append(ring, edge, center);
  };
  const placeHandles = () => {
    const wanted = painted() ? 0 : shape.centers.length;
    while (overlay.children.length > 3 * wanted) overlay.lastChild.remove();
    for (let g = overlay.children.length / 3; g < wanted; g++) makeHandle(g);
    for (let g = 0; g < wanted; g++) {
      const [ring, edge, center] = [...overlay.children].slice(3 * g, 3 * g + 3);
      const [x, y] = place(...shape.centers[g]);
      const r = (shape.spreads[g] / half()[0] / 2) * view[0];
      const color = colors[shape.classes[g]];
      Object.assign(ring.style, { left: `${x - r}px`, top: `${y - r}px`, width: `${2 * r}px`, height: `${2 * r}px`, borderColor: color });
      ring.classList.toggle("alviz-hands-selected", g === selected);
      Object.assign(edge.style, { left: `${x + r * Math.SQRT1_2}px`, top: `${y + r * Math.SQRT1_2}px`, borderColor: color });
      Object.assign(center.style, { left: `${x}px`, top: `${y}px`, color });
      center.classList.toggle("alviz-hands-selected", g === selected);
      center.textContent = glyphs[shape.classes[g]];
      center.setAttribute("aria-label", told(g));
      center.title = `${told(g)}\nDrag to move, wheel or + − for the spread, 1 – 5 for the class, Delete removes`;
    }
  };

  // ---- the pointer and the keyboard on the plane ----

  const turnNearest = ([x, y], far = HIT) => {
    const [px, py] = place(x, y);
    const xy = positions();
    let [best, nearest] = [-1, far];
    for (let i = 0; 2 * i < xy.length; i++) {
      const [qx, qy] = place(xy[2 * i], xy[2 * i + 1]);
      const distance = Math.hypot(px - qx, py - qy);
      if (distance < nearest) [best, nearest] = [i, distance];
    }
    if (best >= 0 && !waiting) model.send({ kind: "turn", index: best });
  };
  const apply = ([x, y], moving, when) => {
    if (tool === "erase") painting.erase(x, y, radius * scale());
    else painting.dab(x, y, radius * scale(), density, brush, scale() < 1 ? 0 : GRAIN);
    wish("paint", moving, when);
  };
  stage.addEventListener("pointerdown", (event) => {
    if (event.button || !scene) return;
    at = there(event);
    if (!painted() || tool === "label") { turnNearest(at); return; }
    event.preventDefault();
    stage.focus({ preventScroll: true });
    stage.setPointerCapture(event.pointerId);
    painting.keep();
    let last = at;
    apply(at, true, event.timeStamp);
    const go = (e) => {
      const to = there(e);
      at = to;
      if (Math.hypot(to[0] - last[0], to[1] - last[1]) < (radius * scale()) / 2) { later(); return; }
      last = to;
      apply(to, true, e.timeStamp);
    };
    const end = () => {
      for (const kind of ["pointerup", "pointercancel"]) stage.removeEventListener(kind, end);
      stage.removeEventListener("pointermove", go);
      wish("paint", false);
      showBar();
    };
    stage.addEventListener("pointermove", go);
    for (const kind of ["pointerup", "pointercancel"]) stage.addEventListener(kind, end);
  });
  stage.addEventListener("pointermove", (event) => { if (painted() && !event.buttons) { at = there(event); cursor.hidden = false; later(); } });
  stage.addEventListener("pointerleave", () => { cursor.hidden = document.activeElement !== stage; });
  stage.addEventListener("focus", () => { cursor.hidden = false; });
  stage.addEventListener("blur", () => { cursor.hidden = true; });
  stage.addEventListener("keydown", (event) => {
    if (event.target !== stage || !scene) return;
    const step = (event.shiftKey ? 0.5 : 0.1) * scale();
    const by = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] }[event.key];
    const kind = Number(event.key) - 1;
    if (by) { at = [within(at[0] + by[0], 0), within(at[1] + by[1], 1)]; cursor.hidden = false; later(); }
    else if (event.key === " " || event.key === "Enter") {
      if (!painted() || tool === "label") turnNearest(at, 60);
      else { painting.keep(); apply(at, false); showBar(); }
    } else if (painted() && kind >= 0 && kind < 5) { [brush, tool] = [kind, "brush"]; showBar(); }
    else if (painted() && event.key.toLowerCase() === "e") { tool = "erase"; showBar(); }
    else if (painted() && event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey)) undo();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  const undo = () => { if (painting.mayUndo) { painting.undo(); wish("paint", false); showBar(); } };

  const file = make("input", { type: "file", accept: ".csv,text/csv", hidden: true });
  file.addEventListener("change", async () => {
    const [chosen] = file.files;
    if (chosen) model.send({ kind: "file", name: chosen.name }, undefined, [await chosen.arrayBuffer()]);
    file.value = "";
  });
  el.append(file);

  // ---- the bar: of the Gaussian selected, or the brush ----

  const button = (text, title, press, pressed) => {
    const node = make("button", { className: "alviz-button", type: "button", textContent: text, title });
    if (pressed !== undefined) node.setAttribute("aria-pressed", String(pressed));
    node.addEventListener("click", press);
    return node;
  };
  const range = (text, value, min, max, step, slide) => {
    const input = make("input", { type: "range", min, max, step, value });
    input.addEventListener("input", () => slide(Number(input.value), true));
    input.addEventListener("change", () => slide(Number(input.value), false));
    return labelled(text, input);
  };
  const showBar = () => {
    if (!scene) return;
    const held = [...bar.querySelectorAll("button, select, input")].indexOf(document.activeElement);
    bar.replaceChildren(...(painted() ? paintBar() : gaussianBar()));
    if (held >= 0) [...bar.querySelectorAll("button, select, input")][held]?.focus();
    stage.setAttribute("aria-label", painted() ? `Plane, ${scene.targets.length} points painted` : "Plane with a pool of Gaussians");
    stage.classList.toggle("alviz-hands-painting", painted() && tool !== "label");
    keys.textContent = painted()
      ? "Keys on the plane: arrows move, Space paints, 1 – 5 the class, E erases, Ctrl Z undoes."
      : "Click a point to label it, or to take its label away. Keys: Tab to a Gaussian, arrows move it, + − its spread; on the plane, Space labels the nearest point.";
  };
  const gaussianBar = () => {
    bar.setAttribute("aria-label", "The Gaussian selected");
    const g = selected;
    const kinds = make("select");
    for (let k = 0; k < 5; k++) kinds.append(make("option", { value: k, textContent: `${glyphs[k]} ${name(k)}` }));
    kinds.value = shape.classes[g];
    kinds.addEventListener("change", () => { shape.classes[g] = Number(kinds.value); wish("shape", false); });
    const drop = button("Remove", "Take this Gaussian away", () => remove(g));
    drop.disabled = shape.centers.length < 2;
    const more = button("Add", "One more Gaussian, up to five", add);
    more.disabled = shape.centers.length >= 5;
    return [
      make("b", { textContent: `Gaussian ${g + 1} of ${shape.centers.length}` }), labelled("Class", kinds),
      range("Spread", shape.spreads[g], LEAST_SPREAD, MOST_SPREAD, 0.05, (value, moving) => spreadTo(g, value, moving)),
      range("Weight", Math.log2(shape.weights[g]), -6, 3, 0.25, (value, moving) => { shape.weights[g] = 2 ** value; wish("shape", moving); }),
      drop, more,
    ];
  };
  const paintBar = () => {
    bar.setAttribute("aria-label", "Brush");
    const kinds = make("span", { className: "alviz-hands-kinds" });
    for (let k = 0; k < 5; k++) {
      const node = button(`${glyphs[k]} ${name(k)}`, `Paint class ${name(k)} (key ${k + 1})`, () => { [brush, tool] = [k, "brush"]; showBar(); }, tool === "brush" && brush === k);
      node.style.setProperty("--class", colors[k]);
      kinds.append(node);
    }
    const back = button("Undo", "Take the last stroke back (Ctrl Z)", undo);
    back.disabled = !painting.mayUndo;
    const clear = button("Clear", "Take all points away", () => { painting.keep(); painting.clear(); wish("paint", false); showBar(); });
    clear.disabled = painting.points.ids.length === 0;
    return [
      kinds, button("Erase", "Take points away (key E)", () => { tool = "erase"; showBar(); }, tool === "erase"),
      button("Label", "Click points to label them", () => { tool = "label"; showBar(); }, tool === "label"),
      range("Radius", radius, 0.1, 1.5, 0.1, (value) => { radius = value; later(); }), range("Points", density, 1, 40, 1, (value) => { density = value; }),
      back, clear, button("Load CSV", "Paint the points of a file with the columns x, y and label", () => file.click()), make("span", { className: "alviz-hands-count", textContent: `${painting.points.ids.length.toLocaleString("en")} points${painting.full ? " – no room for more" : ""}` }),
    ];
  };

  const size = new ResizeObserver(later);
  size.observe(stage);
  const theme = new MutationObserver(later);
  theme.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme", "data-jp-theme-light"] });
  const watched = { scene: arrive, answered, loaded: fromFile };
  for (const [name, react] of Object.entries(watched)) model.on(`change:${name}`, react);
  arrive();
  fromFile();
  return () => {
    size.disconnect();
    theme.disconnect();
    cancelAnimationFrame(frame);
    for (const [name, react] of Object.entries(watched)) model.off(`change:${name}`, react);
  };
}

export default {
  initialize(home) { ensureTheme(home); },
  render,
};
