// How the plane made by hand is drawn on a canvas: the field, the boundary, the points. Nothing here knows what is being dragged.

const MARKS = {  // the shapes of the classes, as paths of half width 1
  circle: (c) => c.arc(0, 0, 1, 0, 2 * Math.PI),
  square: (c) => c.rect(-0.9, -0.9, 1.8, 1.8),
  diamond: (c) => polygon(c, [[0, -1.25], [1.25, 0], [0, 1.25], [-1.25, 0]]),
  "triangle-up": (c) => polygon(c, [[0, -1.2], [1.15, 0.85], [-1.15, 0.85]]),
  cross: (c) => polygon(c, [[-0.4, -1.2], [0.4, -1.2], [0.4, -0.4], [1.2, -0.4], [1.2, 0.4], [0.4, 0.4], [0.4, 1.2], [-0.4, 1.2], [-0.4, 0.4],
    [-1.2, 0.4], [-1.2, -0.4], [-0.4, -0.4]]),
  star: (c) => polygon(c, Array.from({ length: 10 }, (_, i) => {
    const [angle, radius] = [(Math.PI * i) / 5 - Math.PI / 2, i % 2 ? 0.55 : 1.3];
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  })),
};

function polygon(c, corners) {
  corners.forEach(([x, y], i) => (i ? c.lineTo(x, y) : c.moveTo(x, y)));
  c.closePath();
}

function mark(c, shape, x, y, size) {
  c.save();
  c.translate(x, y);
  c.scale(size, size);
  c.beginPath();
  (MARKS[shape] ?? MARKS.circle)(c);
  c.restore();
}

function rgb(color) {
  return [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16));
}

// The most probable class as colour, the surer the deeper; or the score, the higher the deeper. One pixel a grid point, first row on top.
function fieldImage({ grid: [w, h], k, probabilities, score, kind }, colors, scoreColor) {
  const image = new ImageData(w, h);
  const paint = (i, [r, g, b], alpha) => {
    const at = 4 * ((h - 1 - Math.floor(i / w)) * w + (i % w));
    image.data.set([r, g, b, 255 * alpha], at);
  };
  if (kind === "score") {
    const finite = score.filter(Number.isFinite);
    const low = finite.reduce((a, b) => Math.min(a, b), Infinity);
    const high = finite.reduce((a, b) => Math.max(a, b), -Infinity);
    const color = rgb(scoreColor);
    for (let i = 0; i < w * h; i++) paint(i, color, Number.isFinite(score[i]) && high > low ? (0.85 * (score[i] - low)) / (high - low) : 0);
    return image;
  }
  const hues = colors.map(rgb);
  for (let i = 0; i < w * h; i++) {
    let best = 0;
    for (let c = 1; c < k; c++) if (probabilities[i * k + c] > probabilities[i * k + best]) best = c;
    const lead = (probabilities[i * k + best] - 1 / k) / (1 - 1 / k);
    paint(i, hues[best], kind === "probability" ? 0.03 + 0.4 * Math.max(0, lead) : 0.14);
  }
  return image;
}

// The lines where one class overtakes all others, as pairs of points in grid units: marching squares over p_c − max of the rest.
function boundaryLines({ grid: [w, h], k, probabilities }) {
  const lines = [];
  for (let c = k > 2 ? 0 : 1; c < k; c++) {
    const ahead = new Float32Array(w * h);
    for (let i = 0; i < w * h; i++) {
      let rest = -1;
      for (let o = 0; o < k; o++) if (o !== c) rest = Math.max(rest, probabilities[i * k + o]);
      ahead[i] = probabilities[i * k + c] - rest;
    }
    for (let row = 0; row < h - 1; row++) {
      for (let column = 0; column < w - 1; column++) {
        const corners = [[column, row], [column + 1, row], [column + 1, row + 1], [column, row + 1]];
        const value = corners.map(([x, y]) => ahead[y * w + x]);
        const cuts = [];
        for (let e = 0; e < 4; e++) {
          const [a, b] = [value[e], value[(e + 1) % 4]];
          if (a > 0 === b > 0) continue;
          const share = a / (a - b);
          const [from, to] = [corners[e], corners[(e + 1) % 4]];
          cuts.push([from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1])]);
        }
        for (let i = 0; i + 1 < cuts.length; i += 2) lines.push([cuts[i], cuts[i + 1]]);
      }
    }
  }
  return lines;
}

// [width, height]: of the canvas on the page. place(x, y): from the plane's units to pixels. scene: what the kernel sent; points: where they are now, [x, y] flat; classes: one each.
function drawPlane(canvas, [width, height], place, scene, points, classes, look) {
  const c = canvas.getContext("2d");
  const ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
  if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
  c.setTransform(ratio, 0, 0, ratio, 0, 0);
  c.clearRect(0, 0, width, height);
  if (scene.image) {
    const [w, h] = scene.grid;
    const [sx, sy] = [width / (w - 1), height / (h - 1)];
    c.imageSmoothingEnabled = true;
    c.drawImage(scene.image, -sx / 2, -sy / 2, w * sx, h * sy);
    c.strokeStyle = look.line;
    c.lineWidth = 2;
    c.beginPath();
    for (const [[x0, y0], [x1, y1]] of scene.lines) {
      c.moveTo(x0 * sx, height - y0 * sy);
      c.lineTo(x1 * sx, height - y1 * sy);
    }
    c.stroke();
  }
  const times = Math.max(1, width / 700);  // marks grow with the picture, or a room's last row sees none
  const special = new Set([...scene.labelled, ...scene.picks]);
  c.globalAlpha = 0.8;
  c.strokeStyle = "white";  // or a point drowns in the field of its own class
  c.lineWidth = 0.7;
  for (let i = 0; i < classes.length; i++) {
    if (special.has(i)) continue;
    c.fillStyle = look.colors[classes[i]];
    mark(c, look.symbols[classes[i]], ...place(points[2 * i], points[2 * i + 1]), 2.2 * times);
    c.fill();
    c.stroke();
  }
  c.globalAlpha = 1;
  const large = (i, shape, color, size) => {
    if (i >= classes.length) return;  // erased, and the answer is on its way
    c.fillStyle = color;
    mark(c, shape, ...place(points[2 * i], points[2 * i + 1]), size * times);
    c.fill();
    c.strokeStyle = "white";
    c.lineWidth = 1.5;
    c.stroke();
  };
  for (const i of scene.labelled) large(i, look.symbols[classes[i]], look.colors[classes[i]], 5.5);
  for (const i of scene.picks) large(i, "star", look.accent, 7);
}
