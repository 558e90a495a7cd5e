// One labelled control. Text from Python is only ever set as text, never as HTML.

function render({ model, el }) {
  const id = `alviz-field-${Math.random().toString(36).slice(2)}`;  // every widget has a module of its own, so no counter would do
  const kind = model.get("kind");
  el.classList.add("alviz-field", `alviz-field-${kind}`);
  const label = make("label", { htmlFor: id });
  const note = make("div", { className: "alviz-field-note", id: `${id}-note` });
  const words = kind === "text" || kind === "lines";
  const input = make({ menu: "select", lines: "textarea" }[kind] ?? "input", { id });
  if (input.tagName === "INPUT") input.type = { number: "number", range: "range", switch: "checkbox", text: "text" }[kind];
  input.setAttribute("aria-describedby", note.id);
  input.dataset.lmSuppressShortcuts = "true"; // JupyterLab's: arrow keys move the slider, and to no other cell
  const shown = kind === "range" ? make("output", { htmlFor: id }) : null;
  if (kind === "switch") el.append(make("div", { className: "alviz-field-row" }, input, label), note);
  else if (shown) el.append(make("div", { className: "alviz-field-head" }, label, shown), input, note);
  else el.append(label, input, note);

  const decimals = () => Math.min(6, (String(model.get("step")).split(".")[1] || "").length);
  // What was typed and cannot be: said below the control, which goes back to what it was.
  let refused = "";
  const say = () => {
    note.textContent = refused || model.get("note");
    note.hidden = !note.textContent;
    note.classList.toggle("alviz-wrong", Boolean(refused));
    note.setAttribute("role", refused ? "alert" : "note");
  };
  const whyNot = (text) => {
    if (text === "" && model.get("optional")) return "";
    const [value, low, high] = [Number(text), model.get("minimum"), model.get("maximum")];
    const whole = Number.isInteger(model.get("step")) && Number.isInteger(low);
    if (text !== "" && value >= low && value <= high && (!whole || Number.isInteger(value))) return "";
    return `Wanted a ${whole ? "whole " : ""}number from ${low.toLocaleString("en")} to ${high.toLocaleString("en")}${text === "" ? "" : `, not ${value.toLocaleString("en")}`}.`;
  };
  const draw = () => {
    label.textContent = model.get("label");
    say();
    el.classList.toggle("alviz-locked", model.get("locked"));
    el.title = model.get("locked") ? "Fixed by the link that was opened" : model.get("help");
    input.disabled = model.get("disabled") || model.get("locked");
    input.placeholder = model.get("placeholder");
    if (words) {
      input.spellcheck = false;
      if (kind === "lines") input.rows = 4;
    } else if (kind !== "menu" && kind !== "switch") {
      input.min = model.get("minimum");
      input.max = model.get("maximum");
      input.step = model.get("step");
    }
    setValue();
  };
  let typing = false;  // what is being typed is not overwritten
  if (kind === "number" || words) input.addEventListener("input", () => { typing = true; });
  const setValue = () => {
    const value = model.get("value");
    if (kind === "switch") input.checked = Boolean(value);
    else if (kind === "menu") input.value = value === null ? "" : String(value);
    else if (!typing || kind === "range") input.value = value === null ? "" : value;
    if (shown) shown.textContent = value === null ? "" : Number(value).toFixed(decimals());
  };
  const setOptions = () => {
    if (kind !== "menu") return;
    const groups = new Map();
    input.replaceChildren();
    for (const entry of model.get("options")) {
      const why = entry.disabled && entry.why ? ` – ${entry.why}` : "";
      const node = make("option", { value: entry.value, textContent: entry.label + why, disabled: Boolean(entry.disabled) });
      if (entry.title || entry.why) node.title = entry.title || entry.why;
      if (!entry.group) { input.append(node); continue; }
      if (!groups.has(entry.group)) {
        groups.set(entry.group, make("optgroup", { label: entry.group }));
        input.append(groups.get(entry.group));
      }
      groups.get(entry.group).append(node);
    }
    setValue();
  };
  const send = (value) => { model.set("value", value); model.save_changes(); };
  input.addEventListener("change", () => {
    typing = false;
    if (kind === "menu") return send(input.value);
    if (kind === "switch") return send(input.checked);
    if (words) return send(input.value);
    refused = kind === "number" ? whyNot(input.value) : "";
    say();
    if (refused) input.value = model.get("value") ?? "";
    else send(input.value === "" ? null : Number(input.value));
  });
  if (kind === "range") {
    let last = 0;
    input.addEventListener("input", () => {  // follow the drag, at most some 8 messages a second
      shown.textContent = Number(input.value).toFixed(decimals());
      const now = performance.now();
      if (now - last > 120) { last = now; send(Number(input.value)); }
    });
  }
  setOptions();
  draw();
  const drawn = ["label", "note", "help", "disabled", "locked", "minimum", "maximum", "step", "optional"];
  drawn.forEach((name) => model.on(`change:${name}`, draw));
  model.on("change:value", setValue);
  model.on("change:options", setOptions);
  return () => {
    drawn.forEach((name) => model.off(`change:${name}`, draw));
    model.off("change:value", setValue);
    model.off("change:options", setOptions);
  };
}

export default { render };
