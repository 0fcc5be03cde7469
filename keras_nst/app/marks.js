// Draw marks of the chosen tool over a picture. They are sent one after the other, and stay until the answer is shown.
const canvas = element.querySelector("canvas"), pen = canvas.getContext("2d");
const COLORS = {add: "rgb(255 230 0 / 50%)", take: "rgb(0 0 0 / 50%)"}, SMALLEST = 4;
const chosen = part => document.querySelector(`#${props.prefix}-${part} input:checked`)?.value;
const brush = () => Number(document.querySelector(`#${props.prefix}-brush input`)?.value);
let marks = [], mark = null, pointer = null, busy = false;

const send = () => {
  const fresh = marks.filter(mark => !mark.sent);
  if (busy || !fresh.length) return;
  busy = true;
  for (const mark of fresh) mark.sent = true;
  trigger("input", {marks: fresh.map(({tool, points, adds, size}) => ({tool, points, adds, size}))});
};

const paint = () => {
  const picture = shown(), sharpness = window.devicePixelRatio || 1;
  canvas.width = element.clientWidth * sharpness;
  canvas.height = element.clientHeight * sharpness;
  if (!picture) return;
  pen.scale(sharpness, sharpness);
  pen.translate(picture.left, picture.top);
  pen.beginPath();
  pen.rect(0, 0, picture.scale * picture.width, picture.scale * picture.height);
  pen.clip();
  pen.lineCap = pen.lineJoin = "round";
  for (const {tool, points, adds, size} of [...marks, ...(mark ? [mark] : [])]) {
    const places = points.map(point => point.map(value => (value + 0.5) * picture.scale));
    pen.strokeStyle = COLORS[adds ? "add" : "take"];
    pen.lineWidth = size / 100 * Math.max(picture.width, picture.height) * picture.scale;
    pen.beginPath();
    if (tool == "brush") for (const place of [places[0], ...places]) pen.lineTo(...place);
    if (tool == "brush") pen.stroke();
    if (tool == "box") outline(...places[0], places.at(-1)[0] - places[0][0], places.at(-1)[1] - places[0][1]);
  }
  if (chosen("tool") != "brush" || !pointer) return;
  pen.beginPath();
  pen.arc(...pointer.map(value => value * picture.scale),
    brush() / 200 * Math.max(picture.width, picture.height) * picture.scale, 0, 7);
  for (const [color, width] of [["black", 3], ["white", 1.5]]) {
    [pen.strokeStyle, pen.lineWidth] = [color, width];
    pen.stroke();
  }
};

const outline = (...box) => {
  for (const [color, dashes] of [["black", []], ["white", [6, 6]]]) {
    [pen.strokeStyle, pen.lineWidth] = [color, 2];
    pen.setLineDash(dashes);
    pen.strokeRect(...box);
  }
  pen.setLineDash([]);
};

const whole = ([x, y]) => [Math.floor(x), Math.floor(y)];
const inside = ([x, y], {width, height}) => x >= 0 && y >= 0 && x < width && y < height;
const within = ([x, y], {width, height}) => [Math.min(Math.max(x, 0), width - 1), Math.min(Math.max(y, 0), height - 1)];
const made = (tool, points) => ({tool, points, adds: chosen("mode") == "add", size: brush()});

element.addEventListener("click", event => {
  const picture = shown();
  if (event.target != picture?.image || chosen("tool") != "click") return;
  const place = picture.pixel(event);
  if (inside(place, picture)) marks.push(made("click", [whole(place)]));
  send();
});
element.addEventListener("pointerdown", event => {
  const picture = shown(), tool = chosen("tool");
  if (event.target != picture?.image || tool == "click" || event.button) return;
  const place = picture.pixel(event);
  if (!inside(place, picture)) return;
  element.setPointerCapture(event.pointerId);
  mark = made(tool, [whole(place)]);
  paint();
});
element.addEventListener("pointermove", event => {
  const picture = shown();
  if (!picture) return;
  pointer = picture.pixel(event);
  if (mark?.tool == "brush") mark.points.push(...(event.getCoalescedEvents?.() ?? [event]).map(picture.pixel).map(whole));
  if (mark?.tool == "box") mark.points[1] = whole(within(pointer, picture));
  paint();
});
element.addEventListener("pointerup", () => {
  const [first, last] = [mark?.points[0], mark?.points.at(-1)];
  if (mark?.tool == "brush" || mark && Math.min(...first.map((value, axis) => Math.abs(value - last[axis]))) > SMALLEST)
    marks.push(mark);
  mark = null;
  paint();
  send();
});
element.addEventListener("pointercancel", () => { mark = null; paint(); });
element.addEventListener("pointerleave", () => { pointer = null; paint(); });
element.addEventListener("dragstart", event => event.preventDefault());
canvas.addEventListener("answered", () => {
  const old = marks.filter(mark => mark.sent), forget = () => { marks = marks.filter(mark => !old.includes(mark)); paint(); };
  busy = false;
  send();
  requestAnimationFrame(() => element.querySelector("img")?.decode().then(forget, forget) ?? forget());
});
// Of a finger, the picture gets what the page would scroll by, except for clicks.
const follow = () => element.dataset.tool = chosen("tool");
document.addEventListener("change", follow);
follow();
