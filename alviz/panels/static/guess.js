// A question, the guess that is locked in, and then the answer beside it. Text from Python is only ever set as text, never as HTML.

function render({ model, el }) {
  const id = `alviz-guess-${Math.random().toString(36).slice(2)}`;
  el.classList.add("alviz-guess");
  const choices = model.get("choices");
  const unit = model.get("unit");
  const legend = make("legend", { textContent: model.get("question") });
  const rows = choices.map((text, k) => {
    const input = make("input", { type: "radio", name: id, value: String(k), required: true });
    const tag = make("span", { className: "alviz-guess-tag" });
    return { input, tag, row: make("label", {}, input, make("span", { textContent: text }), tag) };
  });
  const free = make("input", { type: "number", id, required: true, step: "any", min: model.get("minimum"), max: model.get("maximum") });
  const numbered = make("div", { className: "alviz-guess-number" },
    make("label", { htmlFor: id, textContent: `Your guess, from ${model.get("minimum").toLocaleString("en")} to ${model.get("maximum").toLocaleString("en")}` }),
    make("span", {}, free, make("span", { textContent: ` ${unit}` })));
  const fieldset = make("fieldset", {}, legend, ...(choices.length ? rows.map(({ row }) => row) : [numbered]));
  const button = make("button", { type: "submit", className: "alviz-button alviz-primary", textContent: "Lock in my guess" });
  const told = make("div", { className: "alviz-guess-told" });
  told.setAttribute("role", "status");
  const form = make("form", {}, fieldset, button, told);
  el.append(form);

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (model.get("locked")) return;
    button.focus(); // the choice is about to be disabled, and would lose the focus
    model.set("guess", choices.length ? Number(form.elements[id].value) : Number(free.value));
    model.save_changes();
  });

  // JupyterLab's shortcuts: arrow keys choose here, and move to no other cell. They are looked for from the focused element outwards.
  for (const control of [...rows.map(({ input }) => input), free, button]) control.dataset.lmSuppressShortcuts = "true";

  const draw = () => {
    const [locked, answer, guess] = [model.get("locked"), model.get("told"), model.get("guess")];
    const known = Boolean(answer.verdict);
    form.classList.toggle("locked", locked);
    // The button keeps the focus: what is disabled would lose it, and the next Tab would begin at the top of the page.
    button.setAttribute("aria-disabled", String(locked));
    button.textContent = locked ? "Locked in" : "Lock in my guess";
    for (const { input } of rows) input.disabled = locked;
    free.disabled = locked;
    if (locked && choices.length) rows[guess].input.checked = true;
    if (locked && !choices.length) free.value = guess;
    rows.forEach(({ row, tag }, k) => {
      const words = [];
      if (locked && k === guess) words.push("your guess");
      if (known && k === answer.answer) words.push("the answer");
      tag.textContent = words.join(", ");
      row.classList.toggle("alviz-right", known && k === answer.answer);
      row.classList.toggle("alviz-missed", known && k === guess && k !== answer.answer);
    });
    if (!known) {
      told.replaceChildren(...(locked ? [make("p", { textContent: "Locked in. Working it out …" })] : []));
      return;
    }
    const right = answer.verdict === "right";
    const verdict = make("b", { className: right ? "alviz-right" : "alviz-missed", textContent: right ? "✓ Right. " : "✗ Not so. " });
    const beside = choices.length ? "" : `You said ${answer.mine}; the answer is ${answer.truth}. `;
    told.replaceChildren(make("p", {}, verdict, make("span", { textContent: `${beside}${answer.because}` })));
  };
  draw();
  const drawn = ["locked", "told"];
  drawn.forEach((name) => model.on(`change:${name}`, draw));
  return () => drawn.forEach((name) => model.off(`change:${name}`, draw));
}

export default { render };
