// The host's side of MCP Apps: JSON-RPC over postMessage with the window that shows this frame.

const PROTOCOL = "2026-01-26";
const unanswered = new Map();
const call = { input: {}, result: null, context: {}, capabilities: {}, now: () => Date.now() };
let lastId = 0;

function send(message) {
  // The host's origin is not known to the page; only the window that embeds it receives this.
  window.parent.postMessage({ jsonrpc: "2.0", ...message }, "*");
}

function ask(method, params) {
  lastId += 1;
  const id = lastId;
  return new Promise((resolve, reject) => {
    unanswered.set(id, { resolve, reject });
    send({ id, method, params });
  });
}

function callTool(name, args) {
  return ask("tools/call", { name, arguments: args });
}

function applyContext(context) {
  Object.assign(call.context, context);
  const root = document.documentElement;
  if (["light", "dark"].includes(context.theme)) root.dataset.theme = context.theme;
  // The host's fonts would be loaded from elsewhere, so only its colours and font names are taken.
  for (const [name, value] of Object.entries(record(record(context.styles).variables))) {
    if (/^--(color|font)-[a-z0-9-]+$/.test(name) && typeof value === "string" && !/url\(/i.test(value)) {
      root.style.setProperty(name, value);
    }
  }
}

const ANSWERS = { "ping": () => ({}), "ui/resource-teardown": () => ({}) };

const NOTIFICATIONS = {
  "ui/notifications/tool-input": (params) => {
    call.input = record(params.arguments);
    if (call.result !== null) show();
  },
  "ui/notifications/tool-result": (params) => {
    call.result = params;
    show();
  },
  "ui/notifications/tool-cancelled": () => {
    if (call.result === null) say("The call was cancelled.");
  },
  "ui/notifications/host-context-changed": applyContext,
};

function receive(event) {
  if (event.source !== window.parent || record(event.data).jsonrpc !== "2.0") return;
  const { id, method, params, result, error } = event.data;
  if (method === undefined) {
    const waiting = unanswered.get(id);
    unanswered.delete(id);
    if (error) waiting?.reject(new Error(error.message));
    else waiting?.resolve(result);
  } else if (id === undefined) {
    if (Object.hasOwn(NOTIFICATIONS, method)) NOTIFICATIONS[method](record(params));
  } else if (Object.hasOwn(ANSWERS, method)) {
    send({ id, result: ANSWERS[method]() });
  } else {
    send({ id, error: { code: -32601, message: "This card does not answer that." } });
  }
}

function say(text) {
  document.getElementById("card").replaceChildren(element("p", { class: "lines", role: "status" }, text));
}

function textOf(result) {
  return list(result.content).filter((block) => block.type === "text").map((block) => block.text).join("\n");
}

function show() {
  const { result } = call;
  const answer = record(result.structuredContent);
  if (result.isError && answer.status === undefined) {
    say(textOf(result) || "The call failed.");
    return;
  }
  const nodes = render(answer, call);
  if (nodes === null) say(textOf(result));
  else document.getElementById("card").replaceChildren(...nodes.flat(Infinity).filter(Boolean));
}

function watchSize() {
  const measure = () => {
    const { height } = document.body.getBoundingClientRect();
    send({
      method: "ui/notifications/size-changed",
      params: { width: Math.ceil(window.innerWidth), height: Math.ceil(height) },
    });
  };
  new ResizeObserver(measure).observe(document.body);
}

async function start() {
  // A page written to a file holds its answer, and has no host.
  const stored = document.getElementById("answer");
  if (stored !== null) {
    const { input, result, now, theme } = JSON.parse(stored.textContent);
    Object.assign(call, { input: record(input), result });
    if (now) call.now = () => Date.parse(now);
    applyContext({ theme });
    show();
    return;
  }
  if (window.parent === window) return;
  window.addEventListener("message", receive);
  const answer = record(await ask("ui/initialize", {
    appInfo: { name: "loyalty-mcp-card", title: document.title, version: "1" },
    appCapabilities: { availableDisplayModes: ["inline"] },
    protocolVersion: PROTOCOL,
  }));
  call.capabilities = record(answer.hostCapabilities);
  applyContext(record(answer.hostContext));
  send({ method: "ui/notifications/initialized", params: {} });
  watchSize();
}

start();
