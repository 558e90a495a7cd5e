// A button that opens a sheet: the page's link with what it hides and locks, a script, BibTeX. Text from Python is only ever set as text.

// Without a secure connection (http on another machine) there is no clipboard: there the text is selected and copied as by hand.
async function copy(source, said) {
  const field = source.matches("input") ? source : null;
  try {
    await navigator.clipboard.writeText(field ? field.value : source.textContent);
  } catch {
    field ? field.select() : getSelection().selectAllChildren(source);
    if (!document.execCommand("copy")) {
      said.textContent = "Press Ctrl+C to copy.";
      return;
    }
  }
  said.textContent = "Copied.";
}

function render({ model, el }) {
  const button = make("button", { className: "jupyter-button widget-button", type: "button", textContent: "Share", title: "A link to this, the Python that makes it, the BibTeX to cite it" });
  const dialog = make("dialog", { className: "alviz-share" });
  const said = make("p", { className: "alviz-reading" });
  said.setAttribute("role", "status");
  const heading = make("h2", { textContent: "Share" });
  dialog.setAttribute("aria-label", "Share");
  const copier = (label, source) => {
    const node = make("button", { className: "jupyter-button widget-button", type: "button", textContent: label });
    node.addEventListener("click", () => copy(source, said));
    return node;
  };
  const link = make("input", { type: "text", readOnly: true, spellcheck: false, ariaLabel: "Link" });
  const gap = make("p", { className: "alviz-notice" });
  const chosen = { hide: new Set(), lock: new Set() };
  const aim = () => {
    const query = new URLSearchParams(location.search);
    query.delete("token");
    for (const verb of ["hide", "lock"]) {
      const names = [...new Set([...(query.get(verb) ?? "").split(",").filter(Boolean), ...chosen[verb]])];
      if (names.length) query.set(verb, names.join(","));
    }
    const text = query.toString().replaceAll("%2C", ",");
    gap.textContent = model.get("gap");
    gap.hidden = !gap.textContent;
    link.value = `${location.origin}${location.pathname}${text ? `?${text}` : ""}`;
  };
  const line = ({ name, label, lockable }) => {
    const tick = (verb) => {
      const input = make("input", { type: "checkbox", ariaLabel: `${verb} ${label}` });
      input.addEventListener("change", () => { chosen[verb][input.checked ? "add" : "delete"](name); aim(); });
      return make("td", {}, input);
    };
    return make("tr", {}, make("th", { scope: "row", textContent: label }), tick("hide"), lockable ? tick("lock") : make("td"));
  };
  const table = (group) => {
    const listed = model.get("parts").filter((part) => part.group === group);
    const head = make("tr", {}, ...[group, "hide", ...(listed.some((part) => part.lockable) ? ["lock"] : [])].map((text) => make("th", { scope: "col", textContent: text })));
    return make("table", {}, make("thead", {}, head), make("tbody", {}, ...listed.map(line)));
  };
  const groups = make("div", { className: "alviz-share-parts" }, ...["Cards", "Settings", "Buttons"].map(table));
  const parts = make("details", {}, make("summary", { textContent: "Hide or lock parts for whoever opens the link" }), groups);
  const texts = { python: make("pre", { tabIndex: 0 }), bibtex: make("pre", { tabIndex: 0 }) };
  texts.python.setAttribute("aria-label", "Python");
  texts.bibtex.setAttribute("aria-label", "BibTeX");
  const close = make("button", { className: "jupyter-button widget-button", type: "button", textContent: "Close" });
  close.addEventListener("click", () => dialog.close());
  const row = (title, ...nodes) => make("div", { className: "alviz-share-row" }, make("h3", { textContent: title }), ...nodes);
  if (!inLab()) dialog.append(make("div", { className: "alviz-share-head" }, heading, close), row("Link", copier("Copy link", link)), link, gap, parts);
  else dialog.append(make("div", { className: "alviz-share-head" }, heading, close));
  dialog.append(row("Python", copier("Copy as Python", texts.python)), texts.python, row("Cite", copier("Copy BibTeX", texts.bibtex)), texts.bibtex, said);
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });  // beside the sheet
  button.addEventListener("click", () => {
    said.textContent = "";
    aim();
    for (const node of Object.values(texts)) node.textContent = "…";
    model.send({ kind: "texts" });
    dialog.showModal();
  });
  const fill = () => { for (const [name, node] of Object.entries(texts)) node.textContent = model.get(name); };
  const filled = (content) => { if (content.kind === "texts") fill(); };
  model.on("msg:custom", filled);
  el.append(button, dialog);
  return () => model.off("msg:custom", filled);
}

export default { render };
