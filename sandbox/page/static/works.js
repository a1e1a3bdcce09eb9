// What is known of the works: the newest of everything that the sandbox told, by kind.

const KEPT = 400;

export class Works {
  predictions = new Map();
  rows = new Map();
  calls = [];
  events = [];
  log = [];
  switches = [];
  armed = {};
  bot = { running: false, connected: false };

  /** Begin anew. */
  load(hood) {
    this.predictions.clear();
    this.rows.clear();
    this.calls = [];
    this.events = [];
    this.log = [];
    this.take(hood);
  }

  /** Take news in. */
  take(news) {
    for (const [id, one] of Object.entries(news.predictions ?? {})) this.predictions.set(id, one);
    for (const row of news.rows ?? []) this.rows.set(row.id, row);
    for (const kind of ["calls", "events", "log"]) {
      if (news[kind]) this[kind] = [...this[kind], ...news[kind]].slice(-KEPT);
    }
    for (const kind of ["switches", "armed", "bot"]) if (news[kind]) this[kind] = news[kind];
  }

  /** Every run, the newest first: {row, prediction}; predictions without a row are runs, too. */
  runs() {
    const rows = [...this.rows.values()].sort((one, other) => (one.created_at < other.created_at ? 1 : -1));
    const known = new Set(rows.map((row) => row.prediction_id));
    const strays = [...this.predictions.values()].filter((one) => !known.has(one.id)).reverse();
    return [...rows.map((row) => ({ id: row.id, row, prediction: this.predictions.get(row.prediction_id) })), ...strays.map((one) => ({ id: one.id, row: null, prediction: one }))];
  }
}
