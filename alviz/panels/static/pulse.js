// Answers every beat after the next picture, so that Python knows when what it sent has been drawn.
export default {
  initialize({ model }) {
    let leaving = false;  // what is sent while the page goes away only leaves an error in its console
    addEventListener("beforeunload", () => { leaving = true; });
    addEventListener("pageshow", () => { leaving = false; });
    const answer = () => {
      if (leaving) return;
      model.set("seen", model.get("sent"));
      model.save_changes();
    };
    model.on("change:sent", () => requestAnimationFrame(() => setTimeout(answer)));
    answer();
  },
  render({ el }) {
    el.style.display = "none";
  },
};
