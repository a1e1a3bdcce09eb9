// The one WebSocket: what the page asks, what it is told, and coming back when the connection broke.

/** A sentence for the person: what they wanted is not possible. */
export class Refused extends Error {}

export class Wire extends EventTarget {
  #socket = null;
  #number = 0;
  #waiting = new Map();
  #pause = 300;

  /** @param {() => string} person who the page speaks as */
  constructor(person) {
    super();
    this.person = person;
  }

  /** Connect, and keep connecting until the page is left. */
  open() {
    const address = new URL(`live?as=${encodeURIComponent(this.person())}`, document.baseURI);
    address.protocol = "ws:";
    const socket = (this.#socket = new WebSocket(address));
    socket.addEventListener("message", (event) => this.#take(JSON.parse(event.data)));
    socket.addEventListener("open", () => (this.#pause = 300));
    socket.addEventListener("close", () => this.#lost());
  }

  /** Ask for something; resolves with the result, rejects with `Refused`. */
  ask(what, about = {}) {
    return new Promise((resolve, reject) => {
      if (this.#socket?.readyState !== WebSocket.OPEN) {
        reject(new Refused("The sandbox is not connected."));
        return;
      }
      const id = ++this.#number;
      this.#waiting.set(id, { resolve, reject });
      this.#socket.send(JSON.stringify({ id, do: what, ...about }));
    });
  }

  #take(told) {
    if (told.t === "re") {
      const waiting = this.#waiting.get(told.id);
      this.#waiting.delete(told.id);
      if (told.ok) waiting?.resolve(told.result);
      else waiting?.reject(new Refused(told.sentence));
      return;
    }
    this.dispatchEvent(new CustomEvent(told.t, { detail: told }));
  }

  #lost() {
    for (const { reject } of this.#waiting.values()) reject(new Refused("The sandbox is not connected."));
    this.#waiting.clear();
    this.dispatchEvent(new CustomEvent("lost"));
    setTimeout(() => this.open(), this.#pause);
    this.#pause = Math.min(this.#pause * 1.7, 5000);
  }
}

/** Hand a file to the sandbox and return its name there. */
export async function upload(file) {
  const answer = await fetch(`upload?name=${encodeURIComponent(file.name)}`, {
    method: "POST",
    body: file,
    headers: { "Content-Type": file.type || "application/octet-stream" },
  });
  if (!answer.ok) throw new Refused(answer.status === 413 ? "The file is too large for the sandbox." : "The file did not arrive.");
  return (await answer.json()).upload;
}

/** Return the drawn portrait as a file. */
export async function portrait() {
  const answer = await fetch("portrait.png");
  return new File([await answer.blob()], "portrait.png", { type: "image/png" });
}
