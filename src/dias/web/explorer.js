// What was found, drawn: three stages side by side, and for the object that is pointed at its mask, its
// similarity to the others and its way through the merge tree. Gradio gives `element`, `props` and `watch`.
const STRENGTH = 0.45; // of a slot's colour over the picture
const SVG = 'http://www.w3.org/2000/svg';
let view = null, frame = null, at = 0, pictures = [], chosen = null, pinned = false;

const make = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
};
const draw = (tag, attributes, text) => {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
};
const rgb = slot => [1, 3, 5].map(place => parseInt(view.colours[slot].slice(place, place + 2), 16));
const find = name => element.querySelector(name);

function labelsOf(stage) {
  const labels = new Int16Array(frame.width * frame.height);
  let place = 0;
  for (let i = 0; i < stage.runs.length; i += 2) {
    labels.fill(stage.runs[i], place, place + stage.runs[i + 1]);
    place += stage.runs[i + 1];
  }
  return labels;
}

function clusters() { // first member of each slot's cluster, after the merges that were made
  const roots = view.colours.map((_, slot) => slot);
  if (!frame.tree) return roots;
  for (const [one, other] of frame.tree.merges.slice(0, frame.tree.cut))
    roots.forEach((root, slot) => { if (root === other) roots[slot] = one; });
  return roots;
}

function alike(stage) { // slots that are highlighted in a stage: that one, or those that it was merged with
  if (!chosen) return null;
  if (stage === chosen.stage || (stage < 2 && chosen.stage < 2)) return new Set([chosen.slot]);
  const roots = clusters();
  return new Set(roots.flatMap((root, slot) => (root === roots[chosen.slot] ? [slot] : [])));
}

function paint(stage) {
  const { canvas, labels } = pictures[stage], base = pictures.base, { width, height } = frame;
  const light = alike(stage), palette = view.colours.map((_, slot) => rgb(slot));
  const context = canvas.getContext('2d'), out = context.createImageData(width, height);
  for (let y = 0, i = 0; y < height; y++) for (let x = 0; x < width; x++, i++) {
    const slot = labels[i], p = 4 * i, colour = palette[slot];
    const edge = (x + 1 < width && labels[i + 1] !== slot) || (y + 1 < height && labels[i + width] !== slot)
      || (x && labels[i - 1] !== slot) || (y && labels[i - width] !== slot);
    const dim = light && !light.has(slot);
    let share = light ? (edge && !dim ? 1 : 0) : (edge ? 1 : STRENGTH);
    const grey = 0.42 * (base[p] + base[p + 1] + base[p + 2]) / 3 + 18;
    for (let c = 0; c < 3; c++)
      out.data[p + c] = dim ? grey + 0.14 * colour[c] : base[p + c] * (1 - share) + colour[c] * share;
    out.data[p + 3] = 255;
  }
  context.putImageData(out, 0, 0);
}

function choose(stage, slot, pin = false) {
  if (pinned && !pin) return;
  if (pin && pinned && chosen && chosen.stage === stage && chosen.slot === slot) { pinned = false; return; }
  pinned = pin;
  if (chosen && chosen.stage === stage && chosen.slot === slot) return;
  chosen = slot === null ? null : { stage, slot };
  show();
}

function show() {
  pictures.forEach((_, stage) => paint(stage));
  for (const chip of element.querySelectorAll('.chip'))
    chip.classList.toggle('chosen', !!chosen && chosen.stage === 2 && +chip.dataset.slot === chosen.slot);
  showLikeness();
  showTree();
}

function showLikeness() {
  const place = find('.likeness .inside');
  place.replaceChildren();
  find('.explorer').dataset.slot = chosen ? chosen.slot + 1 : '';
  if (!chosen) {
    find('.likeness h3').textContent = 'Similarity to the others';
    place.append(make('p', { class: 'quiet' }, 'Point at an object; a click keeps it.'));
    return;
  }
  const stage = frame.stages[chosen.stage], row = stage.similarity[chosen.slot];
  find('.likeness h3').textContent =
    `Object ${chosen.slot + 1} (${stage.title}): ${(100 * stage.area[chosen.slot]).toFixed(1)} % of the picture`;
  const others = row.map((cosine, slot) => [slot, cosine])
    .filter(([slot, cosine]) => slot !== chosen.slot && cosine !== null).sort((a, b) => b[1] - a[1]);
  for (const [slot, cosine] of others) {
    const bar = make('span', { class: 'bar' }), fill = make('i');
    fill.style.width = `${100 * Math.max(0, cosine)}%`;
    fill.style.background = view.colours[slot];
    bar.append(fill);
    place.append(make('div', { class: 'like' }, make('span', {}, `object ${slot + 1}`), bar,
      make('span', { class: 'number' }, cosine.toFixed(2))));
  }
}

