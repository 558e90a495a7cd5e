// Several things chosen from a menu, each a chip that can be taken off again. Text from Python is only ever set as text, never as HTML.

function render({ model, el }) {
  const id = `alviz-several-${Math.random().toString(36).slice(2)}`;
  el.classList.add("alviz-field", "alviz-several");
  const label = make("label", { htmlFor: id });
  const chips = make("ul", { className: "alviz-chips" });
  const menu = make("select", { id });
  const free = make("input", { id, type: "text", spellcheck: false });
  const note = make("div", { className: "alviz-field-note" });
  el.append(label, chips, model.get("free") ? free : menu, note);
  const list = make("datalist", { id: `${id}-list` });
  if (model.get("free")) { el.append(list); free.setAttribute("list", list.id); }

  const send = (value) => { model.set("value", value); model.save_changes(); };
  const shown = (value) => model.get("options").find((entry) => entry.value === value)?.label ?? value;
  const draw = () => {
    const [value, disabled] = [model.get("value"), model.get("disabled") || model.get("locked")];
    label.textContent = model.get("label");
    el.title = model.get("help");
    note.textContent = model.get("note");
    note.hidden = !note.textContent;
    menu.disabled = free.disabled = disabled || value.length >= model.get("most");
    free.placeholder = model.get("placeholder");
    const focused = chips.contains(document.activeElement);
    chips.replaceChildren(...value.map((one) => {
      const off = make("button", { type: "button", className: "alviz-chip-off", textContent: "×", title: `Leave out ${shown(one)}`, disabled: disabled || value.length <= model.get("least") });
      off.setAttribute("aria-label", `Leave out ${shown(one)}`);
      off.addEventListener("click", () => send(value.filter((other) => other !== one)));
      const text = make("span", { className: "alviz-chip-text", textContent: shown(one), title: shown(one) });
      return make("li", { className: "alviz-chip" }, text, off);
    }));
    if (focused) (model.get("free") ? free : menu).focus();
    const groups = new Map();
    const rest = model.get("options").filter((entry) => !value.includes(entry.value));
    menu.replaceChildren(make("option", { value: "", textContent: model.get("placeholder") || "Add …" }));
    list.replaceChildren(...rest.map((entry) => make("option", { value: entry.value })));
    for (const entry of rest) {
      const why = entry.disabled && entry.why ? ` – ${entry.why}` : "";
      const node = make("option", { value: entry.value, textContent: entry.label + why, disabled: Boolean(entry.disabled) });
      if (entry.title || entry.why) node.title = entry.title || entry.why;
      if (!entry.group) { menu.append(node); continue; }
      if (!groups.has(entry.group)) {
        groups.set(entry.group, make("optgroup", { label: entry.group }));
        menu.append(groups.get(entry.group));
      }
      groups.get(entry.group).append(node);
    }
    menu.value = "";
  };
  const add = (text) => {
    const one = text.trim();
    if (one && !model.get("value").includes(one)) send([...model.get("value"), one]);
  };
  menu.addEventListener("change", () => add(menu.value));
  free.addEventListener("change", () => { add(free.value); free.value = ""; });
  draw();
  const drawn = ["label", "value", "options", "note", "help", "disabled", "locked", "placeholder"];
  drawn.forEach((name) => model.on(`change:${name}`, draw));
  return () => drawn.forEach((name) => model.off(`change:${name}`, draw));
}

export default { render };
