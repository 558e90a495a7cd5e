// The page's frame: theme switch, loading picture, and word when the page's Python process is gone.
window.alviz = (() => {
  const root = document.documentElement;

  const system = matchMedia("(prefers-color-scheme: dark)");
  const kept = () => { try { return localStorage.getItem("alviz-theme"); } catch { return null; } };
  const show = (theme) => { root.dataset.theme = theme; };
  system.addEventListener("change", () => { if (!kept()) show(system.matches ? "dark" : "light"); });
  document.querySelector(".shell-theme").addEventListener("click", () => {
    show(root.dataset.theme === "dark" ? "light" : "dark");
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
