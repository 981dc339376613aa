// Reads what is recorded of one issue: JSON, deflated, in base64, each long text once.

const opened = new Map();

/** Return the record of the page of a number; it is unpacked at most once while it is in use. */
async function recordOf(number) {
  if (!opened.has(number)) {
    opened.clear();
    opened.set(number, unpacked(document.getElementById(`data-${number}`).textContent));
  }
  return opened.get(number);
}

async function unpacked(base64) {
  const raw = atob(base64.trim());
  const bytes = new Uint8Array(raw.length);
  for (let place = 0; place < raw.length; place += 1) bytes[place] = raw.charCodeAt(place);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const { texts, page } = JSON.parse(await new Response(stream).text());
  return unfolded(page, texts);
}

/** Return a value with its texts put back; `{"$": [value]}` stands for what only looks like a reference. */
function unfolded(value, texts) {
  if (Array.isArray(value)) return value.map((one) => unfolded(one, texts));
  if (value === null || typeof value !== "object") return value;
  const names = Object.keys(value);
  if (names.length === 1 && names[0] === "$") {
    if (!Array.isArray(value.$)) return texts[value.$];
    value = value.$[0];
  }
  const made = Object.create(null);
  for (const name of Object.keys(value)) made[name] = unfolded(value[name], texts);
  return made;
}
