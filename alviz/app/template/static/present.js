// Presenter mode: the page for an audience. `?present=1` in the address, the key P, or the button in the header; Escape, P or the button leaves it.
// A clicker's keys go through the rounds, wherever the focus is: on by one, and a step where there is no further round yet. In a lesson they go through its parts.
(() => {
  const root = document.documentElement;
  const LEAST = { width: 960, height: 540 };  // what a page is laid out for; a larger screen makes everything larger
  const on = () => "present" in root.dataset;

  function measure() {
    const scale = Math.min(innerWidth / LEAST.width, innerHeight / LEAST.height);
    root.style.setProperty("--present-scale", String(Math.max(1, scale)));
  }
  function set(wanted) {
    if (wanted === on()) return;
    if (wanted) root.dataset.present = ""; else delete root.dataset.present;
    const address = new URL(location.href);
    if (wanted) address.searchParams.set("present", "1"); else address.searchParams.delete("present");
    history.replaceState(history.state, "", address);
    if (!wanted && document.fullscreenElement) document.exitFullscreen();
    scrollTo(0, 0);
  }
  // A browser grants the full screen to a key or a click only; where it does not, the page is presented in its window.
  const fill = () => { if (!document.fullscreenElement) root.requestFullscreen?.().catch(() => {}); };
  function begin() {
    set(true);
    fill();
  }

  const button = (name) => [...document.querySelectorAll(".alviz-buttons button")].find((one) => one.textContent.trim() === name);
  const timeline = () => document.querySelector(".alviz-timeline");
  const look = (key) => timeline().dispatchEvent(new KeyboardEvent("keydown", { key }));
  function next() {
    const [shown, last] = ["aria-valuenow", "aria-valuemax"].map((name) => Number(timeline().getAttribute(name)));
    if (timeline().getAttribute("aria-disabled") === "true") button("Start")?.click();
    else if (shown < last) look("ArrowRight");
    else button("Step")?.click();
  }
  const ROUNDS = { PageDown: next, ArrowRight: next, PageUp: () => look("ArrowLeft"), ArrowLeft: () => look("ArrowLeft") };
  // A part comes to the top of the screen; of one that is longer than the screen, what follows of it.
  function turn(way) {
    const EDGE = 16, screen = 0.85 * innerHeight;
    const tops = [...document.querySelectorAll(".shell-lesson :is(.shell-prose, .shell-prose h2, .shell-cell)")].map((part) => way * (part.getBoundingClientRect().top - EDGE));
    scrollBy({ top: way * Math.min(screen, ...tops.filter((top) => top > 2)) });
  }
  const PARTS = { PageDown: () => turn(1), PageUp: () => turn(-1) };
  const keys = () => document.querySelector(".shell-lesson") ? PARTS : timeline() ? ROUNDS : {};

  addEventListener("keydown", (event) => {
    if (!event.isTrusted || event.ctrlKey || event.altKey || event.metaKey || event.target.closest?.("input, select, textarea, [contenteditable]")) return;
    if (event.key.toLowerCase() === "p") { if (on()) set(false); else begin(); }
    else if (!on()) return;
    else if (event.key === "Escape") set(false);
    else if (event.key in keys()) {
      fill();
      keys()[event.key]();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }, { capture: true });
  addEventListener("click", (event) => {
    if (event.target.closest(".shell-present")) begin();
    else if (event.target.closest(".shell-leave")) set(false);
  });
  document.addEventListener("fullscreenchange", () => { if (!document.fullscreenElement) set(false); });
  addEventListener("resize", measure);
  measure();
  if (new URLSearchParams(location.search).get("present") === "1") root.dataset.present = "";
})();
