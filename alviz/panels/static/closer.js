// A closer look at a picture: it grows about the point that the pointer is at, so that all of it can be reached without dragging.

const CLOSER = 3;  // how much larger it is at first, and at most
const CLOSEST = 12;
const STEPS = { arrowleft: [-0.1, 0], arrowright: [0.1, 0], arrowup: [0, -0.1], arrowdown: [0, 0.1] };

// frame: the element that cuts off what is too large; picture: the image in its middle; changed(): called when the magnification has changed.
function closerLook(frame, picture, changed) {
  let magnified = 0;  // how many times; 0: the whole picture
  let at = [0.5, 0.5];  // the point of the picture that stays, as shares of its width and height

  function look(x, y) {
    at = [x, y].map((share) => Math.min(1, Math.max(0, share)));
    picture.style.transformOrigin = `${100 * at[0]}% ${100 * at[1]}%`;
  }
  function follow({ clientX, clientY }) {
    const { left, top, width, height } = frame.getBoundingClientRect();
    const { clientWidth: w, clientHeight: h } = picture;
    look((clientX - left - (width - w) / 2) / w, (clientY - top - (height - h) / 2) / h);
  }
  function magnify(times) {
    const wanted = picture.hidden ? 0 : times;
    if (wanted === magnified) return;
    magnified = wanted;
    picture.style.transform = magnified ? `scale(${magnified})` : "";
    frame.classList.toggle("alviz-stage-close", magnified > 0);
    changed();
  }
  function toggle() {
    look(0.5, 0.5);
    magnify(magnified ? 0 : CLOSER);
  }

  picture.addEventListener("click", (event) => {
    toggle();
    follow(event);
  });
  frame.addEventListener("pointermove", (event) => { if (magnified) follow(event); });
  frame.addEventListener("wheel", (event) => {
    if (!magnified) return;
    event.preventDefault();
    magnify(Math.min(CLOSEST, Math.max(1.25, magnified * 1.2 ** -Math.sign(event.deltaY))));
  }, { passive: false });

  // Whether a key (in small letters) belongs to the closer look, which has followed it then.
  function takes(key) {
    if (!magnified || (key !== "escape" && !(key in STEPS))) return false;
    if (key === "escape") magnify(0);
    else look(at[0] + STEPS[key][0], at[1] + STEPS[key][1]);
    return true;
  }
  return { times: () => magnified, magnify, toggle, takes };
}
