// A lesson without Python: the widgets of the app, over models that know beforehand what Python would have said. WIDGETS holds their modules.
(async () => {
  const { parts: packed, buffers } = await loadData();
  const parts = JSON.parse(new TextDecoder().decode(packed));
  document.documentElement.classList.add("drawn");
  document.querySelector("style").id = "alviz-theme";  // the widgets need not ask for it
  await loadPlotly();

  const make = (tag, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };
  const number = (value) => Number(value.toPrecision(6)).toLocaleString("en");

  // What was bytes in Python is a view of the page's buffers.
  const restored = (value) => {
    if (Array.isArray(value)) return value.map(restored);
    if (value === null || typeof value !== "object") return value;
    if ("at" in value && "size" in value) return new DataView(buffers.buffer, value.at, value.size);
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, restored(item)]));
  };

  // The part of a widget's model that our widgets use.
  function modelOf(state) {
    const told = new Map();
    return {
      get: (name) => state[name],
      set(name, value) {
        if (state[name] === value) return;
        state[name] = value;
        for (const listener of told.get(`change:${name}`) ?? []) listener();
      },
      on: (event, listener) => told.set(event, (told.get(event) ?? new Set()).add(listener)),
      off: (event, listener) => told.get(event)?.delete(listener),
      save_changes() {},
      send() {},
    };
  }

  function viewOf({ module, state }) {
    const el = make("div");
    const model = modelOf(restored(state));
    const widget = typeof WIDGETS[module] === "function" ? WIDGETS[module]() : WIDGETS[module];
    widget.initialize?.({ model, signal: new AbortController().signal });
    widget.render({ model, el });
    return { el, model };
  }

  // ---- questions ----

  const asked = [];

  function guessOf(part) {
    const { el, model } = viewOf(part.form);
    const box = make("div", { className: "alviz-root alviz-lesson alviz-guess-box widget-vbox" }, el);
    const choices = model.get("choices");
    const words = (guess) => (choices.length ? choices[guess] : `${number(guess)} ${part.unit}`.trimEnd());
    const question = { text: model.get("question"), truth: part.truth, mine: "", right: false };
    asked.push(question);
    model.on("change:guess", () => {
      const guess = model.get("guess");
      question.mine = words(guess);
      question.right = choices.length ? guess === part.answer : Math.abs(guess - part.answer) <= part.within;
      const verdict = question.right ? "right" : "wrong";
      model.set("locked", true);
      model.set("told", { verdict, mine: question.mine, truth: part.truth, answer: choices.length ? part.answer : null, because: part.because });
      if (part.evidence) box.append(built(part.evidence));
      tallies.forEach((count) => count());
    });
    return box;
  }

  const tallies = [];

  function tallyOf({ columns, marks }) {
    const box = make("div", { className: "alviz-root alviz-lesson alviz-tally" });
    const count = () => {
      const made = asked.filter(({ mine }) => mine);
      const right = made.filter((question) => question.right).length;
      const text = ` ${right} right of ${made.length} made; ${asked.length} questions in this lesson.`;
      box.replaceChildren(make("p", {}, make("b", { textContent: "Your guesses:" }), text));
      if (!made.length) return;
      const head = columns.map((name) => make("th", { scope: "col", textContent: name }));
      const rows = asked.map(({ text, mine, truth, right }, k) => {
        const cells = mine ? [text, mine, truth, marks[right ? "right" : "wrong"]] : [text, "not yet", "", ""];
        return make("tr", {}, ...[k + 1, ...cells].map((cell) => make("td", { textContent: cell })));
      });
      const table = make("table", { className: "alviz-table" }, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows));
      box.append(make("div", { className: "alviz-scroll" }, table));
    };
    tallies.push(count);
    return box;
  }

  // ---- by hand ----

  const noteOf = ({ note }) => (note ? [make("p", { className: "recorded", textContent: note })] : []);

  function planeOf(part) {
    const [timeline, background] = [viewOf(part.timeline), viewOf(part.background)];
    const plots = part.plots[background.model.get("value")][0].map(viewOf);
    const titles = plots.map(() => make("div"));
    const legend = make("div");
    const [back, step, play] = ["Back", "Step", "Play"].map((textContent) => make("button", { type: "button", className: "alviz-button", textContent }));
    const last = timeline.model.get("last");
    let round = 0;

    function show() {
      const kind = background.model.get("value");
      [back.disabled, step.disabled] = [round === 0, round === last];
      timeline.model.set("shown", round);
      legend.innerHTML = part.legends[kind];
      plots.forEach(({ model }, k) => {
        const { figure, alt } = part.plots[kind][round][k].state;
        titles[k].innerHTML = part.titles[round][k];
        model.set("alt", alt);
        model.set("figure", restored(figure));
      });
    }
    const { go, toggle } = playerOf(last, (wanted, playing) => {
      play.textContent = playing ? "Pause" : "Play";
      if (wanted === round) return;
      round = wanted;
      show();
    });
    back.addEventListener("click", () => go(round - 1));
    step.addEventListener("click", () => go(round + 1));
    play.addEventListener("click", toggle);
    timeline.model.on("change:shown", () => go(timeline.model.get("shown")));
    background.model.on("change:value", show);
    const bar = make("div", { className: "bar" }, back, step, play, timeline.el, background.el);
    const cells = plots.map(({ el }, k) => make("div", { className: "alviz-plane widget-vbox" }, titles[k], el));
    show();
    return make("div", { className: "alviz-root alviz-lesson widget-vbox" }, bar, ...noteOf(part), legend, make("div", { className: "alviz-planes" }, ...cells));
  }

  function tryoutOf(part) {
    const fields = part.fields.map(viewOf);
    const shown = make("div");
    const nearest = (stops, value) => {
      const away = stops.map((stop) => (typeof stop === "number" ? Math.abs(stop - value) : Number(stop !== value)));
      return away.indexOf(Math.min(...away));
    };
    const show = () => {
      const at = fields.reduce((place, { model }, k) => place * part.stops[k].length + nearest(part.stops[k], model.get("value")), 0);
      shown.replaceChildren(built(part.shown[at]));
    };
    fields.forEach(({ model }) => model.on("change:value", show));
    show();
    const controls = make("div", { className: "alviz-tryout-controls" }, ...fields.map(({ el }) => el));
    return make("div", { className: "alviz-root alviz-lesson alviz-tryout widget-vbox" }, controls, ...noteOf(part), shown);
  }

  // ---- all of it ----

  function built(part) {
    if (part.kind === "html") {
      return make("div", { className: "widget-html" }, make("div", { className: "widget-html-content", innerHTML: part.html }));
    }
    if (part.kind === "box") {
      return make("div", { className: [part.row ? "widget-hbox" : "widget-vbox", ...part.classes].join(" ") }, ...part.parts.map(built));
    }
    return { view: (view) => viewOf(view).el, guess: guessOf, tally: tallyOf, plane: planeOf, tryout: tryoutOf }[part.kind](part);
  }

  for (const place of document.querySelectorAll("[data-part]")) place.append(built(parts[place.dataset.part]));
  tallies.forEach((count) => count());
  document.documentElement.dataset.ready = "";
})();
