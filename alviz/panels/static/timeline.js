// The rounds as dots on a line: filled = finished, hollow = still to come, ring = looked at.
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
  const draw = () => {
    const [last, shown] = [model.get("last"), model.get("shown")];
    const planned = Math.max(model.get("planned"), last, 0);
    const titles = model.get("titles");
    const branched = new Set(model.get("branched"));
    track.replaceChildren();
    for (let r = 0; r <= planned; r++) {
      const dot = document.createElement("span");
      dot.className = "alviz-dot" + (r <= last ? " done" : "") + (r === shown && last >= 0 ? " shown" : "") + (branched.has(r) ? " branched" : "");
      dot.title = titles[r] || `round ${r}: still to come`;
      dot.dataset.round = r;
      track.append(dot);
    }
    track.setAttribute("aria-valuemin", "0");
    track.setAttribute("aria-valuemax", String(Math.max(last, 0)));
    track.setAttribute("aria-valuenow", String(shown));
    track.setAttribute("aria-valuetext", titles[shown] || "");
    track.setAttribute("aria-disabled", String(last < 0));
    caption.textContent = last < 0 ? "No rounds yet" : titles[shown] || "";
  };
  const nearest = (x) => {
    let best = 0, distance = Infinity;
    for (const dot of track.children) {
      const box = dot.getBoundingClientRect();
      const d = Math.abs(box.left + box.width / 2 - x);
      if (d < distance) { distance = d; best = Number(dot.dataset.round); }
    }
    return best;
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
    const to = { ArrowLeft: shown - 1, ArrowDown: shown - 1, ArrowRight: shown + 1, ArrowUp: shown + 1, Home: 0, End: model.get("last") }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    go(to);
  });
  const names = ["shown", "last", "planned", "titles", "branched"];
  names.forEach((name) => model.on(`change:${name}`, draw));
  draw();
  return () => names.forEach((name) => model.off(`change:${name}`, draw));
}

export default { render };
