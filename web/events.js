// The newest events, painted at most once a frame.
const kLines = 100;

export class Events {
  #list;
  #waiting = [];

  constructor(list) {
    this.#list = list;
  }

  add(text) {
    if (this.#waiting.length === 0) requestAnimationFrame(() => this.#paint());
    this.#waiting.push(`${new Date().toLocaleTimeString()}  ${text}`);
    // A page in the background paints no frames.
    if (this.#waiting.length > kLines) this.#waiting.shift();
  }

  #paint() {
    const lines = this.#waiting.reverse().map((text) => {
      const line = document.createElement('li');
      line.textContent = text;
      return line;
    });
    this.#waiting = [];
    this.#list.prepend(...lines);
    while (this.#list.childElementCount > kLines) this.#list.lastElementChild.remove();
  }
}
