// Draws the figures, one after the other.
(async () => {
  const plots = [...document.querySelectorAll(".plot")];
  const root = document.documentElement;
  try {
    const figures = await loadData();
    root.classList.add("drawn");
    await loadPlotly();
    for (const plot of plots) {
      const { name, title, ...figure } = figures[plot.dataset.figure];
      await drawFirst(plot, figure, name, title, plot.parentElement.querySelector("figcaption"));
      await new Promise((done) => setTimeout(done));  // the page stays alive between two figures
    }
    fitToPage(plots);
    root.dataset.figures = String(plots.length);
  } catch (error) {
    root.classList.remove("drawn");
    throw error;
  }
})();
