// One WebSocket to the hub. It asks and answers, and comes back as the protocol's close codes say.
const kNoReturn = new Set([1002, 1003, 1007, 1009, 4400, 4403, 4409]);
const kFirstWait = 500;
const kLongestWait = 15_000;

export class Hub {
  #on;
  #token = null;
  #socket = null;
  #timer = 0;
  #wait = kFirstWait;
  #lastWord = null;
  #nextId = 0;
  #waiting = new Map();

  /**
   * `message` gets what is no answer, `needsToken` says why one is asked for, `waits` how long until
   * the next try, `ended` why there is none.
   */
  constructor({ message, needsToken, waits, ended }) {
    this.#on = { message, needsToken, waits, ended };
  }

  connect(token) {
    clearTimeout(this.#timer);
    this.#token = token;
    this.#lastWord = null;
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    let socket;
    try {
      socket = new WebSocket(`${scheme}://${location.host}/v1/ws`,
        ['fairlead.v1.json', `fairlead.bearer.${token}`]);
    } catch {
      this.#on.needsToken('that is no token');
      return;
    }
    this.#socket?.close();
    this.#socket = socket;
    let wasOpen = false;
    socket.onopen = () => { wasOpen = true; };
    socket.onmessage = (event) => {
      if (socket === this.#socket) this.#receive(JSON.parse(event.data));
    };
    socket.onclose = (event) => {
      if (socket === this.#socket) this.#closed(socket, event, wasOpen);
    };
  }

  /** Resolves to the ack or the error, whatever happens to the connection. */
  ask(message) {
    if (this.#socket?.readyState !== WebSocket.OPEN) {
      return Promise.resolve({ type: 'error', message: 'not connected' });
    }
    const id = ++this.#nextId;
    this.#socket.send(JSON.stringify({ ...message, id }));
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  #receive(message) {
    const answered = message.id !== undefined && this.#waiting.get(message.id);
    if (answered) {
      this.#waiting.delete(message.id);
      answered(message);
      return;
    }
    if (message.type === 'welcome') this.#wait = kFirstWait;
    if (message.type === 'error') this.#lastWord = message;
    this.#on.message(message);
  }

  async #closed(socket, { code, reason }, wasOpen) {
    for (const answered of this.#waiting.values()) {
      answered({ type: 'error', message: 'the connection ended before the answer' });
    }
    this.#waiting.clear();
    const why = this.#lastWord?.message || reason;
    const refusal = wasOpen ? null : await this.#refusal();
    if (socket !== this.#socket) return;
    if (refusal !== null || code === 4401) {
      this.#on.needsToken(refusal || why || 'the token is not accepted any more');
    } else if (kNoReturn.has(code)) {
      this.#on.ended(why || `closed with ${code}`);
    } else {
      const wait = this.#lastWord?.retry_after_ms ?? this.#wait * (0.5 + Math.random());
      this.#wait = Math.min(this.#wait * 2, kLongestWait);
      this.#on.waits(why || 'connection lost', wait);
      this.#timer = setTimeout(() => this.connect(this.#token), wait);
    }
  }

  /** A browser does not tell why a handshake failed; HTTP tells what is wrong with the token. */
  async #refusal() {
    try {
      const answer = await fetch('/v1/devices?limit=1',
        { headers: { Authorization: `Bearer ${this.#token}` } });
      return answer.status === 401 ? (await answer.json()).detail : null;
    } catch {
      return null;
    }
  }
}
