// The live page: one subscription to everything the token permits, shown as counters, a table, a
// list of events and what became of the commands that were sent from here.
import { Events } from '/events.js';
import { Fleet } from '/fleet.js';
import { Hub } from '/hub.js';

const kRememberedUpdates = 100;

const byId = (id) => document.getElementById(id);
const fleet = new Fleet(byId('fleet'), byId('more'));
const events = new Events(byId('events'));
const hub = new Hub({
  message: (message) => handlers[message.type]?.(message),
  needsToken: askForToken,
  waits: (why, wait) => say(`${why}; next try in ${Math.max(1, Math.round(wait / 1000))} s`, 'bad'),
  ended: (why) => say(`${why}. Reload the page to try again.`, 'bad'),
});

let samples = 0;
let ownCommand = null;
/** The newest update of each command, for the case that it is faster than the ack. */
const updates = new Map();

/** From the link's fragment, which no server sees; then it leaves the address bar. */
function takeToken() {
  const match = /[#&]token=([^&]+)/.exec(location.hash);
  if (match) {
    sessionStorage.setItem('token', match[1]);
    history.replaceState(null, '', location.pathname);
  }
  return sessionStorage.getItem('token');
}

function askForToken(why) {
  say(why, 'bad');
  sessionStorage.removeItem('token');
  byId('sign-in').hidden = false;
  byId('token').value = '';
  byId('token').focus();
}

function connect(token) {
  byId('sign-in').hidden = true;
  say('connecting');
  hub.connect(token);
}

function say(text, mood = '') {
  byId('state').textContent = text;
  byId('state').className = mood;
}

async function subscribe() {
  const answer = await hub.ask({ type: 'subscribe', devices: ['*'] });
  if (answer.type === 'error') {
    say(answer.message, 'bad');
    return;
  }
  fleet.reset(answer.devices);
  if (answer.truncated) events.add('more than 1000 devices: others are shown once they speak');
}

function describe(update) {
  const detail = update.error ? `: ${update.error.message}`
    : update.result !== null && update.result !== undefined ? `: ${JSON.stringify(update.result)}` : '';
  return `${update.device} ${update.name} ${update.status}${update.late ? ' (late result)' : ''}${detail}`;
}

const handlers = {
  welcome: () => {
    say('connected', 'good');
    subscribe();
  },
  error: ({ message }) => say(message, 'bad'),
  telemetry: (event) => {
    samples += 1;
    fleet.sample(event);
  },
  presence: (event) => {
    fleet.presence(event);
    events.add(`${event.device} ${event.connected ? 'connected' : `left: ${event.reason}`}`);
  },
  'device.registered': ({ device }) => {
    fleet.entry(device);
    events.add(`${device.id} is new`);
  },
  'device.updated': ({ device }) => fleet.entry(device),
  'device.deleted': ({ device }) => {
    fleet.remove(device.id);
    events.add(`${device.id} was deleted`);
  },
  'device.status': (event) => {
    fleet.status(event);
    events.add(`${event.device} says ${event.status}${event.detail ? `: ${event.detail}` : ''}`);
  },
  'command.update': (event) => {
    events.add(describe(event));
    updates.delete(event.command);
    updates.set(event.command, event);
    if (updates.size > kRememberedUpdates) updates.delete(updates.keys().next().value);
    if (event.command === ownCommand) byId('command-answer').textContent = describe(event);
  },
  lag: (event) => events.add(`this page was too slow for ${event.dropped} samples`),
  'auth.expiring': () => events.add('the token expires within a minute'),
};

byId('sign-in').addEventListener('submit', (event) => {
  event.preventDefault();
  const token = byId('token').value.trim();
  sessionStorage.setItem('token', token);
  connect(token);
});

byId('filter').addEventListener('input', (event) => fleet.filter(event.target.value));

byId('command').addEventListener('submit', async (event) => {
  event.preventDefault();
  const answer = byId('command-answer');
  const message = {
    type: 'command.send',
    device: byId('command-device').value.trim(),
    name: byId('command-name').value.trim(),
  };
  const text = byId('command-params').value.trim();
  try {
    if (text) message.params = JSON.parse(text);
  } catch (error) {
    answer.textContent = `params are no JSON: ${error.message}`;
    return;
  }
  answer.textContent = 'sending';
  const result = await hub.ask(message);
  if (result.type === 'error') {
    answer.textContent = result.message;
    return;
  }
  ownCommand = result.command;
  const known = updates.get(ownCommand);
  answer.textContent = known ? describe(known) : `${message.device} ${message.name} ${result.status}`;
});

window.addEventListener('hashchange', () => {
  const token = takeToken();
  if (token) connect(token);
});

setInterval(() => {
  byId('count-rate').textContent = samples;
  samples = 0;
  byId('count-devices').textContent = fleet.size;
  byId('count-connected').textContent = fleet.connected;
  fleet.offer(byId('known-devices'));
}, 1000);

const token = takeToken();
if (token) connect(token);
else askForToken('a token is needed');
