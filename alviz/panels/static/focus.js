// A button that is disabled while it works loses the focus, and who goes by keys their place: the focus comes back with the button, unless it has gone elsewhere.
function keepFocus() {
  if (window.__alvizFocus) return;  // once for all widgets of the page
  window.__alvizFocus = true;
  let held = null;
  for (const event of ["focusin", "pointerdown"]) document.addEventListener(event, () => { held = null; });
  new MutationObserver((changes) => {
    for (const { target } of changes) {
      if (target.disabled && target === document.activeElement) held = target;
      else if (!target.disabled && target === held) target.focus({ preventScroll: true });
    }
  }).observe(document, { subtree: true, attributes: true, attributeFilter: ["disabled"] });
}

