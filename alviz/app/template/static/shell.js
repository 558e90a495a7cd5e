// The page's frame: theme switch, loading picture, the notebook's widgets, and word when they do not come or the page's Python process is gone.
window.alviz = (() => {
  const LATE = 30_000; // milliseconds after which a page that is still loading says so
  const PATIENCE = 60_000; // milliseconds that the widgets' front end waits for what takes a moment elsewhere
  const root = document.documentElement;

  const system = matchMedia("(prefers-color-scheme: dark)");
  const kept = () => { try { return localStorage.getItem("alviz-theme"); } catch { return null; } };
  const button = document.querySelector(".shell-theme");
  const THEMES = ["light", "dark", "projector"];
  const next = () => THEMES[(THEMES.indexOf(root.dataset.theme) + 1) % THEMES.length];
  const show = (theme) => {
    root.dataset.theme = theme;
    button.title = `Theme: ${theme}. Switch to ${next()}`;
    button.setAttribute("aria-label", button.title);
  };
  show(THEMES.includes(root.dataset.theme) ? root.dataset.theme : "light");
  system.addEventListener("change", () => { if (!kept()) show(system.matches ? "dark" : "light"); });
  button.addEventListener("click", () => {
    show(next());
    try { localStorage.setItem("alviz-theme", root.dataset.theme); } catch { /* lasts until the page is left */ }
  });

  // The loading picture goes when the first widget has a size, or when there is a failure to read.
  const loaded = () => [...document.querySelectorAll(".shell-cell .jupyter-widgets")].some((el) => el.offsetHeight > 40);
  const watch = new MutationObserver(() => {
    const picture = document.querySelector(".shell-loading");
    if (!picture || !(document.querySelector(".shell-failure") || loaded())) return;
    watch.disconnect();
    picture.remove();
  });
  watch.observe(document.body, { childList: true, subtree: true });
  setTimeout(() => document.querySelector(".shell-loading")?.classList.add("late"), LATE);
  addEventListener("click", (event) => { if (event.target.closest(".shell-again")) location.reload(); });

  // A page that found no room asks again by itself, as long as somebody looks at it.
  addEventListener("DOMContentLoaded", () => {
    const seconds = document.querySelector(".shell-message")?.dataset.again;
    if (seconds) setInterval(() => { if (!document.hidden) location.reload(); }, 1000 * seconds);
  });

  // The widgets' front end gives its kernel four seconds to tell the states of all of them, and then asks for each by itself: hundreds of questions,
  // when the machine is busy already. anywidget gives a module two, and a widget that took longer listens to Python no more. Neither can be set.
  const wait = window.setTimeout;
  window.setTimeout = (act, ms, ...rest) => wait(act, ms === 4000 && String(act).includes("Control comm did not respond") ? PATIENCE : ms, ...rest);
  const limit = AbortSignal.timeout.bind(AbortSignal);
  AbortSignal.timeout = (ms) => limit(Math.max(ms, PATIENCE));

  // What the notebook has shown is drawn here, once its widgets are known. Voila's own way asks for two seconds and then looks no more, so that a
  // page stays empty when they come just then.
  async function draw(app) {
    const manager = app.widgetManager;
    if (!manager.restoredStatus) await new Promise((known) => manager.restored.connect(known));
    const cells = document.querySelectorAll(".shell-cell");
    if (!cells.length && !document.querySelector(".shell-failure")) throw new Error("the page's notebook has shown nothing");
    for (const cell of cells) {
      const view = await manager.create_view(await manager.get_model(cell.dataset.model));
      app.shell.constructor.attach(view.luminoWidget, cell);
    }
    tried(false);
  }
  // Whether this tab has loaded the page anew by itself because it could not be drawn. Without storage: as if it had, or it might never stop.
  function tried(now) {
    const key = `alviz-tried${location.pathname}`;
    try {
      const before = sessionStorage.getItem(key) !== null;
      if (now) sessionStorage.setItem(key, ""); else sessionStorage.removeItem(key);
      return before;
    } catch { return true; }
  }
  let leaving = false;
  addEventListener("beforeunload", () => { leaving = true; });
  function fail(error) {
    if (leaving) return; // its connection has been ended, and a reload would take the place of where the visitor goes
    if (!tried(true)) { location.reload(); return; }
    tried(false);
    console.error(error);
    const notice = document.createElement("section");
    notice.className = "shell-failure";
    notice.setAttribute("role", "alert");
    notice.innerHTML = `<h2>This page could not be shown</h2><p>Its parts did not arrive from the page's Python process, also at a second try.</p>
      <button type="button" class="shell-again">Reload the page</button>`;
    document.querySelector("main").append(notice);
  }
  // Voila's front end sets this when it is ready.
  let voila;
  Object.defineProperty(window, "jupyterapp", { get: () => voila, set: (app) => { voila = app; draw(app).catch(fail); } });

  // Voila's front end calls these.
  window.voila_heartbeat = () => {};
  window.voila_finish = () => {};

  const banner = document.querySelector(".shell-banner");
  const say = (text) => { banner.textContent = text; banner.hidden = !text; };
  async function check() {
    const config = document.getElementById("jupyter-config-data");
    if (document.hidden || !config) return;
    const kernel = JSON.parse(config.textContent).kernelId;
    try {
      const answer = await fetch(`/alviz/status?kernel=${kernel}`);
      const alive = answer.ok && (await answer.json()).alive;
      say(alive ? "" : "This page's Python process has ended. Reload the page to go on.");
    } catch {
      say("The connection to the server is lost; trying again …");
    }
  }
  setInterval(check, 5000);
  document.addEventListener("visibilitychange", check);
  // Taken out of the browser's history, a page has lost its Python process.
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

  const step = (text) => { const el = document.querySelector(".shell-step"); if (el) el.textContent = text; };
  return { step };
})();
