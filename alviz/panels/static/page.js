// What all our widgets share; Python puts this text in front of each of them.

// One answer for the whole page: the first widget that needs something asks its kernel, all the others wait for the same answer.
// `home` is what a widget's initialize was called with: it outlives the widget's views; a widget closed before its answer makes room for the next.
function askOnce(name, { model, signal }, use) {
  const answers = (window.__alvizAnswers ??= {});
  answers[name] ??= new Promise((resolve, reject) => {
    const receive = (content, buffers) => {
      if (content.kind !== name) return;
      model.off("msg:custom", receive);
      Promise.resolve(use(content, buffers)).then(resolve, fail);
    };
    const fail = (reason) => {
      delete answers[name];
      reject(reason);
    };
    model.on("msg:custom", receive);
    signal.addEventListener("abort", () => fail(new Error(`closed before ${name} came`)));
    model.send({ kind: `need-${name}` });
  });
  return answers[name];
}

// The page wears our style sheet: linked by its template, or sent by the kernel.
function ensureTheme(home) {
  if (document.getElementById("alviz-theme")) return Promise.resolve();
  if (document.querySelector('link[href*="/theme.css"]')) return Promise.resolve();
  return askOnce("theme", home, ({ css }) => {
    document.head.append(Object.assign(document.createElement("style"), { id: "alviz-theme", textContent: css }));
  });
}

// Is this one of our own pages (or any Voila page), rather than JupyterLab, whose address and looks are not ours to change?
function inLab() {
  return document.body.hasAttribute("data-jp-theme-light") && !document.body.hasAttribute("data-voila");
}

function bytesOf(view) {
  return view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
}

// An element with properties and what is in it; or, shorter, with a class and a text.
function make(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function node(tag, className, text = "") {
  return make(tag, { className, textContent: text });
}

