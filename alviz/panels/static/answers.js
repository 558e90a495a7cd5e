// The last answers as small pictures: what was said about each can be changed without undoing those after it.

// row: where they are drawn, from the trait "recent"; pick(sample): one was clicked.
function lastAnswers(model, row, pick) {
  const smalls = new Map();  // sample -> address of its small picture, "" until it is there

  function drawRecent() {
    const said = model.get("recent");
    const samples = said.map(({ sample }) => sample);
    const missing = samples.filter((sample) => !smalls.has(sample));
    for (const sample of missing) smalls.set(sample, "");
    if (missing.length) model.send({ kind: "want", samples: missing, size: "small" });
    for (const sample of [...smalls.keys()]) if (!samples.includes(sample)) forget(sample);
    row.hidden = !said.length;
    row.replaceChildren(...said.map(({ sample, word }) => {
      const button = node("button", "alviz-stage-said");
      button.type = "button";
      button.title = `${word}: change this answer`;
      const small = node("img", "alviz-stage-small");
      small.alt = "";
      if (smalls.get(sample)) small.src = smalls.get(sample);
      button.append(small, node("span", "alviz-stage-name", word));
      button.addEventListener("click", () => pick(sample));
      return button;
    }));
  }
  function forget(sample) {
    URL.revokeObjectURL(smalls.get(sample));
    smalls.delete(sample);
  }
  function receiveSmall(sample, address) {
    if (!smalls.has(sample)) return;
    smalls.set(sample, address);
    drawRecent();
  }
  return { drawRecent, receiveSmall, forgetSmalls: () => [...smalls.keys()].forEach(forget) };
}
