// What there is of TensorBoard around the tab. Its page frames ours and comes from the same server.

const KEY = "p.modelviz.";

/** Calls `onReload` each time when TensorBoard has loaded its data again. */
export function listenForReloads(onReload) {
  // The protocol of TensorBoard's experimental plugin library, which is not on npm.
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.isReply) return;
    if (message.type === "experimental.DataReloaded") onReload();
    port1.postMessage(JSON.stringify({ type: message.type, id: message.id, payload: null, error: null, isReply: true }));
  };
  window.parent.postMessage("experimental.bootstrap", "*", [port2]);
}

/** Keeps `data-theme` of our document as TensorBoard's theme is. */
export function followTheme() {
  const body = window.parent.document.body;
  const apply = () => {
    document.documentElement.dataset.theme = body.classList.contains("dark-mode") ? "dark" : "light";
  };
  new MutationObserver(apply).observe(body, { attributes: true, attributeFilter: ["class"] });
  apply();
}

/** What is chosen by the address: `#modelviz&p.modelviz.left=…&p.modelviz.right=…`. */
export function readChoice() {
  const parts = hashParts().filter((part) => part.startsWith(KEY));
  return Object.fromEntries(parts.map((part) => part.slice(KEY.length).split("=").map(decode)));
}

/** Puts what is chosen into the address, so that it can be kept and sent; the rest stays. */
export function writeChoice(choice) {
  const others = hashParts().filter((part) => !part.startsWith(KEY));
  const chosen = Object.entries(choice).filter(([, value]) => value);
  const ours = chosen.map(([name, value]) => `${KEY}${name}=${encodeURIComponent(value)}`);
  const { history, location } = window.parent;
  const hash = `#${[...others, ...ours].join("&")}`;
  // TensorBoard would take an event of the address for a choice of another tab.
  if (hash !== location.hash) history.replaceState(history.state, "", location.pathname + location.search + hash);
}

/** Calls `onChoice` when somebody changes the address. */
export function listenForChoices(onChoice) {
  window.parent.addEventListener("popstate", onChoice);
}

function hashParts() {
  return window.parent.location.hash.slice(1).split("&").filter(Boolean);
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
