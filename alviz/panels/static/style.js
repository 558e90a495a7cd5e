export default {
  initialize(home) {
    ensureTheme(home);
  },
  render({ el }) {
    el.style.display = "none";
  },
};
