// The rounds as dots on a line: filled = finished, hollow = still to come, ring = looked at. Too many for dots: a bar that fills, with the one looked at.
const LEAST = 7;  // pixels between two dots

function render({ model, el }) {
  const track = document.createElement("div");
  track.className = "alviz-timeline";
  track.tabIndex = 0;
  track.setAttribute("role", "slider");
  track.setAttribute("aria-label", "Round shown");
  const caption = document.createElement("span");
  caption.className = "alviz-timeline-caption";
  el.classList.add("alviz-timeline-box");
  el.append(track, caption);

  const go = (round) => {
    const last = model.get("last");
    const next = Math.max(0, Math.min(last, round));
    if (last < 0 || next === model.get("shown")) return;
    model.set("shown", next);
    model.save_changes();
  };
  const planned = () => Math.max(model.get("planned"), model.get("last"), 0);
  const place = (round) => `calc(12px + (100% - 24px) * ${planned() ? round / planned() : 0})`;
  const node = (className, style = {}, title = "") => {
    const made = Object.assign(document.createElement("span"), { className, title });
    Object.assign(made.style, style);
    track.append(made);
  };
  const draw = () => {
    const [last, shown, titles] = [model.get("last"), model.get("shown"), model.get("titles")];
    const branched = new Set(model.get("branched"));
    track.replaceChildren();
    if (last > 0) node("alviz-timeline-done", { width: `calc((100% - 24px) * ${last / planned()})` });
    const apart = planned() ? ((track.clientWidth || 400) - 24) / planned() : 100;
    const size = `${Math.min(12, apart - 3)}px`;
    if (apart >= LEAST) {
      for (let r = 0; r <= planned(); r++) {
        const state = (r <= last ? " done" : "") + (r === shown && last >= 0 ? " shown" : "") + (branched.has(r) ? " branched" : "");
        node(`alviz-dot${state}`, { left: place(r), width: size, height: size }, titles[r] || `round ${r}: still to come`);
      }
    } else {
      for (const r of branched) node("alviz-dot done branched", { left: place(r) }, titles[r]);
      if (last >= 0) node("alviz-dot done shown", { left: place(shown) }, titles[shown]);
    }
    track.setAttribute("aria-valuemin", "0");
    track.setAttribute("aria-valuemax", String(Math.max(last, 0)));
    track.setAttribute("aria-valuenow", String(Math.max(shown, 0)));
    track.setAttribute("aria-valuetext", titles[shown] || "no rounds yet");
    track.setAttribute("aria-disabled", String(last < 0));
    caption.textContent = last < 0 ? "No rounds yet" : titles[shown] || "";
  };
  const nearest = (x) => {
    const box = track.getBoundingClientRect();
    return Math.round(((x - box.left - 12) / (box.width - 24)) * planned());
  };
  let dragging = false;
  track.addEventListener("pointerdown", (event) => {
    dragging = true;
    track.setPointerCapture(event.pointerId);
    go(nearest(event.clientX));
  });
  track.addEventListener("pointermove", (event) => { if (dragging) go(nearest(event.clientX)); });
  track.addEventListener("pointerup", () => { dragging = false; });
  track.addEventListener("pointercancel", () => { dragging = false; });
  track.addEventListener("keydown", (event) => {
    const shown = model.get("shown");
    const far = Math.max(1, Math.round(planned() / 10));
    const to = {
      ArrowLeft: shown - 1, ArrowDown: shown - 1, ArrowRight: shown + 1, ArrowUp: shown + 1,
      PageDown: shown - far, PageUp: shown + far, Home: 0, End: model.get("last"),
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();  // JupyterLab would move to the next cell
    go(to);
  });
  const names = ["shown", "last", "planned", "titles", "branched"];
  let waiting = null;
  const later = () => {  // one message changes several
    waiting ??= requestAnimationFrame(() => { waiting = null; draw(); });
  };
  names.forEach((name) => model.on(`change:${name}`, later));
  const size = new ResizeObserver(later);
  size.observe(track);
  draw();
  return () => {
    size.disconnect();
    cancelAnimationFrame(waiting);
    names.forEach((name) => model.off(`change:${name}`, later));
  };
}

export default { render };
