// The stage of the Label page: one big picture, a button for each class, everything on keys. Text from Python is only ever set as text.

const DIGITS = "1234567890";
const KEPT = 12;  // pictures kept beyond those ahead: undo goes back to them

function typing(target) {
  return target instanceof Element && target.closest("input:not([type=checkbox]):not([type=range]), textarea, select, [contenteditable]") !== null;
}

// The digit of a key, also on keyboards where digits need Shift (French) and on the number pad.
function digitOf(event) {
  if (/^[0-9]$/.test(event.key)) return event.key;
  const code = /^Digit([0-9])$/.exec(event.code);
  return code && !event.shiftKey ? code[1] : null;
}

export default {
  initialize(home) {
    ensureTheme(home);
  },

  render({ model, el }) {
    el.classList.add("alviz-stage");
    el.tabIndex = -1;
    const bar = node("div", "alviz-stage-bar");
    const fill = node("div", "alviz-stage-fill");
    bar.setAttribute("role", "progressbar");
    bar.setAttribute("aria-label", "This round");
    bar.append(fill);
    const heading = node("h2", "alviz-stage-heading");
    const word = node("span", "alviz-stage-word");
    word.setAttribute("role", "status");
    const head = node("div", "alviz-stage-head");
    head.append(heading, word);

    const frame = node("div", "alviz-stage-frame");
    const picture = node("img", "alviz-stage-picture");
    picture.draggable = false;
    const instead = node("p", "alviz-stage-instead");
    frame.append(picture, instead);
    const caption = node("p", "alviz-stage-caption");
    const note = node("p", "alviz-stage-note");
    const left = node("div", "alviz-stage-left");
    const recent = node("div", "alviz-stage-recent");
    recent.setAttribute("role", "group");
    recent.setAttribute("aria-label", "Your last answers, newest first");
    left.append(frame, caption, note, recent);

    const filter = node("input", "alviz-stage-filter");
    filter.type = "search";
    filter.placeholder = "Type to find a class   /";
    filter.setAttribute("aria-label", "Find a class");
    const classes = node("div", "alviz-stage-classes");
    classes.setAttribute("role", "group");
    classes.setAttribute("aria-label", "Classes");
    const none = node("p", "alviz-stage-none", "No class of that name.");
    const adding = node("form", "alviz-stage-adding");
    const added = node("input", "alviz-stage-added");
    added.type = "text";
    added.maxLength = 200;
    added.placeholder = "New class for this picture   +";
    added.setAttribute("aria-label", "Name of a new class for this picture");
    const add = node("button", "alviz-button", "Add");
    add.type = "submit";
    adding.append(added, add);
    const actions = node("div", "alviz-stage-actions");
    const right = node("div", "alviz-stage-right");
    right.append(filter, classes, none, adding, actions);
    const body = node("div", "alviz-stage-body");
    body.append(left, right);
    el.append(head, bar, body);

    // ---- saying something: one thing at a time, and only about a picture that can be seen ----

    let sent = null;  // the turn in which something was said and not answered yet
    let shown = null;  // the sample whose picture is on the screen
    const ready = () => model.get("sample") !== null && shown === model.get("sample") && sent !== model.get("turn");

    function say(content) {
      sent = model.get("turn");
      model.send(content);
      lock();
    }
    const answer = (kind, label = -1) => { if (ready()) say({ kind: "answer", sample: model.get("sample"), answer: kind, label }); };
    const undo = () => { if (model.get("may_undo") && sent !== model.get("turn")) say({ kind: "undo" }); };

    const commands = {
      keep: { key: "k", label: () => (model.get("again") ? "Keep it" : "Keep the label"), run: () => answer("keep"), when: () => model.get("look") || model.get("again") },
      skip: { key: "s", label: () => (model.get("look") ? "Decide later" : "Skip"), run: () => answer("skip"), title: () => (model.get("look") ? "Leave the label as it is for now" : "You cannot tell; it is not asked again") },
      ignore: { key: "n", label: "None of these", run: () => answer("ignore"), title: "It belongs to no class: leave it out" },
      undo: { key: "u", label: "Undo", run: undo, title: "Take the last answer back, again and again" },
      closer: { key: "z", label: () => (closer.times() ? "Whole picture" : "Closer"), run: () => closer.toggle(), title: "Or click the picture: it follows the pointer and the arrow keys, the wheel changes the size" },
    };
    const textOf = (value) => (typeof value === "function" ? value() : value ?? "");
    for (const command of Object.values(commands)) {
      command.button = node("button", "alviz-button alviz-stage-action");
      command.button.type = "button";
      command.button.addEventListener("click", command.run);
      actions.append(command.button);
    }

    function lock() {
      const open = ready();
      for (const { button } of cells) button.disabled = !open;
      for (const [name, { button, when }] of Object.entries(commands)) {
        button.disabled = name === "undo" ? !model.get("may_undo") || sent === model.get("turn") : name === "closer" ? picture.hidden : !open;
        button.hidden = when ? !when() : false;
      }
      added.disabled = add.disabled = !open;
    }

    // ---- the classes ----

    let cells = [];  // {button, name}
    let chosen = 0;  // of the classes that pass the filter, the one that Enter takes

    function buildClasses() {
      const names = model.get("classes");
      cells = names.map((name, k) => {
        const button = node("button", "alviz-stage-class");
        button.type = "button";
        const key = DIGITS[k] ?? "";
        const count = node("span", "alviz-stage-count");
        const share = node("span", "alviz-stage-share");
        button.append(node("kbd", "alviz-stage-key", key), node("span", "alviz-stage-name", name), count, share);
        if (key) button.setAttribute("aria-keyshortcuts", key);
        button.addEventListener("click", () => { answer("label", k); });
        return { button, name, count, share };
      });
      classes.replaceChildren(...cells.map(({ button }) => button));
      const many = names.length > DIGITS.length;
      filter.hidden = !many;
      right.classList.toggle("alviz-stage-many", many);
      drawCounts();
      sift();
      mark();
      lock();
    }

    function drawCounts() {
      const counts = model.get("counts");
      const most = Math.max(5, ...counts);
      cells.forEach(({ button, name, count, share }, k) => {
        const n = counts[k] ?? 0;
        count.textContent = n.toLocaleString("en");
        share.style.width = `${(100 * n) / most}%`;
        button.title = `${name}: ${n.toLocaleString("en")} labelled`;
        button.setAttribute("aria-label", `${name}, ${n} labelled`);
      });
    }

    function mark() {
      const [former, guess] = [model.get("former"), model.get("guess")];
      cells.forEach(({ button }, k) => {
        button.setAttribute("aria-pressed", String(k === former));
        button.classList.toggle("alviz-stage-guess", k === guess);
      });
    }

    const passing = () => cells.filter(({ button }) => !button.hidden);
    function sift() {
      const wanted = filter.hidden ? "" : filter.value.trim().toLocaleLowerCase();
      for (const { button, name } of cells) button.hidden = !name.toLocaleLowerCase().includes(wanted);
      const left = passing();
      none.hidden = left.length > 0;
      chosen = Math.max(0, left.findIndex(({ name }) => name.toLocaleLowerCase().startsWith(wanted)));
      point();
    }
    function point() {
      const active = document.activeElement === filter && filter.value.trim() !== "";
      passing().forEach(({ button }, k) => {
        button.classList.toggle("alviz-stage-chosen", active && k === chosen);
        if (active && k === chosen) button.scrollIntoView({ block: "nearest" });
      });
    }
    function back() {
      filter.value = "";
      sift();
      el.focus({ preventScroll: true });
    }
    filter.addEventListener("input", sift);
    filter.addEventListener("blur", point);
    filter.addEventListener("keydown", (event) => {
      const left = passing();
      if (event.key === "Escape") back();
      else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        chosen = Math.min(Math.max(chosen + (event.key === "ArrowDown" ? 1 : -1), 0), Math.max(left.length - 1, 0));
        point();
      } else if (event.key === "Enter" && !event.repeat && filter.value.trim() && left.length) {
        const k = cells.indexOf(left[chosen]);
        back();
        answer("label", k);
      } else return;
      event.preventDefault();
      event.stopPropagation();
    });

    adding.addEventListener("submit", (event) => {
      event.preventDefault();
      const name = added.value.trim();
      if (!name || !ready()) return;
      added.value = "";
      el.focus({ preventScroll: true });
      say({ kind: "class", name, sample: model.get("sample") });
    });
    added.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      added.value = "";
      el.focus({ preventScroll: true });
    });

    // ---- keys: on our own pages they work wherever the focus is, in JupyterLab only inside the stage ----

    function onKey(event) {
      if (event.defaultPrevented || event.repeat || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
      if (typing(event.target)) return;
      const key = event.key.toLowerCase();
      const digit = digitOf(event);
      const command = Object.values(commands).find((one) => one.key === key && (!one.when || one.when()));
      if (digit !== null) {
        const k = DIGITS.indexOf(digit);
        if (k >= cells.length) return;
        answer("label", k);
      } else if (command) command.run();
      else if (key === "/" && !filter.hidden) filter.focus();
      else if (key === "+" && !added.disabled) added.focus();
      else if (!closer.takes(key)) return;
      event.preventDefault();
      event.stopPropagation();
    }
    const listening = inLab() ? el : window;
    if (inLab()) {
      el.tabIndex = 0;
      el.setAttribute("data-lm-suppress-shortcuts", "true");
    }
    listening.addEventListener("keydown", onKey);

    // ---- pictures: fetched and decoded before their turn ----

    const pictures = new Map();  // sample -> {image, broken} once it is there, null while it is under way

    function fetchAhead() {
      const wanted = [model.get("sample"), ...model.get("ahead")].filter((sample) => sample !== null);
      const missing = wanted.filter((sample) => !pictures.has(sample));
      for (const sample of missing) pictures.set(sample, null);
      if (missing.length) model.send({ kind: "want", samples: missing, size: "shown" });
      const spare = [...pictures.keys()].filter((sample) => !wanted.includes(sample));
      for (const sample of spare.slice(0, Math.max(0, spare.length - KEPT))) {
        const old = pictures.get(sample);
        if (old?.image) URL.revokeObjectURL(old.image.src);
        pictures.delete(sample);
      }
    }

    async function receive(content, buffers) {
      if (content.kind !== "picture") return;
      const { sample, size, broken, type } = content;
      if (size === "small") {
        if (!broken) receiveSmall(sample, URL.createObjectURL(new Blob([bytesOf(buffers[0])], { type })));
        return;
      }
      if (size === "whole" && (broken || !pictures.get(sample)?.image)) return;  // the one that is shown will do
      if (broken) pictures.set(sample, { broken });
      else {
        const image = new Image();
        image.src = URL.createObjectURL(new Blob([bytesOf(buffers[0])], { type }));
        try {
          await image.decode();
          URL.revokeObjectURL(pictures.get(sample)?.image?.src);
          pictures.set(sample, { image, whole: size === "whole" });
        } catch {
          if (size !== "whole") pictures.set(sample, { broken: "the browser cannot show it" });
        }
      }
      if (sample === model.get("sample")) show();
    }

    // Large pictures shrink to the frame. Small ones grow, smoothly and not beyond recognition: squares of colour say less than a small picture.
    function fit() {
      const { naturalWidth: width, naturalHeight: height } = picture;
      const { clientWidth, clientHeight } = frame;
      if (!width || !clientWidth) return;
      const room = Math.min(clientWidth / width, clientHeight / height);
      const scale = Math.min(room, Math.max(4, (0.6 * Math.min(clientWidth, clientHeight)) / Math.max(width, height)));
      Object.assign(picture.style, { width: `${Math.max(1, width * scale)}px`, height: `${Math.max(1, height * scale)}px` });
    }
    const resized = new ResizeObserver(fit);
    resized.observe(frame);

    const closer = closerLook(frame, picture, () => {
      const found = pictures.get(model.get("sample"));
      if (closer.times() && found?.whole === false) {
        found.whole = true;
        model.send({ kind: "want", samples: [model.get("sample")], size: "whole" });
      }
      drawCommands();
    });
    const { drawRecent, receiveSmall, forgetSmalls } = lastAnswers(model, recent, (sample) => { if (sent !== model.get("turn")) say({ kind: "again", sample }); });

    // The stage is as high as the window has room below the top bar, and stays while the side scrolls; messages in the bar come and go.
    const page = el.closest(".alviz-page");
    const above = page?.querySelector(".alviz-topbar");
    const placed = new ResizeObserver(() => page.style.setProperty("--alviz-topbar", `${above.offsetHeight}px`));
    if (above && !inLab()) placed.observe(above);

    function show() {
      const sample = model.get("sample");
      const found = sample === null ? null : pictures.get(sample);
      picture.hidden = !found?.image;
      instead.hidden = Boolean(found?.image);
      if (shown !== sample || !found?.image) closer.magnify(0);
      shown = found ? sample : null;
      if (found?.image) {
        picture.src = found.image.src;
        picture.alt = `${model.get("heading")}: ${model.get("caption")}`;
        fit();
      } else if (found) instead.textContent = `This picture cannot be shown: ${found.broken}. Skip it, or leave it out.`;
      else instead.textContent = sample === null ? model.get("instead") : "Loading the picture …";
      lock();
    }

    function drawCommands() {
      for (const command of Object.values(commands)) {
        command.button.replaceChildren(node("kbd", "alviz-stage-key", command.key), document.createTextNode(textOf(command.label)));
        command.button.title = textOf(command.title);
        command.button.setAttribute("aria-keyshortcuts", command.key);
      }
    }

    function draw() {
      heading.textContent = model.get("heading");
      word.textContent = model.get("word") && `last: ${model.get("word")}`;
      caption.textContent = caption.title = model.get("caption");
      caption.hidden = !caption.textContent;
      note.textContent = model.get("note");
      note.hidden = !note.textContent;
      const share = Math.round(100 * model.get("share"));
      fill.style.width = `${share}%`;
      bar.setAttribute("aria-valuenow", share);
      el.classList.toggle("alviz-stage-waiting", model.get("sample") === null);
      drawCommands();
      mark();
      fetchAhead();
      show();
    }

    // What belongs to one turn arrives in one message but changes one by one: draw once, when all is there.
    let drawing = false;
    const redraw = () => {
      if (drawing) return;
      drawing = true;
      queueMicrotask(() => {
        drawing = false;
        draw();
      });
    };
    const drawn = ["sample", "ahead", "heading", "word", "caption", "note", "share", "instead", "look", "again", "may_undo", "former", "guess", "turn"];
    for (const name of drawn) model.on(`change:${name}`, redraw);
    model.on("change:classes", buildClasses);
    model.on("change:counts", drawCounts);
    model.on("change:recent", drawRecent);
    model.on("msg:custom", receive);
    buildClasses();
    draw();
    drawRecent();

    return () => {
      listening.removeEventListener("keydown", onKey);
      resized.disconnect();
      placed.disconnect();
      for (const name of drawn) model.off(`change:${name}`, redraw);
      model.off("change:classes", buildClasses);
      model.off("change:counts", drawCounts);
      model.off("change:recent", drawRecent);
      model.off("msg:custom", receive);
      for (const old of pictures.values()) if (old?.image) URL.revokeObjectURL(old.image.src);
      forgetSmalls();
    };
  },
};
