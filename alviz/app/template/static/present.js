// Presenter mode: the page for an audience. `?present=1` in the address, the key P, or the button in the header; Escape, P or the button leaves it.
// A clicker's keys go through the rounds, wherever the focus is: on by one, and a step where there is no further round yet. In a lesson they go through its parts.
(() => {
  const root = document.documentElement;
  const LEAST = { width: 960, height: 540 };  // what a page is laid out for; a larger screen makes everything larger
  const on = () => "present" in root.dataset;

  function measure() {
    const scale = Math.min(innerWidth / LEAST.width, innerHeight / LEAST.height);
    const change = () => root.style.setProperty("--present-scale", String(Math.max(1, scale)));
    if (on()) keepPlace(change); else change();
  }
  function set(wanted) {
    if (wanted === on()) return;
    keepPlace(() => { if (wanted) root.dataset.present = ""; else delete root.dataset.present; });
    const address = new URL(location.href);
    if (wanted) address.searchParams.set("present", "1"); else address.searchParams.delete("present");
    history.replaceState(history.state, "", address);
    if (!wanted && document.fullscreenElement) document.exitFullscreen();
    if (!document.querySelector(".shell-lesson")) scrollTo(0, 0);
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

  // A lesson's parts: its questions and planes, and its text from one heading to the next.
  const EDGE = 16;  // pixels above a part that is at the top of the screen
  function parts() {
    return [...document.querySelectorAll(".shell-lesson :is(.shell-prose, .shell-cell)")].flatMap((cell) => {
      const { top, bottom } = cell.getBoundingClientRect();
      const headings = [...cell.querySelectorAll("h2")].map((heading) => heading.getBoundingClientRect().top).filter((y) => y > top + EDGE);
      const cuts = [top, ...headings, bottom];
      return headings.concat(bottom).map((end, k) => ({ top: cuts[k], bottom: end }));
    });
  }
  // What changes the size of everything leaves the part of a lesson that is read at the top of the screen.
  function keepPlace(change) {
    const read = parts().findIndex(({ bottom }) => bottom > 2 * EDGE);
    const begun = scrollY > 2 * EDGE;
    change();
    if (read >= 0 && begun) scrollBy(0, parts()[read].top - EDGE);
  }
  // On: the first part that is not wholly seen comes to the top; of one that is longer than the screen, what follows of it. Back: the same way.
  const trail = [];
  function forth() {
    const next = parts().find(({ bottom }) => bottom > innerHeight + 2);
    if (!next) return;
    trail.push(scrollY);
    scrollBy(0, next.top > EDGE + 2 ? next.top - EDGE : Math.min(0.85 * innerHeight, next.bottom + EDGE - innerHeight));
  }
  function back() {
    while (trail.length && trail.at(-1) >= scrollY) trail.pop();
    const tops = parts().map(({ top }) => top - EDGE).filter((top) => top < -2 && top > -0.85 * innerHeight);
    if (trail.length) scrollTo(0, trail.pop());
    else scrollBy(0, Math.min(...tops, tops.length ? 0 : -0.85 * innerHeight));
  }
  const PARTS = { PageDown: forth, PageUp: back };
  const keys = () => document.querySelector(".shell-lesson") ? PARTS : timeline() ? ROUNDS : {};

  // A field that is answered keeps the keys that it needs; a clicker has no others than Page down and Page up.
  const written = (field) => field.closest?.("textarea, [contenteditable], input:not([type=radio], [type=checkbox], [type=range])");
  const chosen = (field) => field.closest?.("select, input");
  addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (!event.isTrusted || event.ctrlKey || event.altKey || event.metaKey) return;
    if (key.toLowerCase() === "p" && !written(target) && !target.closest?.("select")) { if (on()) set(false); else begin(); }
    else if (!on()) return;
    else if (key === "Escape" && !written(target)) set(false);
    else if (key in keys() && (key.startsWith("Page") || !chosen(target))) {
      fill();
      keys()[key]();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }, { capture: true });
  addEventListener("click", (event) => {
    if (event.target.closest(".shell-present")) begin();
    else if (event.target.closest(".shell-leave")) set(false);
    const link = event.target.closest("a[href]");
    if (link && on() && link.origin === location.origin && link.pathname !== location.pathname) {  // the next lesson is presented too
      const address = new URL(link.href);
      address.searchParams.set("present", "1");
      link.href = address;
    }
  });
  document.addEventListener("fullscreenchange", () => { if (!document.fullscreenElement) set(false); });
  addEventListener("resize", measure);
  measure();
  if (new URLSearchParams(location.search).get("present") === "1") root.dataset.present = "";
})();
