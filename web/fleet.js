// The devices and their rows. Changes are collected and painted once a frame; at most kRows rows
// are in the page, the filter chooses which.
const kRows = 200;
const kPoints = 40;
// A device may have 256 metrics.
const kValues = 12;
// sim-2 before sim-10. Made once: making one for each comparison is what is slow.
const kById = new Intl.Collator(undefined, { numeric: true });
const kSvg = 'http://www.w3.org/2000/svg';

export class Fleet {
  #devices = new Map();
  #body;
  #more;
  #filter = '';
  #dirty = new Set();
  #isOrderStale = true;
  #isAsked = false;

  constructor(body, more) {
    this.#body = body;
    this.#more = more;
  }

  get size() { return this.#devices.size; }
  get connected() { return [...this.#devices.values()].filter((d) => d.connected).length; }

  /** What a subscription's snapshot says. */
  reset(snapshot) {
    const known = new Set(snapshot.map((device) => device.id));
    for (const id of this.#devices.keys()) if (!known.has(id)) this.remove(id);
    for (const entry of snapshot) {
      const device = this.#device(entry.id);
      Object.assign(device, {
        session: 0, connected: entry.connected, type: entry.device_type, status: entry.status,
        seen: entry.last_seen,
      });
      for (const [name, { value }] of Object.entries(entry.metrics)) this.#value(device, name, value);
    }
  }

  sample({ device: id, at, metrics }) {
    const device = this.#device(id);
    device.seen = Math.max(device.seen ?? 0, at);
    for (const [name, value] of Object.entries(metrics)) this.#value(device, name, value);
  }

  presence({ device: id, session, connected, last_seen: seen }) {
    const device = this.#device(id);
    // The end of an earlier connection may be told late.
    if (session >= device.session) Object.assign(device, { session, connected, seen });
  }

  status({ device: id, status }) { this.#device(id).status = status; }

  entry(entry) {
    Object.assign(this.#device(entry.id), {
      session: entry.session, connected: entry.connected, type: entry.device_type,
      status: entry.status, seen: entry.last_seen,
    });
  }

  remove(id) {
    this.#devices.get(id)?.row?.remove();
    this.#devices.delete(id);
    this.#order();
  }

  filter(text) {
    this.#filter = text.trim().toLowerCase();
    this.#order();
  }

  /** Ids to choose from when a command is sent. */
  offer(list) {
    if (list.childElementCount === Math.min(this.#devices.size, kRows)) return;
    list.replaceChildren(...[...this.#devices.keys()].sort().slice(0, kRows).map((id) => {
      const option = document.createElement('option');
      option.value = id;
      return option;
    }));
  }

  #device(id) {
    let device = this.#devices.get(id);
    if (!device) {
      device = {
        id, connected: false, type: null, status: null, seen: null, session: 0, values: new Map(),
      };
      this.#devices.set(id, device);
      this.#order();
    }
    this.#dirty.add(device);
    this.#ask();
    return device;
  }

  #value(device, name, value) {
    const known = device.values.get(name) ?? { points: [] };
    known.value = value;
    if (typeof value === 'number') {
      known.points.push(value);
      if (known.points.length > kPoints) known.points.shift();
    }
    device.values.set(name, known);
  }

  #order() {
    this.#isOrderStale = true;
    this.#ask();
  }

  #ask() {
    if (this.#isAsked) return;
    this.#isAsked = true;
    requestAnimationFrame(() => this.#paint());
  }

  #paint() {
    this.#isAsked = false;
    if (this.#isOrderStale) this.#arrange();
    for (const device of this.#dirty) if (device.row?.isConnected) this.#fill(device);
    this.#dirty.clear();
  }

  #arrange() {
    this.#isOrderStale = false;
    const chosen = [...this.#devices.values()]
      .filter((d) => !this.#filter || `${d.id} ${d.type ?? ''}`.toLowerCase().includes(this.#filter))
      .sort((a, b) => kById.compare(a.id, b.id));
    const shown = chosen.slice(0, kRows);
    for (const device of shown) {
      if (!device.row) device.row = this.#row(device);
      this.#dirty.add(device);
    }
    this.#body.replaceChildren(...shown.map((device) => device.row));
    const hidden = chosen.length - shown.length;
    this.#more.textContent = hidden > 0 ? `and ${hidden} more: filter to see them`
      : chosen.length === 0 ? 'No device yet.' : '';
  }

  #row(device) {
    const row = document.createElement('tr');
    row.dataset.device = device.id;
    const head = document.createElement('th');
    head.scope = 'row';
    const dot = document.createElement('i');
    dot.className = 'dot';
    dot.setAttribute('role', 'img');
    const name = document.createElement('span');
    name.textContent = device.id;
    const status = document.createElement('span');
    status.className = 'status';
    head.append(dot, name, status);
    const values = document.createElement('td');
    values.append(document.createElement('div'));
    values.firstChild.className = 'values';
    row.append(head, document.createElement('td'), document.createElement('td'), values);
    return row;
  }

  #fill(device) {
    const [head, type, seen, values] = device.row.children;
    const [dot, , status] = head.children;
    dot.classList.toggle('on', device.connected);
    dot.setAttribute('aria-label', device.connected ? 'connected' : 'not connected');
    status.textContent = device.status && device.status !== 'ok' ? device.status : '';
    type.textContent = device.type ?? '';
    seen.textContent = device.seen ? new Date(device.seen).toLocaleTimeString() : '';
    const known = [...device.values.keys()].sort();
    const names = known.slice(0, kValues);
    values.title = known.length > kValues ? `and ${known.length - kValues} more` : '';
    const list = values.firstChild;
    if (list.childElementCount !== names.length) list.replaceChildren(...names.map(metricElement));
    names.forEach((name, index) => fillMetric(list.children[index], name, device.values.get(name)));
  }
}

function metricElement() {
  const element = document.createElement('span');
  const name = document.createElement('span');
  name.className = 'name';
  const svg = document.createElementNS(kSvg, 'svg');
  svg.setAttribute('viewBox', '0 0 72 18');
  svg.setAttribute('aria-hidden', 'true');
  svg.append(document.createElementNS(kSvg, 'polyline'));
  element.append(name, ' ', document.createElement('b'), svg);
  return element;
}

function fillMetric(element, name, { value, points }) {
  element.children[0].textContent = name;
  element.children[1].textContent = typeof value === 'number' ? String(Number(value.toPrecision(6)))
    : String(value).slice(0, 40);
  const least = Math.min(...points);
  const span = Math.max(...points) - least || 1;
  const line = points.map((point, i) => {
    const x = (i * 72) / Math.max(points.length - 1, 1);
    return `${x.toFixed(1)},${(16 - ((point - least) / span) * 14).toFixed(1)}`;
  });
  element.children[2].toggleAttribute('hidden', points.length < 2);
  element.children[2].firstChild.setAttribute('points', line.join(' '));
}
