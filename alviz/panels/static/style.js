export default {
  initialize(home) {
    ensureTheme(home);
    keepFocus();
  },
  render({ el }) {
    el.style.display = "none";
  },
};
