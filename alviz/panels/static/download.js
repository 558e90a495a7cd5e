// Hands a file over to the browser, which asks where to keep it and whether to replace another one.
export default {
  initialize({ model }) {
    model.on("msg:custom", (content, buffers) => {
      if (content.kind !== "file") return;
      const url = URL.createObjectURL(new Blob([bytesOf(buffers[0])], { type: content.type }));
      const link = Object.assign(document.createElement("a"), { href: url, download: content.name });
      document.body.append(link);
      link.click();
      link.remove();
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
    });
  },
  render({ el }) {
    el.style.display = "none";
  },
};