function showTree() {
  const place = find('.tree .inside'), tree = frame.tree;
  place.replaceChildren();
  if (!tree) {
    place.append(make('p', { class: 'quiet' }, 'This model does not merge slots by distance.'));
    return;
  }
  find('.tree h3').textContent = `Merge tree: ${tree.cut} of ${tree.slots - 1} merges made`;
  const width = 340, height = 210, left = 34, bottom = 26, top = 10;
  const members = new Map(view.colours.map((_, slot) => [slot, [slot]]));
  for (const [one, other] of tree.merges) {
    members.set(one, [...members.get(one), ...members.get(other)]);
    members.delete(other);
  }
  const order = [...members.values()].flat();
  const before = tree.cut ? tree.merges[tree.cut - 1][2] : 0;
  const after = tree.cut < tree.merges.length ? tree.merges[tree.cut][2] : before;
  const limit = tree.threshold ?? (before + after) / 2;
  const high = 1.05 * Math.max(limit, ...tree.merges.map(merge => merge[2]), 1e-6);
  const x = place => left + (width - left - 8) * (place + 0.5) / order.length;
  const y = distance => height - bottom - (height - bottom - top) * distance / high;
  const svg = draw('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': 'merge tree' });
  for (const share of [0, 0.5, 1]) {
    const value = share * high / 1.05;
    svg.append(draw('line', { x1: left, x2: width - 8, y1: y(value), y2: y(value), class: 'rule' }));
    svg.append(draw('text', { x: left - 5, y: y(value) + 3.5, class: 'tick', 'text-anchor': 'end' }, value.toFixed(2)));
  }
  const light = chosen ? alike(chosen.stage === 2 ? 0 : chosen.stage) : new Set();
  const where = new Map(order.map((slot, place) => [slot, { x: x(place), y: y(0), lit: light.has(slot) }]));
  tree.merges.forEach(([one, other, distance], step) => {
    const a = where.get(one), b = where.get(other), h = y(distance), made = step < tree.cut ? ' made' : '';
    for (const end of [a, b])
      svg.append(draw('path', { d: `M${end.x} ${end.y}V${h}H${(a.x + b.x) / 2}`, class: `branch${made}${end.lit ? ' lit' : ''}` }));
    where.set(one, { x: (a.x + b.x) / 2, y: h, lit: a.lit || b.lit });
  });
  svg.append(draw('line', { x1: left, x2: width - 8, y1: y(limit), y2: y(limit), class: 'limit' }));
  order.forEach((slot, place) => {
    const leaf = draw('g', { class: `leaf${light.has(slot) ? ' lit' : ''}` });
    leaf.append(draw('rect', { x: x(place) - 6, y: y(0) - 2, width: 12, height: 12, rx: 2, fill: view.colours[slot] }));
    leaf.append(draw('text', { x: x(place), y: height - 4, class: 'tick', 'text-anchor': 'middle' }, slot + 1));
    leaf.addEventListener('mouseenter', () => choose(1, slot));
    leaf.addEventListener('click', () => choose(1, slot, true));
    svg.append(leaf);
  });
  place.append(svg, make('p', { class: 'quiet' }, 'Height: cosine distance. Dashed: where the tree is cut.'));
}

function stageFigure(stage, number) {
  const canvas = make('canvas', { width: frame.width, height: frame.height, 'data-stage': number, role: 'img',
    'aria-label': `objects, ${stage.title}` });
  const labels = labelsOf(stage), seen = new Set(labels).size;
  const under = event => {
    const box = canvas.getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left) * frame.width / box.width);
    const row = Math.floor((event.clientY - box.top) * frame.height / box.height);
    return labels[Math.min(frame.height - 1, Math.max(0, row)) * frame.width
      + Math.min(frame.width - 1, Math.max(0, column))];
  };
  canvas.addEventListener('mousemove', event => choose(number, under(event)));
  canvas.addEventListener('mouseleave', () => choose(number, null));
  canvas.addEventListener('click', event => choose(number, under(event), true));
  pictures[number] = { canvas, labels };
  const count = number === 2 ? frame.kept.length : seen;
  return make('figure', { class: `stage${number === 2 ? ' final' : ''}` }, canvas,
    make('figcaption', {}, stage.title, make('b', {}, ` ${count}`)));
}

function chips() {
  return frame.kept.map(slot => {
    const dot = make('i');
    dot.style.background = view.colours[slot];
    const chip = make('button', { class: 'chip', type: 'button', 'data-slot': slot }, dot, `object ${slot + 1}`);
    chip.addEventListener('mouseenter', () => choose(2, slot));
    chip.addEventListener('mouseleave', () => choose(2, null));
    chip.addEventListener('focus', () => choose(2, slot));
    chip.addEventListener('click', () => choose(2, slot, true));
    return chip;
  });
}

function player() { // of a clip: which frame is looked at
  const slide = make('input', { type: 'range', min: 0, max: view.frames.length - 1, value: at, 'aria-label': 'frame' });
  slide.addEventListener('input', () => go(+slide.value));
  return make('div', { class: 'time' }, slide, make('span', { class: 'number' }));
}

function go(number) {
  at = number;
  frame = view.frames[at];
  const image = new Image();
  image.onload = () => {
    if (frame !== view.frames[number]) return;
    const canvas = make('canvas', { width: frame.width, height: frame.height });
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    pictures = [];
    pictures.base = context.getImageData(0, 0, frame.width, frame.height).data;
    find('.stages').replaceChildren(...frame.stages.map(stageFigure));
    find('.chips').replaceChildren(...chips());
    const time = find('.time span');
    if (time) time.textContent = `frame ${number + 1} of ${view.frames.length}, ${frame.time.toFixed(2)} s`;
    if (chosen && chosen.slot >= view.colours.length) chosen = null;
    show();
    find('.explorer').dataset.ready = `${+(find('.explorer').dataset.ready || 0) + 1}`;
  };
  image.src = frame.picture;
}

function start() {
  const root = find('.explorer');
  view = props.value && props.value.frames ? props.value : null;
  root.replaceChildren();
  chosen = null;
  pinned = false;
  if (!view) return;
  if (view.frames.length > 1) root.append(player());
  root.append(
    make('div', { class: 'stages' }), make('div', { class: 'chips' }),
    make('div', { class: 'details' },
      make('section', { class: 'likeness' }, make('h3'), make('div', { class: 'inside' })),
      make('section', { class: 'tree' }, make('h3', {}, 'Merge tree'), make('div', { class: 'inside' }))));
  go(Math.min(at, view.frames.length - 1));
}

watch('value', start);
start();
