export default {
  initialize({ model }) {
    const query = inLab() ? {} : Object.fromEntries([...new URLSearchParams(location.search)].filter(([name]) => name !== "token"));
    const share = () => {
      if (inLab() || model.get("share") === null) return;
      const text = new URLSearchParams(model.get("share")).toString();
      history.replaceState(history.state, "", location.pathname + (text ? `?${text}` : "") + location.hash);
    };
    model.on("change:share", share);
    model.set("query", query);
    model.save_changes();
    model.set("opened", true);
    model.save_changes();
  },
  render({ el }) {
    el.style.display = "none";
  },
};
