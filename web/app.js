// The live page: one WebSocket, one subscription to everything the token permits, and a table that
// is painted at most once a frame.
import { Fleet } from '/fleet.js';

const byId = (id) => document.getElementById(id);
const fleet = new Fleet(byId('fleet'), byId('more'));

let socket = null;
let token = takeToken();
let nextId = 0;
let wait = 500;
let samples = 0;
const waiting = new Map();

/** From the link's fragment, which no server sees; then it leaves the address bar. */
function takeToken() {
  const match = /[#&]token=([^&]+)/.exec(location.hash);
  if (match) {
    sessionStorage.setItem('token', match[1]);
    history.replaceState(null, '', location.pathname);
  }
  return sessionStorage.getItem('token');
}

function say(text, mood = '') {
  byId('state').textContent = text;
  byId('state').className = mood;
}

function log(text) {
  const line = document.createElement('li');
  line.textContent = `${new Date().toLocaleTimeString()}  ${text}`;
  byId('events').prepend(line);
  while (byId('events').childElementCount > 100) byId('events').lastElementChild.remove();
}

function ask(message) {
  const id = ++nextId;
  socket.send(JSON.stringify({ ...message, id }));
  return new Promise((resolve) => waiting.set(id, resolve));
}

async function subscribe() {
  const answer = await ask({ type: 'subscribe', devices: ['*'] });
  if (answer.type === 'error') {
    say(answer.message, 'bad');
    return;
  }
  fleet.reset(answer.devices);
  if (answer.truncated) log('more than 1000 devices: the first 1000 are shown until others speak');
}

function describeUpdate(update) {
  const detail = update.error ? `: ${update.error.message}`
    : update.result !== null && update.result !== undefined ? `: ${JSON.stringify(update.result)}` : '';
  return `${update.device} ${update.name} ${update.status}${update.late ? ' (late result)' : ''}${detail}`;
}

const handlers = {
  welcome: () => {
    wait = 500;
    say('connected', 'good');
    subscribe();
  },
  telemetry: (event) => {
    samples += 1;
    fleet.sample(event);
  },
  presence: (event) => {
    fleet.presence(event);
    log(`${event.device} ${event.connected ? 'connected' : `left: ${event.reason}`}`);
  },
  'device.registered': ({ device }) => { fleet.entry(device); log(`${device.id} is new`); },
  'device.updated': ({ device }) => fleet.entry(device),
  'device.deleted': ({ device }) => { fleet.remove(device.id); log(`${device.id} was deleted`); },
  'device.status': (event) => {
    fleet.status(event);
    log(`${event.device} says ${event.status}${event.detail ? `: ${event.detail}` : ''}`);
  },
  'command.update': (event) => {
    log(describeUpdate(event));
    byId('command-answer').textContent = describeUpdate(event);
  },
  lag: (event) => log(`this page was too slow for ${event.dropped} samples`),
  'auth.expiring': () => log('the token expires within a minute'),
};

function receive(message) {
  const answered = message.id !== undefined && waiting.get(message.id);
  if (answered) {
    waiting.delete(message.id);
    answered(message);
  } else if (message.type === 'error') {
    say(message.message, 'bad');
  } else {
    handlers[message.type]?.(message);
  }
}

function closed(event) {
  waiting.clear();
  // The codes after which coming back is no use without somebody's doing.
  if ([4400, 4401, 4403].includes(event.code)) {
    say(event.reason || 'the token is not valid any more', 'bad');
    sessionStorage.removeItem('token');
    byId('sign-in').hidden = false;
    return;
  }
  say(`connection lost, next try in ${Math.round(wait / 1000) || 1} s`, 'bad');
  setTimeout(connect, wait + Math.random() * wait);
  wait = Math.min(wait * 2, 15000);
}

function connect() {
  byId('sign-in').hidden = Boolean(token);
  if (!token) {
    say('a token is needed');
    return;
  }
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  socket = new WebSocket(`${scheme}://${location.host}/v1/ws`,
    ['fairlead.v1.json', `fairlead.bearer.${token}`]);
  socket.onmessage = (event) => receive(JSON.parse(event.data));
  socket.onclose = closed;
}

byId('sign-in').addEventListener('submit', (event) => {
  event.preventDefault();
  token = byId('token').value.trim();
  sessionStorage.setItem('token', token);
  connect();
});

byId('filter').addEventListener('input', (event) => fleet.filter(event.target.value));

byId('command').addEventListener('submit', async (event) => {
  event.preventDefault();
  const answer = byId('command-answer');
  const message = {
    type: 'command.send', device: byId('command-device').value.trim(),
    name: byId('command-name').value.trim(),
  };
  const text = byId('command-params').value.trim();
  try {
    if (text) message.params = JSON.parse(text);
  } catch (error) {
    answer.textContent = `params are no JSON: ${error.message}`;
    return;
  }
  const result = await ask(message);
  answer.textContent = result.type === 'error' ? result.message : `${result.command} ${result.status}`;
});

setInterval(() => {
  byId('count-rate').textContent = samples;
  samples = 0;
  byId('count-devices').textContent = fleet.size;
  byId('count-connected').textContent = fleet.connected;
  fleet.offer(byId('known-devices'));
}, 1000);

connect();
