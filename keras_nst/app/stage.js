// The object on the painting. It is dragged, scaled by its corners and turned by the handle above it, or by keys.
const frame = element.querySelector(".object"), cutout = frame.querySelector("img");
const SIDE = 320, SIZES = [5, 100], KEYS = {
  ArrowLeft: {x: -1}, ArrowRight: {x: 1}, ArrowUp: {y: -1}, ArrowDown: {y: 1},
  "+": {size: 2}, "-": {size: -2}, "[": {turn: 5}, "]": {turn: -5},
};
let outline = [], place = null, held = null;

const between = (value, low, high) => Math.min(Math.max(value, low), high);

// The object's outline, from its middle, in units of its pixels.
const trace = () => {
  const {naturalWidth: width, naturalHeight: height} = cutout;
  const sketch = document.createElement("canvas"), shrunk = Math.min(1, SIDE / Math.max(width, height));
  [sketch.width, sketch.height] = [width, height].map(side => Math.max(1, Math.round(side * shrunk)));
  const pen = sketch.getContext("2d");
  pen.drawImage(cutout, 0, 0, sketch.width, sketch.height);
  const {data} = pen.getImageData(0, 0, sketch.width, sketch.height);
  outline = [];
  for (let row = 0; row < sketch.height; row++) {
    const seen = [...Array(sketch.width).keys()].filter(column => data[4 * (row * sketch.width + column) + 3]);
    for (const column of seen.length ? [seen[0], seen.at(-1) + 1] : [])
      for (const edge of [row, row + 1])
        outline.push([column * width / sketch.width - width / 2, edge * height / sketch.height - height / 2]);
  }
};

// The box around the turned object, and the scale at which its size is reached.
const measured = ({size, turn}, picture) => {
  const angle = turn * Math.PI / 180, [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
  const across = outline.map(([x, y]) => x * cosine + y * sine), down = outline.map(([x, y]) => y * cosine - x * sine);
  const [left, top] = [Math.min(...across), Math.min(...down)];
  const [width, height] = [Math.max(...across) - left, Math.max(...down) - top];
  const whole = Math.min(picture.width / width, picture.height / height);
  return {left, top, width, height, whole, scale: size / 100 * whole};
};

const lay = () => {
  const picture = shown();
  frame.hidden = !(picture && place && outline.length);
  if (frame.hidden) return;
  const box = measured(place, picture), scale = box.scale * picture.scale;
  Object.assign(frame.style, {
    left: `${picture.left + (place.x + 0.5) * picture.scale - scale * box.width / 2}px`,
    top: `${picture.top + (place.y + 0.5) * picture.scale - scale * box.height / 2}px`,
    width: `${scale * box.width}px`, height: `${scale * box.height}px`,
  });
  const [right, bottom] = [picture.left + picture.scale * picture.width, picture.top + picture.scale * picture.height];
  const {offsetLeft: left, offsetTop: top, offsetWidth: across, offsetHeight: down} = frame;
  const beyond = [picture.top - top, left + across - right, top + down - bottom, picture.left - left];
  cutout.parentElement.style.clipPath = `inset(${beyond.map(side => `${side}px`).join(" ")})`;
  const [width, height] = [cutout.naturalWidth * scale, cutout.naturalHeight * scale];
  Object.assign(cutout.style, {
    left: `${-scale * box.left - width / 2}px`, top: `${-scale * box.top - height / 2}px`,
    width: `${width}px`, height: `${height}px`, transform: `rotate(${-place.turn}deg)`,
  });
};

const change = values => {
  const picture = shown(), next = {...place, ...values};
  place = {
    x: Math.round(between(next.x, 0, picture.width - 1)), y: Math.round(between(next.y, 0, picture.height - 1)),
    size: Math.round(10 * between(next.size, ...SIZES)) / 10, turn: Math.round((next.turn + 540) % 360 - 180),
  };
  lay();
};

const tell = () => {
  props.value = {...props.value, ...place};
  trigger("input");
};

const ways = {
  move: ({place, from}) => ([x, y]) => ({x: place.x + x - from[0], y: place.y + y - from[1]}),
  // The opposite corner stays.
  scale: ({place, box, sides}) => {
    const fixed = ["x", "y"].map((axis, at) => place[axis] - sides[at] * box.scale * [box.width, box.height][at] / 2);
    return ([x, y]) => {
      const wish = Math.max(sides[0] * (x - fixed[0]) / box.width, sides[1] * (y - fixed[1]) / box.height);
      const size = between(100 * wish / box.whole, ...SIZES), scale = size / 100 * box.whole;
      return {size, x: fixed[0] + sides[0] * scale * box.width / 2, y: fixed[1] + sides[1] * scale * box.height / 2};
    };
  },
  // The object's middle and scale stay.
  turn: ({picture, place, from, box}) => {
    const middle = [place.x - box.scale * (box.left + box.width / 2), place.y - box.scale * (box.top + box.height / 2)];
    const angle = ([x, y]) => 180 / Math.PI * Math.atan2(y - middle[1], x - middle[0]), first = angle(from);
    return to => {
      const turn = place.turn + first - angle(to), now = measured({size: place.size, turn}, picture);
      const size = between(100 * box.scale / now.whole, ...SIZES), scale = size / 100 * now.whole;
      return {
        turn, size,
        x: middle[0] + scale * (now.left + now.width / 2), y: middle[1] + scale * (now.top + now.height / 2),
      };
    };
  },
};

frame.addEventListener("pointerdown", event => {
  const picture = shown(), {way = "move", sides} = event.target.dataset;
  if (event.button) return;
  frame.setPointerCapture(event.pointerId);
  const begun = {picture, place, from: picture.pixel(event), box: measured(place, picture), sides: sides?.split(",").map(Number)};
  held = ways[way](begun);
});
frame.addEventListener("pointermove", event => { if (held) change(held(shown().pixel(event))); });
for (const end of ["pointerup", "pointercancel"])
  frame.addEventListener(end, () => { if (held) tell(); held = null; });
frame.addEventListener("keydown", event => {
  const [[name, by]] = Object.entries(KEYS[event.key] ?? {none: 0});
  if (!by) return;
  event.preventDefault();
  change({[name]: place[name] + by * (name in {x: 0, y: 0} ? Math.ceil(shown().width / 100) : 1)});
  tell();
});
element.addEventListener("click", event => {
  const picture = shown();
  if (event.target != picture?.image || !place) return;
  const [x, y] = picture.pixel(event);
  if (x < 0 || y < 0 || x >= picture.width || y >= picture.height) return;
  change({x: Math.floor(x), y: Math.floor(y)});
  tell();
});
element.addEventListener("dragstart", event => event.preventDefault());
element.addEventListener("load", lay, true);
cutout.addEventListener("load", () => { trace(); lay(); });
new ResizeObserver(lay).observe(element);
watch("value", () => {
  const {object, ...values} = props.value ?? {};
  place = values.x == null ? null : values;
  if (!object) outline = [];
  else if (cutout.src != object) cutout.src = object;
  lay();
});
