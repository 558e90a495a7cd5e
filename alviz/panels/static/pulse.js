// Answers every beat after the next picture, so that Python knows when what it sent has been drawn.
export default {
  initialize({ model }) {
    const answer = () => {
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
