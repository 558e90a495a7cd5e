// The walk through a round: back, play, on; the phases as chapters of one slider; the speed. The clock is the page's: Python draws the stop it is told.
const READING = 4000;  // milliseconds for the end of a phase, for each stop before it, and for all of a phase's stops at most
const EACH = 1000;
const ALL = 20000;

const SHAPES = {
  back: "M11 3 5 8l6 5z M3 3h2v10H3z", play: "M4 2.5 13 8l-9 5.5z", pause: "M4 3h3v10H4z M9 3h3v10H9z", on: "M5 3l6 5-6 5z M11 3h2v10h-2z",
};

function icon(name) {
  const [svg, path] = ["svg", "path"].map((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", SHAPES[name]);
  svg.append(path);
  return svg;
}

const lastOf = (model) => model.get("phases").reduce((sum, phase) => sum + phase.count, 0) - 1;
const phaseAt = (model, position) => model.get("phases").find((phase) => position >= phase.first && position < phase.first + phase.count);

function go(model, position) {
  const next = Math.max(0, Math.min(lastOf(model), position));
  if (next === model.get("position")) return;
  model.set("position", next);
  model.save_changes();
}

function play(model, playing) {
  if (playing && model.get("position") >= lastOf(model)) model.set("position", 0);
  model.set("playing", playing);
  model.save_changes();
}

function render({ model, el }) {
  el.classList.add("alviz-player");
  el.setAttribute("role", "group");
  el.setAttribute("aria-label", "Slow motion");
  const button = (name, title, act) => {
    const made = make("button", { type: "button", className: "alviz-button", title, onclick: act }, icon(name));
    made.setAttribute("aria-label", title);
    return made;
  };
  const back = button("back", "One back", () => go(model, model.get("position") - 1));
  const toggle = button("play", "Play", () => play(model, !model.get("playing")));
  const on = button("on", "One on", () => go(model, model.get("position") + 1));
  const track = make("div", { className: "alviz-chapters", tabIndex: 0 });
  track.setAttribute("role", "slider");
  track.setAttribute("aria-label", "Where in the round");
  track.setAttribute("aria-valuemin", "1");
  const speed = make("select", { title: "Speed" }, ...[0.5, 1, 2, 4].map((times) => make("option", { value: times, textContent: `${times}×` })));
  speed.setAttribute("aria-label", "Speed");
  const heard = make("span", { className: "alviz-heard" });
  heard.setAttribute("aria-live", "polite");
  el.append(back, toggle, on, track, make("span", { className: "alviz-field" }, speed), heard);

  let chapters = [];
  const build = () => {
    chapters = model.get("phases").map((phase) => {
      const chapter = make("span", { className: "alviz-chapter", title: phase.why }, make("span", { textContent: phase.name }), make("i"));
      chapter.classList.toggle("alviz-absent", phase.count === 0);
      return chapter;
    });
    track.replaceChildren(...chapters);
    draw();
  };
  const draw = () => {
    const [position, last, playing] = [model.get("position"), lastOf(model), model.get("playing")];
    model.get("phases").forEach((phase, i) => {
      const done = phase.count ? Math.max(0, Math.min(1, (position + 1 - phase.first) / phase.count)) : 0;
      chapters[i]?.classList.toggle("alviz-now", done > 0 && position < phase.first + phase.count);
      chapters[i]?.style.setProperty("--done", `${100 * done}%`);
    });
    track.setAttribute("aria-valuemax", String(last + 1));
    track.setAttribute("aria-valuenow", String(position + 1));
    track.setAttribute("aria-valuetext", model.get("caption"));
    back.disabled = position <= 0;
    on.disabled = position >= last;
    const name = playing ? "Pause" : "Play";
    if (toggle.title !== name) {
      toggle.replaceChildren(icon(name.toLowerCase()));
      toggle.title = name;
      toggle.setAttribute("aria-label", name);
    }
    speed.value = String(model.get("speed"));
  };
  // While it plays, not every pick is read out: nobody could follow.
  const say = () => {
    const [phase, position] = [phaseAt(model, model.get("position")), model.get("position")];
    const between = phase && position > phase.first && position < phase.first + phase.count - 1;
    if (!(model.get("playing") && between)) heard.textContent = model.get("on") ? model.get("reading") : "";
    draw();
  };

  const at = (event) => {
    const [phases, boxes] = [model.get("phases"), chapters.map((chapter) => chapter.getBoundingClientRect())];
    const i = boxes.findLastIndex((box) => event.clientX >= box.left);
    const phase = phases[Math.max(i, 0)];
    if (!phase?.count) return;
    const share = (event.clientX - boxes[Math.max(i, 0)].left) / boxes[Math.max(i, 0)].width;
    go(model, phase.first + Math.max(0, Math.min(phase.count - 1, Math.floor(share * phase.count))));
  };
  let dragging = false;
  track.addEventListener("pointerdown", (event) => {
    dragging = true;
    track.setPointerCapture(event.pointerId);
    at(event);
  });
  track.addEventListener("pointermove", (event) => { if (dragging) at(event); });
  for (const end of ["pointerup", "pointercancel"]) track.addEventListener(end, () => { dragging = false; });
  el.addEventListener("keydown", (event) => {
    if (event.target === speed || event.ctrlKey || event.metaKey || event.altKey) return;
    const position = model.get("position");
    const to = { ArrowLeft: position - 1, ArrowDown: position - 1, ArrowRight: position + 1, ArrowUp: position + 1, Home: 0, End: lastOf(model) }[event.key];
    if (to !== undefined) go(model, to);
    else if (event.key === " " && event.target === track) play(model, !model.get("playing"));
    else return;
    event.preventDefault();
    event.stopPropagation();  // JupyterLab would move to the next cell
  });
  speed.addEventListener("change", () => {
    model.set("speed", Number(speed.value));
    model.save_changes();
  });
  // The button that turns it on tells screen readers whether it is; who pressed it by key goes on by key.
  const turned = () => requestAnimationFrame(() => {
    const button = el.closest(".alviz-root")?.querySelector(".alviz-slow");
    button?.setAttribute("aria-pressed", String(model.get("on")));
    if (model.get("on") && button === document.activeElement) track.focus();
  });
  const listeners = { "change:on": turned, "change:phases": build, "change:position": draw, "change:playing": draw, "change:speed": draw, "change:caption": draw, "change:drawn": say };
  for (const [event, listener] of Object.entries(listeners)) model.on(event, listener);
  build();
  say();
  turned();
  return () => {
    for (const [event, listener] of Object.entries(listeners)) model.off(event, listener);
  };
}

export default {
  // One clock for all views. It waits for the picture before it counts.
  initialize({ model }) {
    let timer = null;
    const wind = () => {
      clearTimeout(timer);
      if (!model.get("playing") || !model.get("on")) return;
      const position = model.get("position");
      if (position >= lastOf(model)) return play(model, false);
      const phase = phaseAt(model, position);
      const within = phase && position < phase.first + phase.count - 1;
      timer = setTimeout(() => go(model, position + 1), (within ? Math.min(EACH, ALL / phase.count) : READING) / model.get("speed"));
    };
    for (const event of ["change:drawn", "change:playing", "change:speed", "change:on"]) model.on(event, wind);
    wind();
    return () => clearTimeout(timer);
  },
  render,
};
