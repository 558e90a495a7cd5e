// A grid of pictures cut out of one sprite sheet. Text from Python is only ever set as text.

const FLAGS = { right: ["✓", "predicted right"], wrong: ["✗", "predicted wrong"] };

// "name<tab>number": the name is cut where space is short, the number never.
function lineOf(line) {
  const span = node("span", "alviz-thumbnail-line");
  const [text, number] = line.split("\t");
  if (number === undefined) span.textContent = text;
  else span.append(node("span", "alviz-thumbnail-name", text), node("span", "alviz-thumbnail-number", number));
  return span;
}

export default {
  initialize(home) {
    ensureTheme(home);
  },

  render({ model, el }) {
    el.classList.add("alviz-thumbnails");
    const grid = node("div", "alviz-thumbnails-grid");
    const note = node("p", "alviz-thumbnails-more");
    const empty = node("p", "alviz-empty");
    grid.setAttribute("role", "group");
    el.append(grid, note, empty);

    let cells = [];  // {id, button}
    let anchor = 0;  // where a shift-click's range starts
    let [url, beside] = [null, null];

    function picture(index, url) {
      const [width, height] = model.get("cell");
      const columns = model.get("columns");
      // whole multiples keep small pictures sharp; big ones shrink to the size that small ones grow to
      const longest = Math.max(width, height);
      const scale = longest < 64 ? Math.ceil(56 / longest) : 72 / longest;
      const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
      const rows = Math.ceil(model.get("items").length / columns);
      const image = node("span", "alviz-thumbnail-picture");
      Object.assign(image.style, {
        width: `${w}px`, height: `${h}px`, backgroundImage: `url("${url}")`, backgroundSize: `${columns * w}px ${rows * h}px`,
        backgroundPosition: `${-(index % columns) * w}px ${-Math.floor(index / columns) * h}px`,
        imageRendering: longest < 64 ? "pixelated" : "auto",
      });
      return image;
    }

    function cell(item, index) {
      const button = node("button", "alviz-thumbnail");
      button.type = "button";
      button.tabIndex = index === 0 ? 0 : -1;
      if (beside) {
        const pair = node("span", "alviz-thumbnail-pair");
        pair.append(picture(index, beside), node("span", "alviz-thumbnail-arrow", "→"), picture(index, url));
        button.append(pair);
      } else if (url) button.append(picture(index, url));
      const [mark, meaning] = FLAGS[item.flag] ?? ["", ""];
      const title = node("span", "alviz-thumbnail-title", item.title);
      button.append(title, ...item.lines.map(lineOf));
      if (mark) {
        const flag = node("span", `alviz-thumbnail-flag alviz-${item.flag}`, mark);
        flag.setAttribute("aria-hidden", "true");
        button.append(flag);
      }
      const text = [item.title, ...item.lines.map((line) => line.replace("\t", " ")), meaning].filter(Boolean);
      button.title = text.join("\n");
      button.setAttribute("aria-label", text.join(", "));
      return { id: item.id, button };
    }

    function forget() {
      [url, beside].filter(Boolean).forEach((address) => URL.revokeObjectURL(address));
    }

    function build() {
      forget();
      [url, beside] = ["sprite", "beside"].map((name) => {
        const sheet = model.get(name);
        return sheet?.byteLength ? URL.createObjectURL(new Blob([bytesOf(sheet)], { type: "image/png" })) : null;
      });
      const items = model.get("items");
      const focused = cells.find(({ button }) => button === document.activeElement)?.id;
      cells = items.map(cell);
      anchor = 0;
      grid.replaceChildren(...cells.map(({ button }) => button));
      grid.hidden = items.length === 0;
      grid.classList.toggle("alviz-thumbnails-text", !url);
      grid.classList.toggle("alviz-thumbnails-pairs", Boolean(beside));
      empty.hidden = items.length > 0;
      note.hidden = model.get("hidden") === 0;
      note.textContent = `and ${model.get("hidden").toLocaleString("en")} more`;
      mark();
      if (focused !== undefined) (cells.find(({ id }) => id === focused) ?? cells[0])?.button.focus();
    }

    function words() {
      empty.textContent = model.get("empty");
      grid.setAttribute("aria-label", model.get("label"));
    }

    function mark() {
      const selected = new Set(model.get("selected"));
      const pointed = model.get("pointed");
      for (const { id, button } of cells) {
        button.setAttribute("aria-pressed", String(selected.has(id)));
        button.classList.toggle("alviz-pointed", id === pointed);
      }
    }

    function select(ids) {
      model.set("selected", [...ids]);
      model.save_changes();
    }

    function hover(id) {
      if (model.get("hovered") === id) return;
      model.set("hovered", id);
      model.save_changes();
    }

    const indexOf = (target) => cells.findIndex(({ button }) => button === target.closest(".alviz-thumbnail"));

    // A click takes a sample in or out; with shift, everything from the last clicked one to this one comes in.
    grid.addEventListener("click", (event) => {
      const index = indexOf(event.target);
      if (index < 0) return;
      const selected = new Set(model.get("selected"));
      const { id } = cells[index];
      if (event.shiftKey) {
        for (let i = Math.min(anchor, index); i <= Math.max(anchor, index); i++) selected.add(cells[i].id);
      } else if (!selected.delete(id)) selected.add(id);
      if (!event.shiftKey) anchor = index;
      select(selected);
    });

    grid.addEventListener("keydown", (event) => {
      const index = indexOf(event.target);
      if (index < 0) return;
      if (event.key === "Escape") return select([]);
      const top = cells[0].button.offsetTop;
      const perRow = Math.max(1, cells.filter(({ button }) => button.offsetTop === top).length);
      const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: perRow, ArrowUp: -perRow, Home: -index, End: cells.length - 1 - index };
      if (!(event.key in steps)) return;
      event.preventDefault();
      event.stopPropagation();  // JupyterLab would move to the next cell
      const next = index + steps[event.key];
      if (next >= 0 && next < cells.length) cells[next].button.focus();
    });

    // One cell at a time is in the page's tab order: the last one that had the focus.
    grid.addEventListener("focusin", (event) => {
      const index = indexOf(event.target);
      cells.forEach(({ button }, i) => (button.tabIndex = i === index ? 0 : -1));
      hover(cells[index].id);
    });
    grid.addEventListener("focusout", () => hover(null));
    grid.addEventListener("pointerover", (event) => {
      const index = indexOf(event.target);
      hover(index < 0 ? null : cells[index].id);
    });
    grid.addEventListener("pointerleave", () => hover(null));

    // `items`, `sprite`, `cell` … arrive in one message but change one by one: build once, when all are there.
    let building = null;
    const rebuild = () => {
      building ??= requestAnimationFrame(() => {
        building = null;
        build();
      });
    };
    for (const name of ["items", "sprite", "beside", "cell", "columns", "hidden"]) model.on(`change:${name}`, rebuild);
    for (const name of ["selected", "pointed"]) model.on(`change:${name}`, mark);
    for (const name of ["empty", "label"]) model.on(`change:${name}`, words);
    words();
    build();

    return () => {
      cancelAnimationFrame(building);
      forget();
    };
  },
};
