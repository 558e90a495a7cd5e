// Painted points: a brush, an eraser, and the way back. Coordinates are those of the plane.

const MOST_POINTS = 2000;
const STEPS_BACK = 50;

function canvasOfPoints() {
  let points = { xy: [], classes: [], ids: [] };
  let next = 1;
  const before = [];
  return {
    get points() { return points; },
    get mayUndo() { return before.length > 0; },
    get full() { return points.ids.length >= MOST_POINTS; },
    // Remember how it is now; a stroke is undone as one.
    keep() {
      before.push(points);
      if (before.length > STEPS_BACK) before.shift();
      points = { xy: [...points.xy], classes: [...points.classes], ids: [...points.ids] };
    },
    // grain: points to a unit of the lattice that they are put on; 0: anywhere.
    dab(x, y, radius, count, kind, grain) {
      const put = (value) => (grain ? Math.round(value * grain) / grain : value);
      for (let i = 0; i < count && points.ids.length < MOST_POINTS; i++) {
        const [angle, far] = [2 * Math.PI * Math.random(), radius * Math.sqrt(Math.random())];
        points.xy.push(put(x + far * Math.cos(angle)), put(y + far * Math.sin(angle)));
        points.classes.push(kind);
        points.ids.push(next++);
      }
    },
    erase(x, y, radius) {
      const stays = points.ids.map((_, i) => Math.hypot(points.xy[2 * i] - x, points.xy[2 * i + 1] - y) > radius);
      points = {
        xy: points.xy.filter((_, i) => stays[i >> 1]), classes: points.classes.filter((_, i) => stays[i]), ids: points.ids.filter((_, i) => stays[i]),
      };
    },
    clear() { points = { xy: [], classes: [], ids: [] }; },
    undo() { points = before.pop() ?? points; },
    // Points that came from a file.
    take(xy, classes) {
      this.keep();
      points = { xy: [...xy], classes: [...classes], ids: Array.from(classes, () => next++) };
    },
  };
}
