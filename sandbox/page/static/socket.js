// The page's only WebSocket: requests, messages from the sandbox, and reconnecting after a lost connection.

/** An error whose message is meant for the person. */
export class RequestError extends Error {}

export class Socket extends EventTarget {
  #socket = null;
  #lastId = 0;
  #pending = new Map();
  #retryDelay = 300;

  /** @param {() => string} person returns the name of the person the page acts as */
  constructor(person) {
    super();
    this.person = person;
  }

  /** Connect, and reconnect until the page is closed. */
  open() {
    const url = new URL(`live?as=${encodeURIComponent(this.person())}`, document.baseURI);
    url.protocol = "ws:";
    const socket = (this.#socket = new WebSocket(url));
    socket.addEventListener("message", (event) => this.#receive(JSON.parse(event.data)));
    socket.addEventListener("open", () => (this.#retryDelay = 300));
    socket.addEventListener("close", () => this.#reconnect());
  }

  /** Request an action; resolves with its result, rejects with `RequestError`. */
  request(action, parameters = {}) {
    return new Promise((resolve, reject) => {
      if (this.#socket?.readyState !== WebSocket.OPEN) {
        reject(new RequestError("Not connected to the sandbox."));
        return;
      }
      const id = ++this.#lastId;
      this.#pending.set(id, { resolve, reject });
      this.#socket.send(JSON.stringify({ id, action, ...parameters }));
    });
  }

  #receive(message) {
    if (message.t === "response") {
      const pending = this.#pending.get(message.id);
      this.#pending.delete(message.id);
      if (message.ok) pending?.resolve(message.result);
      else pending?.reject(new RequestError(message.error));
      return;
    }
    this.dispatchEvent(new CustomEvent(message.t, { detail: message }));
  }

  #reconnect() {
    for (const { reject } of this.#pending.values()) reject(new RequestError("Not connected to the sandbox."));
    this.#pending.clear();
    this.dispatchEvent(new CustomEvent("lost"));
    setTimeout(() => this.open(), this.#retryDelay);
    this.#retryDelay = Math.min(this.#retryDelay * 1.7, 5000);
  }
}

/** Upload a file to the sandbox and return its name there. */
export async function uploadFile(file) {
  const response = await fetch(`upload?name=${encodeURIComponent(file.name)}`, {
    method: "POST",
    body: file,
    headers: { "Content-Type": file.type || "application/octet-stream" },
  });
  if (!response.ok) throw new RequestError(response.status === 413 ? "This file is too large for the sandbox." : "The upload failed. Try again.");
  return (await response.json()).upload;
}

/** Return the drawn portrait as a file. */
export async function fetchPortrait() {
  const response = await fetch("portrait.png");
  return new File([await response.blob()], "portrait.png", { type: "image/png" });
}
