// Asks which of two results is better, pair by pair, and counts the answers of all voters on this computer.

const {pictures, models, title} = JSON.parse(document.querySelector("#data").textContent);
const shown = name => document.querySelector(`#${name}`);
const stored = `keras_nst ${title}`;
const votes = JSON.parse(localStorage.getItem(stored) ?? "[]");
let pairs, current;

function shuffled(values) {
  const order = values.map(value => [Math.random(), value]);
  return order.sort(([one], [other]) => one - other).map(([, value]) => value);
}

function begin() {
  const every = pictures.flatMap((_, photograph) =>
    models.flatMap((_, one) => models.slice(one + 1).map((_, more) => ({photograph, sides: shuffled([one, one + 1 + more])}))));
  pairs = shuffled(every);
  current = 0;
  ask();
}

function ask() {
  const pair = pairs[current];
  shown("asking").hidden = !pair;
  shown("counted").hidden = Boolean(pair);
  if (!pair) return count();
  const {photograph, results} = pictures[pair.photograph];
  shown("photograph").src = photograph;
  ["left", "right"].forEach((side, place) => { shown(side).firstElementChild.src = results[pair.sides[place]]; });
  shown("progress").textContent = `${current + 1} of ${pairs.length}`;
}

// The place that was chosen, 0 or 1; null for neither.
function answer(place) {
  const {photograph, sides} = pairs[current];
  const chosen = place === null ? null : models[sides[place]];
  votes.push({photograph: pictures[photograph].name, shown: sides.map(side => models[side]), chosen});
  localStorage.setItem(stored, JSON.stringify(votes));
  current += 1;
  ask();
}

// Wilson's interval of a share at 95 %.
function interval(share, count) {
  const z = 1.96, middle = share + z * z / (2 * count), scale = 1 + z * z / count;
  const reach = z * Math.sqrt(share * (1 - share) / count + z * z / (4 * count * count));
  return [(middle - reach) / scale, (middle + reach) / scale];
}

function count() {
  const rows = models.map(model => {
    const own = votes.filter(vote => vote.shown.includes(model));
    const points = own.reduce((sum, vote) => sum + (vote.chosen === model ? 1 : vote.chosen === null ? 0.5 : 0), 0);
    const share = points / own.length, percent = value => `${Math.round(100 * value)} %`;
    return [model, own.length, percent(share), interval(share, own.length).map(percent).join(" to ")];
  });
  shown("rows").replaceChildren(...rows.map(cells => {
    const row = document.createElement("tr");
    row.replaceChildren(...cells.map(cell => Object.assign(document.createElement("td"), {textContent: cell})));
    return row;
  }));
  const file = new Blob([JSON.stringify(votes, null, 2)], {type: "application/json"});
  shown("save").href = URL.createObjectURL(file);
}

shown("left").onclick = () => answer(0);
shown("right").onclick = () => answer(1);
shown("neither").onclick = () => answer(null);
shown("next").onclick = begin;
shown("forget").onclick = () => { votes.length = 0; localStorage.removeItem(stored); begin(); };
document.onkeydown = ({key}) => {
  const place = {ArrowLeft: 0, ArrowRight: 1, ArrowDown: null}[key];
  if (place !== undefined && !shown("asking").hidden) answer(place);
};
begin();
