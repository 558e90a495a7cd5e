const PAUSE = 200;  // milliseconds

export default {
  initialize({ model }) {
    const query = inLab() ? {} : Object.fromEntries([...new URLSearchParams(location.search)].filter(([name]) => !["token", "present"].includes(name)));
    let [last, due] = [-Infinity, 0];
    const share = () => {  // not more often than browsers take it, while something is dragged
      if (inLab() || model.get("share") === null) return;
      clearTimeout(due);
      const early = last + PAUSE - performance.now();
      if (early > 0) { due = setTimeout(share, early); return; }
      last = performance.now();
      const address = new URLSearchParams(model.get("share"));
      if ("present" in document.documentElement.dataset) address.set("present", "1");
      const text = address.toString().replaceAll("%2C", ",");
      history.replaceState(history.state, "", location.pathname + (text ? `?${text}` : "") + location.hash);
    };
    model.on("change:share", share);
    model.set("query", query);
    model.save_changes();
    model.set("opened", true);
    model.save_changes();
    document.documentElement.dataset.addressed = "";  // until then a click would be about other settings than the address has
  },
  render({ el }) {
    el.style.display = "none";
  },
};
